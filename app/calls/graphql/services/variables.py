"""Reads variables from JSON text, and from a form with a field for each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from app.calls.graphql import rules
from app.lib.errors import FieldError, Invalid

#: Stands before a variable's name in the names of a form's fields.
FIELD_PREFIX = "var_"
_JSON_KINDS = frozenset({"json", "integer", "number", "boolean"})


def variables_from_json(text: str, field: str = "variables") -> dict[str, Any]:
    """Return the variables that a JSON object holds; empty text holds none. Raises Invalid."""
    if len(text.encode()) > rules.VARIABLES_MAX_BYTES:
        raise Invalid.field(field, f"Send at most {rules.VARIABLES_MAX_BYTES} bytes of variables.")
    if not text.strip():
        return {}
    found = _read(text, field)
    if not isinstance(found, dict):
        raise Invalid.field(field, "Write a JSON object: the variables by name, without the $.")
    return found


def variables_from_fields(asked: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the variables from the texts of a form's fields, by variable; what is empty is left out.

    Numbers, lists and objects are JSON; a value of a scalar of the server's own is JSON where it can be read so, else
    text. Raises Invalid naming every field that cannot be read.
    """
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    if sum(len(text) for text in given.values()) > rules.VARIABLES_MAX_BYTES:
        raise Invalid.field("variables", f"Send at most {rules.VARIABLES_MAX_BYTES} bytes of variables.")
    for one in asked:
        name, text = one["name"], given.get(one["name"], "")
        if not text.strip():
            continue
        try:
            values[name] = _value(str(one["kind"]), text, FIELD_PREFIX + name)
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    return values


def _value(kind: str, text: str, field: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    if kind in _JSON_KINDS:
        return _read(text.strip(), field)
    if kind == "scalar":
        try:
            return _read(text.strip(), field)
        except Invalid:
            return text
    return text


def _read(text: str, field: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    if rules.is_too_deep(text.encode()):
        raise Invalid.field(field, f"It is nested deeper than {rules.ANSWER_DEPTH_MAX} levels.")
    try:
        # Not by orjson: numbers beyond 64 bits stay as they are.
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Invalid.field(
            field, f"This is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except ValueError as error:
        raise Invalid.field(field, f"This is not valid JSON: {error}.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
