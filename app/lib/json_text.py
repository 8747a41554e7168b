"""JSON as text: cut into tokens, indented. Numbers, order and repeated names stay as written."""

import json
import re
from collections.abc import Sequence

_INDENT = "  "
#: Deeper levels are not indented further: the text would grow with the square of its depth.
_INDENTED_LEVELS_MAX = 32

# Possessive: every character is looked at once, whatever the text is. A string may be unterminated.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?+|[{}\[\],:]|[^\s{}\[\],:"]++|\s++', re.DOTALL)


def tokens_of(text: str) -> Sequence[str]:
    """Return the tokens of a JSON text in their order, white space among them; joined they are the text."""
    return _TOKEN.findall(text)


def pretty_json(text: str) -> tuple[str, str]:
    """Return the text, indented where it is JSON, and its language: json or text. Only white space changes."""
    if not text.lstrip().startswith(("{", "[")):
        return text, "text"
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text, "text"
    return reindent(text), "json"


def reindent(text: str) -> str:
    """Return valid JSON with two spaces per level, 32 levels at most; only white space changes."""
    parts: list[str] = []
    depth = 0
    tokens = [token for token in tokens_of(text) if not token.isspace()]
    for index, part in enumerate(tokens):
        if part in ("}", "]"):
            depth -= 1
            if tokens[index - 1] not in ("{", "["):
                parts.append(_line(depth))
            parts.append(part)
        elif part in ("{", "["):
            depth += 1
            parts.append(part)
            if tokens[index + 1] not in ("}", "]"):
                parts.append(_line(depth))
        elif part == ",":
            parts.append("," + _line(depth))
        else:
            parts.append(": " if part == ":" else part)
    return "".join(parts)


def _line(depth: int) -> str:
    return "\n" + _INDENT * min(depth, _INDENTED_LEVELS_MAX)
