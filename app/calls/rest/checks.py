"""Checks a definition before it is stored: every mistake that does not depend on values is found here. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from app.calls.rest import rules
from app.calls.rest.definition import PARAMETER_TYPES, STRATEGIES, Definition, Items, Pagination, Parameter
from app.calls.rest.expansion import NAME, names_in, places_in, places_in_path, problem_of, strings_in
from app.calls.rest.json_values import NotReadable, is_pointer, read_json
from app.lib.errors import FieldError, Invalid
from app.lib.redact import is_secret_name

#: Written by the credentials, by the connection, or by what reads the answer.
_OWN_HEADERS = frozenset(
    {
        "accept-encoding", "authorization", "connection", "content-length", "cookie", "expect", "host", "http2-settings",
        "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%-]*")
_PLACE = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]{0,39}\}")
_DOTS = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)

Errors = Iterator[FieldError]


def check(definition: Definition) -> None:
    """Raise Invalid naming everything that is wrong with a definition."""
    body, errors = _read_body(definition)
    errors += [
        *_words(definition),
        *_path(definition.path),
        *_query(definition.query),
        *_headers(definition),
        *_parameters(definition.parameters),
        *_places(definition, body),
        *_pagination(definition, body),
    ]
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)


def _words(definition: Definition) -> Errors:
    if not 1 <= len(definition.name) <= rules.NAME_MAX_CHARS or not definition.name.isprintable():
        yield FieldError("name", f"Give it a name of 1 to {rules.NAME_MAX_CHARS} printable characters.")
    if len(definition.description) > rules.DESCRIPTION_MAX_CHARS or "\0" in definition.description:
        yield FieldError("description", f"Write at most {rules.DESCRIPTION_MAX_CHARS} characters.")
    if definition.method not in rules.METHODS:
        yield FieldError("method", f"Choose one of: {', '.join(rules.METHODS)}.")


def _path(path: str) -> Errors:
    if not path:
        return
    if len(path) > rules.PATH_MAX_CHARS:
        yield FieldError("path", f"Write at most {rules.PATH_MAX_CHARS:,} characters.")
    elif not path.startswith("/") or path.startswith("//"):
        yield FieldError("path", "Begin with one slash: /contacts/{contact_id}.")
    elif "?" in path:
        yield FieldError("path", "Write what follows the question mark as the query, one parameter a line.")
    elif not all(_LITERAL.fullmatch(_PLACE.sub("", part)) for part in path.split("/")):
        yield FieldError(
            "path", "Leave out spaces, # and single braces, and percent-encode what is not ASCII."
        )
    elif any(_DOTS.fullmatch(part) for part in path.split("/")):
        yield FieldError("path", "Leave out the parts . and ..: a server would leave the path with them.")


def _query(query: Items) -> Errors:
    yield from _items("query", query)
    yield from _credentials("query", query)
    for name, _ in query:
        if not name or places_in([name]):
            yield FieldError("query", "Give each parameter a name; values stand behind it only.")


def _credentials(field: str, items: Items) -> Errors:
    """Yield an error for each credential that is written down: it would be stored readable."""
    for name, template in items:
        if is_secret_name(name) and template and not places_in([template]):
            yield FieldError(
                field, f"{name[:60]}: credentials belong to the integration, where they are encrypted."
            )


def _headers(definition: Definition) -> Errors:
    yield from _items("headers", definition.headers)
    yield from _credentials("headers", definition.headers)
    names = [name for name, _ in definition.headers]
    if definition.idempotency_header:
        names.append(definition.idempotency_header)
        if not _TOKEN.fullmatch(definition.idempotency_header):
            yield FieldError("idempotency_header", "Write the name of a header, such as Idempotency-Key.")
    for name in names:
        if not _TOKEN.fullmatch(name):
            yield FieldError("headers", f"{name[:60]!r} is no name of a header.")
        elif name.lower() in _OWN_HEADERS:
            yield FieldError("headers", f"{name} is written by Signalbox. Remove it.")
    for name, template in definition.headers:
        if not template.isascii() or not template.isprintable():
            yield FieldError("headers", f"{name}: write one line of ASCII characters.")


def _items(field: str, items: Items) -> Errors:
    if len(items) > rules.ITEMS_MAX:
        yield FieldError(field, f"Write at most {rules.ITEMS_MAX} lines.")
    for name, template in items:
        if len(name) + len(template) > rules.ITEM_MAX_CHARS or not (name + template).isprintable():
            yield FieldError(
                field, f"{name[:60]}: write one line of at most {rules.ITEM_MAX_CHARS:,} characters."
            )


def _read_body(definition: Definition) -> tuple[object, list[FieldError]]:
    text = definition.body
    if not text:
        return None, []
    if definition.method in rules.SAFE_METHODS:
        return None, [
            FieldError("body", f"A {definition.method} request has no body. Choose another method.")
        ]
    if len(text) > rules.BODY_MAX_CHARS:
        return None, [FieldError("body", f"Write at most {rules.BODY_MAX_CHARS:,} characters.")]
    try:
        body = read_json(text)
    except NotReadable as error:
        return None, [
            FieldError("body", f'Write JSON, with places as strings such as "{{{{name}}}}": {error}.')
        ]
    if places_in(names_in(body)):
        return body, [FieldError("body", "Values can stand in strings only, not in the names of members.")]
    return body, []


def _parameters(parameters: Sequence[Parameter]) -> Errors:
    if len(parameters) > rules.PARAMETERS_MAX:
        yield FieldError("parameters", f"Declare at most {rules.PARAMETERS_MAX} parameters.")
    for name, count in Counter(one.name for one in parameters).items():
        if count > 1:
            yield FieldError("parameters", f"{name[:60]} is declared {count} times. Declare it once.")
    for one in parameters:
        if not NAME.fullmatch(one.name):
            yield FieldError(
                "parameters",
                f"{one.name[:60]!r} is no name: begin with a letter, then letters, digits and underscores, at most 40.",
            )
        elif one.type not in PARAMETER_TYPES:
            yield FieldError("parameters", f"{one.name}: choose one of {', '.join(PARAMETER_TYPES)}.")
        elif len(one.note) > rules.NOTE_MAX_CHARS or not one.note.isprintable():
            yield FieldError(
                "parameters", f"{one.name}: write a note of at most {rules.NOTE_MAX_CHARS} characters."
            )
        elif one.default is not None and (problem := problem_of(one, one.default)):
            yield FieldError("parameters", f"{one.name}: its default does not fit. {problem}")


def _places(definition: Definition, body: object) -> Errors:
    declared = {one.name for one in definition.parameters}
    held = {
        "path": places_in_path(definition.path),
        "query": places_in(template for _, template in definition.query),
        "headers": places_in(template for _, template in definition.headers),
        "body": places_in(strings_in(body)),
    }
    for field, names in held.items():
        for name in dict.fromkeys(names):
            if name not in declared:
                yield FieldError(field, f"It holds {name}, which is not declared as a parameter. Declare it.")
    for name in declared - {name for names in held.values() for name in names}:
        if NAME.fullmatch(name):
            yield FieldError("parameters", f"{name} is not used anywhere. Use it, or remove it.")


def _pagination(definition: Definition, body: object) -> Errors:
    pagination = definition.pagination
    if pagination.strategy not in STRATEGIES:
        yield FieldError("pagination.strategy", f"Choose one of: {', '.join(STRATEGIES)}.")
        return
    yield from _pointers(pagination)
    yield from _stops(pagination)
    if not pagination.has_pages:
        return
    if pagination.sends_position and not 1 <= len(pagination.parameter) <= rules.NAME_MAX_CHARS:
        yield FieldError("pagination.parameter", "Name the parameter that asks for the next page.")
    if pagination.parameter_in not in ("query", "body"):
        yield FieldError("pagination.parameter_in", "Choose query or body.")
    elif pagination.sends_position and pagination.parameter_in == "body" and not isinstance(body, dict):
        yield FieldError("pagination.parameter_in", "The body has to be a JSON object to take the parameter.")
    yield from _places_of_next(pagination)
    if definition.method == "HEAD":
        yield FieldError("method", "The answer to HEAD has no body, so it has no pages. Choose GET.")


def _places_of_next(pagination: Pagination) -> Errors:
    """Yield what is missing of where an answer says what comes next."""
    if pagination.strategy in {"page", "offset", "keyset"} and pagination.records_at is None:
        yield FieldError(
            "pagination.records_at", "Say where an answer holds its records: their end is found by them."
        )
    if pagination.strategy == "cursor" and not (pagination.next_at or pagination.next_header):
        yield FieldError("pagination.next_at", "Say where an answer holds the next cursor.")
    if pagination.strategy == "next_url" and not pagination.next_at:
        yield FieldError("pagination.next_at", "Say where an answer holds the next address.")
    if pagination.strategy == "keyset" and not pagination.key_at:
        yield FieldError("pagination.key_at", "Say where a record holds its key, such as /id.")


def _pointers(pagination: Pagination) -> Errors:
    for name in ("records_at", "next_at", "key_at"):
        pointer = getattr(pagination, name)
        if pointer and (len(pointer) > rules.POINTER_MAX_CHARS or not is_pointer(pointer)):
            yield FieldError(
                f"pagination.{name}", "Write a JSON pointer: slashes and names, such as /data/items."
            )
    if pagination.next_header and not _TOKEN.fullmatch(pagination.next_header):
        yield FieldError("pagination.next_header", "Write the name of a header, such as X-Next-Cursor.")
    if len(pagination.size_parameter) > rules.NAME_MAX_CHARS:
        yield FieldError("pagination.size_parameter", f"Write at most {rules.NAME_MAX_CHARS} characters.")


def _stops(pagination: Pagination) -> Errors:
    bounds = {
        "pages_max": rules.PAGES_MAX,
        "records_max": rules.RECORDS_MAX,
        "size_max_mib": rules.SIZE_MAX_MIB,
        "seconds_max": rules.SECONDS_MAX,
    }
    for name, bound in bounds.items():
        if not 1 <= getattr(pagination, name) <= bound:
            yield FieldError(f"pagination.{name}", f"Choose a number from 1 to {bound:,}.")
    if pagination.size is not None and not 1 <= pagination.size <= rules.PAGE_SIZE_MAX:
        yield FieldError("pagination.size", f"Choose a number from 1 to {rules.PAGE_SIZE_MAX:,}, or none.")
    if not 0 <= pagination.first_page <= 1:
        yield FieldError("pagination.first_page", "Pages are counted from 0 or from 1.")
    if bool(pagination.size_parameter) != (pagination.size is not None):
        yield FieldError(
            "pagination.size", "Give both the number of records a page and the parameter for it, or none."
        )
