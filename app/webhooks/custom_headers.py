"""The headers that a team adds to a webhook's requests: what is refused, and how stored values are masked."""

import re
from collections.abc import Iterable, Sequence

from app.lib.errors import FieldError, Invalid
from app.lib.redact import MASK

HEADERS_MAX = 20
HEADERS_MAX_BYTES = 4096
NAME_MAX_CHARS = 100

#: RFC 9110 §5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: What the connection or Signalbox itself writes.
_RESERVED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_RESERVED_PREFIXES = ("proxy-", "webhook-")

Pairs = list[tuple[str, str]]


def read_lines(text: str) -> Pairs:
    """Return the pairs of a text of lines `Name: value`; empty lines count for nothing.

    Raises Invalid for a line without a colon.
    """
    pairs: Pairs = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise _invalid(f"Line {number} has no colon. Write one header per line, as Name: value.")
        pairs.append((name.strip(), value.strip()))
    return pairs


def shown_names(pairs: Pairs, *, stored: Sequence[tuple[str, str]] = ()) -> list[str]:
    """Return the headers for the audit trail: no value, but which of them got another one than in `stored`."""
    before = {name.lower(): value for name, value in stored}
    return [
        f"{name}: {MASK}{' (new value)' if before.get(name.lower(), value) != value else ''}"
        for name, value in pairs
    ]


def masked_lines(names: Iterable[str]) -> str:
    """Return the text of a form for stored headers: their names, their values masked."""
    return "\n".join(f"{name}: {MASK}" for name in names)


def keeps_values(given: Sequence[tuple[str, str]]) -> bool:
    """Return whether some value is to stay as it is stored."""
    return any(value in ("", MASK) for _, value in given)


def checked(given: Sequence[tuple[str, str]], *, stored: Sequence[tuple[str, str]] = ()) -> Pairs:
    """Return the headers to store. An empty or masked value keeps the one that is stored under the name.

    Raises Invalid, listing everything that is wrong.
    """
    kept = {name.lower(): value for name, value in stored}
    pairs: Pairs = []
    problems: list[str] = []
    seen: set[str] = set()
    for name, value in given:
        lower = name.lower()
        text = kept.get(lower, "") if value in ("", MASK) else value
        problem = _problem_of_name(name) or _problem_of_value(name, text)
        if problem is None and lower in seen:
            problem = f"{name} stands there twice."
        if problem is not None:
            problems.append(problem)
        seen.add(lower)
        pairs.append((name, text))
    if len(pairs) > HEADERS_MAX:
        problems.append(f"There are {len(pairs)} headers; at most {HEADERS_MAX} are sent.")
    size_bytes = sum(len(name) + len(value) + 4 for name, value in pairs)
    if size_bytes > HEADERS_MAX_BYTES:
        problems.append(
            f"The headers have {size_bytes} bytes together; at most {HEADERS_MAX_BYTES} are sent."
        )
    if problems:
        raise _invalid(*problems[:5])
    return pairs


def _problem_of_name(name: str) -> str | None:
    shown = repr(name[:NAME_MAX_CHARS])
    if not name:
        return "A header has no name."
    if len(name) > NAME_MAX_CHARS or _TOKEN.fullmatch(name) is None:
        return f"{shown} is no header name: use letters, digits and hyphens, at most {NAME_MAX_CHARS}."
    lower = name.lower()
    if lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES):
        return f"{name} is written by Signalbox itself and cannot be set."
    return None


def _problem_of_value(name: str, value: str) -> str | None:
    if not value:
        return f"{name} has no value."
    if (
        value != value.strip()
        or not value.isascii()
        or any(ord(char) < 32 or ord(char) == 127 for char in value)
    ):
        return f"The value of {name} holds a line break or a character other than printable ASCII."
    if MASK in value:
        return f"The value of {name} is masked. Write the whole value, or leave it as it was."
    return None


def _invalid(*messages: str) -> Invalid:
    return Invalid(" ".join(messages), errors=[FieldError("headers", message) for message in messages])
