"""Bounds of schemas, operations and variables, and what the state of an answer is called. Pure."""

import re
from enum import StrEnum

#: Of a schema as it is sent and as it is stored, in bytes.
SDL_MAX_BYTES = 4 * 1024 * 1024
#: Of an answer to the introspection query, which is many times longer than the same schema in SDL.
INTROSPECTION_MAX_BYTES = 16 * 1024 * 1024
TYPES_MAX = 10_000
SDL_TOKENS_MAX = 600_000
VERSIONS_MAX = 50

DOCUMENT_MAX_CHARS = 64_000
DOCUMENT_TOKENS_MAX = 2_000
DESCRIPTION_MAX_CHARS = 500
OPERATION_NAME_MAX_CHARS = 100
OPERATIONS_MAX = 200
VARIABLES_MAX = 50
VARIABLES_MAX_BYTES = 65_536
#: How many errors of one kind are shown.
ERRORS_MAX = 20
#: How many changes of one severity are stored with a version; the rest are counted.
CHANGES_MAX = 300

ANSWER_DEPTH_MAX = 64
INTROSPECTION_HEADERS_MAX = 10

# Possessive: every byte is looked at once.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_OTHER_BYTES = bytes(set(range(256)) - set(b"[]{}"))


class Severity(StrEnum):
    """What a change of a schema means to those who use it: it breaks them, can surprise them, or neither."""

    BREAKING = "breaking"
    DANGEROUS = "dangerous"
    SAFE = "safe"


class RunState(StrEnum):
    """What became of a run. An answer with status 200 that lists errors is no success."""

    SUCCEEDED = "SUCCEEDED"
    #: There is data, and errors besides.
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


def is_too_deep(text: bytes, depth_max: int = ANSWER_DEPTH_MAX) -> bool:
    """Return whether JSON text is nested deeper than allowed. In linear time, before any parser that recurses."""
    brackets = _STRING.sub(b"", text).translate(_ONE_KIND, _OTHER_BYTES)
    for _ in range(depth_max):
        # Each round takes away the innermost level.
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True
