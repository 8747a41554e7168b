"""What endpoints may be. Pure."""

NAME_MAX_CHARS = 100
DESCRIPTION_MAX_CHARS = 500
NOTE_MAX_CHARS = 200
#: In one integration.
ENDPOINTS_MAX = 200
PATH_MAX_CHARS = 1_000
#: Of each: the query, and the headers.
ITEMS_MAX = 30
ITEM_MAX_CHARS = 2_000
BODY_MAX_CHARS = 20_000
PARAMETERS_MAX = 15

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
#: They change nothing (RFC 9110 §9.2.1), so they can be repeated.
SAFE_METHODS = frozenset({"GET", "HEAD"})

#: Of a value that is given to a parameter, and of what is made of all of them.
VALUE_MAX_CHARS = 100_000
URL_MAX_CHARS = 8_000
SENT_MAX_BYTES = 1024 * 1024
#: Levels of JSON that are read of an answer, and taken as a value.
JSON_DEPTH_MAX = 64

PAGES_MAX = 100
RECORDS_MAX = 100_000
SECONDS_MAX = 30
SIZE_MAX_MIB = 10
PAGE_SIZE_MAX = 10_000
POINTER_MAX_CHARS = 300
CURSOR_MAX_CHARS = 4_000
