"""Masks secrets in bodies as text: in JSON by its structure, in everything else by what looks like a field.

Every function reads its text once, from left to right: its time grows with the length and with nothing else.
"""

import re
from collections.abc import Callable, Sequence

import orjson

from app.lib.json_text import tokens_of
from app.lib.redact import MASK, is_secret_name

#: Whether the value under this name is secret, by its name and its depth: 1 is the outermost object.
NameIsSecret = Callable[[str, int], bool]
#: Returns the content of a string with what is secret in it masked.
MaskString = Callable[[str], str]

_MASKED_VALUE = f'"{MASK}"'
#: Values that hold nothing: to see that a field was empty helps, and gives nothing away.
_EMPTY = frozenset({"null", '""'})

_WORD = re.compile(r"(?:[\w.-]|\\u[0-9a-fA-F]{4})++")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_BETWEEN = re.compile(r"\\*+[\"']?+\s*+[:=]\s*+")
_OPENING_QUOTE = re.compile(r"\\*+([\"'])")
_REST_OF_STRING = {
    '"': re.compile(r'(?:[^"\\]++|\\.)*+"?+', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]++|\\.)*+'?+", re.DOTALL),
}
_REST_OF_BARE = re.compile(r"[^,;&}\]\n\"']*+")
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"?+|[{}\[\]]', re.DOTALL)


def masked_json(text: str, *, is_secret: NameIsSecret, mask_string: MaskString) -> str:
    """Return valid JSON with the values under secret names masked, whatever is below them; the rest as written."""
    parts: list[str] = []
    tokens = tokens_of(text)
    depth, index, last = 0, 0, ""
    while index < len(tokens):
        part = tokens[index]
        index += 1
        parts.append(_masked_string(part, mask_string) if part[0] == '"' else part)
        if part in ("{", "["):
            depth += 1
        elif part in ("}", "]"):
            depth -= 1
        elif part == ":" and is_secret(_content(last), depth):
            index = _mask_value(tokens, index, parts)
        if not part.isspace():
            last = tokens[index - 1]
    return "".join(parts)


def masked_pairs(text: str, secret_names: frozenset[str] = frozenset()) -> str:
    """Return any text with the values of `name=value`, `name: value`, `"name": "value"` masked where the name is secret.

    For what is cut off or broken, so in doubt it masks more: an object or a list to its end, a bare value to the next
    separator. `secret_names`, in lower case, are secret besides.
    """
    parts: list[str] = []
    position = shown_to = 0
    while word := _WORD.search(text, position):
        position = word.end()
        between = _BETWEEN.match(text, position)
        name = _unescaped(word[0])
        if between is None or not (is_secret_name(name) or name.lower() in secret_names):
            continue
        start = between.end()
        quote = _OPENING_QUOTE.match(text, start)
        mark = quote[1] if quote else ""
        parts += (text[shown_to:start], mark, MASK, mark)
        position = shown_to = _end_of_value(text, start, quote)
    return "".join([*parts, text[shown_to:]])


def _mask_value(tokens: Sequence[str], index: int, parts: list[str]) -> int:
    """Append a mask for the value that begins at or after `index`; returns where the text goes on."""
    while tokens[index].isspace():
        parts.append(tokens[index])
        index += 1
    parts.append(tokens[index] if tokens[index] in _EMPTY else _MASKED_VALUE)
    depth = 0
    for end in range(index, len(tokens)):
        depth += (tokens[end] in ("{", "[")) - (tokens[end] in ("}", "]"))
        if depth == 0:
            return end + 1
    return len(tokens)


def _masked_string(written: str, mask_string: MaskString) -> str:
    content = _content(written)
    masked = mask_string(content)
    return written if masked == content else orjson.dumps(masked).decode()


def _content(written: str) -> str:
    """Return what a JSON string says."""
    return str(orjson.loads(written)) if "\\" in written else written[1:-1]


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)


def _end_of_value(text: str, start: int, quote: re.Match[str] | None) -> int:
    if quote is not None:
        start = _matched_to(_REST_OF_STRING[quote[1]], text, quote.end())
    elif text[start : start + 1] in ("{", "["):
        start = _end_of_structure(text, start)
    # A password with a quote in it breaks the JSON around it: what follows up to a separator belongs to it.
    return _matched_to(_REST_OF_BARE, text, start)


def _end_of_structure(text: str, start: int) -> int:
    depth = 0
    for found in _STRUCTURE.finditer(text, start):
        depth += (found[0] in ("{", "[")) - (found[0] in ("}", "]"))
        if depth == 0:
            return found.end()
    return len(text)


def _matched_to(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start
