"""Puts the values of parameters into a definition. Values only: nothing of them is carried out or expanded again. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson

from app.calls.rest.definition import Definition, Items, Parameter, Value
from app.calls.rest.json_values import NotReadable, is_too_deep, read_json, text_of
from app.calls.rest.rules import JSON_DEPTH_MAX, SENT_MAX_BYTES, VALUE_MAX_CHARS
from app.lib.errors import FieldError, Invalid

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,39}"
_PATH_PLACE = re.compile(r"\{(" + _NAME + r")\}")
_PLACE = re.compile(r"\{\{ ?(" + _NAME + r") ?\}\}")
NAME = re.compile(_NAME)

_LEFT_OUT: Final = object()
_KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}
_WORDS = {"string": "a text", "number": "a number", "boolean": "true or false", "json": "JSON"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A definition with its values: path percent-encoded, query and headers as text, the body as JSON (None: no body)."""

    path: str
    query: list[tuple[str, str]] = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    body: Any = field(repr=False)


def places_in_path(path: str) -> list[str]:
    """Return the names that a path holds, in their order."""
    return _PATH_PLACE.findall(path)


def places_in(texts: Iterable[str]) -> list[str]:
    """Return the names that templates of a query, of headers or of strings of a body hold, in their order."""
    return [name for text in texts for name in _PLACE.findall(text)]


def strings_in(part: Value) -> Iterator[str]:
    """Yield the strings of a value of JSON, without the names of its members."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list):
        for child in part.values() if isinstance(part, dict) else part:
            yield from strings_in(child)


def names_in(part: Value) -> Iterator[str]:
    """Yield the names of the members of a value of JSON, on all levels."""
    if isinstance(part, dict):
        yield from part
    if isinstance(part, dict | list):
        for child in part.values() if isinstance(part, dict) else part:
            yield from names_in(child)


def bind(parameters: Sequence[Parameter], given: Mapping[str, Value]) -> dict[str, Value]:
    """Return the value of each parameter that has one. Raises Invalid naming every wrong one as `parameters.<name>`.

    Null, but of a parameter that takes JSON, counts as not given.
    """
    known = {one.name for one in parameters}
    errors = [
        FieldError(f"parameters.{name[:60]}", f"The endpoint has no such parameter. {_known_words(known)}")
        for name in given
        if name not in known
    ]
    values: dict[str, Value] = {}
    for one in parameters:
        value = given.get(one.name)
        is_given = value is not None or (one.type == "json" and one.name in given)
        if is_given:
            problem = problem_of(one, value)
            if problem is not None:
                errors.append(FieldError(f"parameters.{one.name}", problem))
            values[one.name] = value
        elif one.default is not None:
            values[one.name] = one.default
        elif one.is_required:
            errors.append(FieldError(f"parameters.{one.name}", f"Give it a value: {_WORDS[one.type]}."))
    if errors:
        raise Invalid("Correct the parameters listed under errors.", errors=errors)
    return values


def read_value(parameter: Parameter, text: str) -> Value:
    """Return the value that somebody typed for a parameter. Raises Invalid."""
    if parameter.type == "string":
        return text
    try:
        return read_json(text)
    except NotReadable as error:
        raise Invalid.field(
            f"parameters.{parameter.name}", f"Write {_WORDS[parameter.type]}: {error}."
        ) from None


def problem_of(parameter: Parameter, value: Value) -> str | None:
    """Return what is wrong with the value of a parameter, in words that say what to do; None: nothing."""
    kinds = _KINDS.get(parameter.type)
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        return f"Give it {_WORDS[parameter.type]}."
    if is_too_deep(value):
        return f"Give it JSON of at most {JSON_DEPTH_MAX} levels."
    try:
        size = len(orjson.dumps(value))
    except (TypeError, orjson.JSONEncodeError):
        return "Give it a number of at most 64 bits, or send it as a text."
    return None if size <= VALUE_MAX_CHARS else f"Give it at most {VALUE_MAX_CHARS:,} characters."


def prepare(definition: Definition, values: Mapping[str, Value]) -> Prepared:
    """Return the definition with its values.

    What consists of a place alone keeps the type of its value, and is left out where an optional parameter has none.
    Raises Invalid naming the parameter for a place that has no value, and for a value that does not fit its place.
    """
    body = _filled(read_json(definition.body), values) if definition.body else None
    if body is _LEFT_OUT:
        raise Invalid.field("parameters", "The body consists of one parameter, so that needs a value.")
    if len(orjson.dumps(body)) > SENT_MAX_BYTES:
        raise Invalid.field("parameters", f"The body would be larger than {SENT_MAX_BYTES:,} bytes.")
    return Prepared(
        expand_path(definition.path, values),
        _expand_items(definition.query, values),
        [_header(name, value) for name, value in _expand_items(definition.headers, values)],
        body,
    )


def expand_path(template: str, values: Mapping[str, Value]) -> str:
    """Return the path with its values, each percent-encoded and within its segment. Raises Invalid."""
    return "/".join(_segment(part, values) for part in template.split("/"))


def _segment(template: str, values: Mapping[str, Value]) -> str:
    def encoded(match: re.Match[str]) -> str:
        name = match[1]
        text = text_of(_value(name, values))
        if not text or any(char in "/\\" or not char.isprintable() for char in text):
            raise Invalid.field(
                f"parameters.{name}",
                "It stands in the path: give it a text without slashes and line breaks, and not an empty one.",
            )
        return quote(text, safe="")

    expanded = _PATH_PLACE.sub(encoded, template)
    # A server would leave the path with them (RFC 3986 §5.2.4).
    if expanded != template and unquote(expanded) in {".", ".."}:
        name = _PATH_PLACE.findall(template)[0]
        raise Invalid.field(f"parameters.{name}", "It stands in the path, which must not hold . or .. alone.")
    return expanded


def _expand_items(items: Items, values: Mapping[str, Value]) -> list[tuple[str, str]]:
    expanded = ((name, _text(template, values)) for name, template in items)
    return [(name, text_of(value)) for name, value in expanded if value is not _LEFT_OUT]


def _header(name: str, value: str) -> tuple[str, str]:
    if not value.isascii() or not value.isprintable():
        raise Invalid.field("parameters", f"The header {name} would hold a line break, or more than ASCII.")
    return name, value


def _filled(part: Value, values: Mapping[str, Value]) -> Any:  # noqa: ANN401 - a value of JSON, or the mark of none
    if isinstance(part, str):
        return _text(part, values)
    if isinstance(part, dict):
        members = ((name, _filled(child, values)) for name, child in part.items())
        return {name: child for name, child in members if child is not _LEFT_OUT}
    if isinstance(part, list):
        return [child for one in part if (child := _filled(one, values)) is not _LEFT_OUT]
    return part


def _text(template: str, values: Mapping[str, Value]) -> Any:  # noqa: ANN401 - a value of JSON, or the mark of none
    whole = _PLACE.fullmatch(template)
    if whole is not None:
        return values.get(whole[1], _LEFT_OUT)
    return _PLACE.sub(lambda match: text_of(_value(match[1], values)), template)


def _value(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise Invalid.field(f"parameters.{name}", "It stands amid other text, so it needs a value.")
    return values[name]


def _known_words(known: set[str]) -> str:
    return f"It has: {', '.join(sorted(known))}." if known else "It has none."
