"""Foreign JSON: read within a bound of depth, with pointers into it. Pure."""

from typing import Any, Final

import orjson

from app.calls.rest.rules import JSON_DEPTH_MAX


class _Missing:
    """There is nothing at a pointer."""


MISSING: Final = _Missing()


class NotReadable(Exception):
    """A text is not JSON, or nested too deeply; says which."""


def read_json(content: bytes | str) -> Any:  # noqa: ANN401 - foreign JSON
    """Return what a JSON text holds. Raises NotReadable."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise NotReadable(
            f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    if is_too_deep(value):
        raise NotReadable(f"its JSON is nested more than {JSON_DEPTH_MAX} levels deep")
    return value


def is_too_deep(value: object) -> bool:
    """Return whether a value is nested more than 64 levels deep."""
    level = [value]
    for _ in range(JSON_DEPTH_MAX):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def is_pointer(text: str) -> bool:
    """Return whether the text is a JSON pointer (RFC 6901 §3)."""
    return (not text or text.startswith("/")) and "~" not in text.replace("~0", "").replace("~1", "")


def resolve(value: Any, pointer: str) -> Any:  # noqa: ANN401 - foreign JSON
    """Return what is at a JSON pointer (RFC 6901 §4), or MISSING."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and len(name) <= 9:
            value = value[int(name)] if int(name) < len(value) else MISSING
        else:
            return MISSING
    return value


def text_of(value: object) -> str:
    """Return a value of JSON as it stands in an address or amid other text: strings without quotes."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
