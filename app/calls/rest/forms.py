"""The form of an endpoint. The services check the values; a form only reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms import Field as FormField
from wtforms.validators import Optional

from app.calls.rest import rules
from app.calls.rest.definition import Definition, Items, Pagination, Parameter, Value
from app.calls.rest.expansion import read_value
from app.calls.rest.strategies import STRATEGIES
from app.lib.errors import FieldError, Invalid
from app.web.forms import Form

#: Where the form keeps what a strategy needs: field of the pagination by field of the form.
_STRATEGY_FIELDS: dict[str, dict[str, str]] = {
    "page": {"page_parameter": "parameter", "page_first": "first_page"},
    "offset": {"offset_parameter": "parameter"},
    "cursor": {
        "cursor_parameter": "parameter",
        "cursor_in": "parameter_in",
        "cursor_at": "next_at",
        "cursor_header": "next_header",
    },
    "keyset": {"keyset_parameter": "parameter", "keyset_at": "key_at"},
    "next_url": {"next_url_at": "next_at"},
}
_NUMBERS = ("size", "pages_max", "records_max", "size_max_mib", "seconds_max")


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """The controls that declare one parameter."""

    name: FormField
    type: FormField
    is_required: FormField
    default: FormField
    note: FormField


class EndpointFields(Form):
    """All of an endpoint's definition but its parameters, whose rows are fields of `EndpointForm`."""

    integration_id = SelectField("Integration", validate_choice=False)
    name = StringField(
        "Name",
        description="What it does, such as: List notes of a contact.",
        render_kw={"maxlength": rules.NAME_MAX_CHARS},
    )
    description = TextAreaField("Description", render_kw={"maxlength": rules.DESCRIPTION_MAX_CHARS})
    method = SelectField(
        "Method", choices={method: method for method in rules.METHODS}, validate_choice=False
    )
    path = StringField(
        "Path",
        description="Below the integration's base address. Values stand in braces: /contacts/{contact_id}/notes.",
        render_kw={"maxlength": rules.PATH_MAX_CHARS, "spellcheck": "false"},
    )
    query = TextAreaField(
        "Query", description="One parameter a line, as name: value. Values stand as {{name}}."
    )
    headers = TextAreaField(
        "Headers", description="One a line, as Name: value. The credentials are added by themselves."
    )
    body = TextAreaField(
        "Body",
        description='JSON. Values stand as strings, "{{name}}": a string that is nothing else becomes the value with its type.',
    )
    idempotency_header = StringField(
        "Header for an idempotency key",
        description="Where the service takes one, such as Idempotency-Key: a repeated request then does nothing twice.",
    )
    strategy = RadioField(
        "How to get the next page",
        choices={slug: label for slug, (label, _) in STRATEGIES.items()},
        default="none",
        validate_choice=False,
    )
    records_at = StringField(
        "Where the records are",
        description="A JSON pointer, such as /results. A star if the whole answer is the list: *",
    )
    page_parameter = StringField("Parameter", default="page")
    page_first = SelectField("The first page is", choices={"1": "1", "0": "0"}, validate_choice=False)
    offset_parameter = StringField("Parameter", default="offset")
    cursor_parameter = StringField("Parameter", default="cursor")
    cursor_in = SelectField(
        "Sent in", choices={"query": "the query", "body": "the body"}, validate_choice=False
    )
    cursor_at = StringField(
        "Where the answer holds the next cursor", description="A JSON pointer, such as /meta/next_cursor."
    )
    cursor_header = StringField("Or the header that holds it", description="Such as X-Next-Cursor.")
    keyset_parameter = StringField("Parameter", default="after")
    keyset_at = StringField("Where a record holds its key", description="A JSON pointer, such as /id.")
    next_url_at = StringField(
        "Where the answer holds the next address", description="A JSON pointer, such as /links/next."
    )
    size_parameter = StringField("Parameter for records a page", description="In the query, such as limit.")
    size = IntegerField("Records a page", validators=[Optional()])
    pages_max = IntegerField("Pages", validators=[Optional()], default=10)
    records_max = IntegerField("Records", validators=[Optional()], default=10_000)
    size_max_mib = IntegerField("MiB read", validators=[Optional()], default=5)
    seconds_max = IntegerField("Seconds", validators=[Optional()], default=30)

    @property
    def rows(self) -> list[ParameterRow]:
        """The rows that declare parameters, in their order."""
        return [
            ParameterRow(**{part: self._fields[f"parameter_{number}_{part}"] for part in _PARTS})
            for number in range(1, rules.PARAMETERS_MAX + 1)
        ]

    @property
    def filled_count(self) -> int:
        """How many rows stand open: those that are filled, and one more."""
        filled = [index for index, row in enumerate(self.rows, start=1) if row.name.data]
        return min(rules.PARAMETERS_MAX, (filled[-1] if filled else 0) + 1)

    def values(self) -> dict[str, Any]:
        """Return what was filled in, by the names of `Definition`. Raises Invalid for what cannot be read."""
        errors: list[FieldError] = []
        values: dict[str, Any] = {
            name: str(self._fields[name].data or "")
            for name in ("name", "description", "method", "path", "body", "idempotency_header")
        }
        for name in ("query", "headers"):
            try:
                values[name] = read_items(name, str(self._fields[name].data or ""))
            except Invalid as error:
                errors += error.errors
        values["parameters"] = self._parameters(errors)
        values["pagination"] = self._pagination(errors)
        if errors:
            raise Invalid("Correct the fields below.", errors=errors)
        return values

    def field_names(self) -> Mapping[str, str]:
        """Return which field of the form stands for which of the services', where they differ."""
        names = {
            f"pagination.{name}": name for name in ("strategy", "records_at", "size_parameter", *_NUMBERS)
        }
        own = _STRATEGY_FIELDS.get(str(self.strategy.data), {})
        return {
            **names,
            **{f"pagination.{name}": field for field, name in own.items()},
            "parameters": "parameter_1_name",
        }

    def _parameters(self, errors: list[FieldError]) -> list[Parameter]:
        found = []
        for number, row in enumerate(self.rows, start=1):
            name = str(row.name.data or "").strip()
            if not name:
                continue
            one = Parameter(
                name=name,
                type=row.type.data or "string",
                is_required=bool(row.is_required.data),
                note=str(row.note.data or "").strip(),
            )
            try:
                default = _default(one, str(row.default.data or ""))
            except Invalid as error:
                errors.append(FieldError(f"parameter_{number}_default", error.errors[0].message))
                continue
            found.append(
                Parameter(
                    name=name, type=one.type, is_required=one.is_required, default=default, note=one.note
                )
            )
        return found

    def _pagination(self, errors: list[FieldError]) -> Pagination:
        strategy = str(self.strategy.data or "none")
        values: dict[str, Any] = {
            "strategy": strategy,
            "records_at": _pointer_of(str(self.records_at.data or "").strip()),
            "size_parameter": str(self.size_parameter.data or "").strip(),
        }
        for name in _NUMBERS:
            field = self._fields[name]
            if field.data is None and "".join(field.raw_data or ()).strip():
                errors.append(FieldError(name, "Write a whole number."))
            elif field.data is not None or name == "size":
                values[name] = field.data
        for field_name, name in _STRATEGY_FIELDS.get(strategy, {}).items():
            values[name] = str(self._fields[field_name].data or "").strip()
        if "first_page" in values:
            values["first_page"] = 0 if values["first_page"] == "0" else 1
        if "parameter_in" in values:
            values["parameter_in"] = "body" if values["parameter_in"] == "body" else "query"
        return Pagination(**values)


_PARTS = ("name", "type", "is_required", "default", "note")
_TYPES = {"string": "Text", "number": "Number", "boolean": "Yes or no", "json": "JSON"}


def _row_fields() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for number in range(1, rules.PARAMETERS_MAX + 1):
        prefix = f"parameter_{number}_"
        fields[f"{prefix}name"] = StringField(f"Name of parameter {number}", render_kw={"maxlength": 40})
        fields[f"{prefix}type"] = SelectField(
            f"Type of parameter {number}", choices=_TYPES, validate_choice=False
        )
        fields[f"{prefix}is_required"] = BooleanField(f"Parameter {number} is required", default=True)
        fields[f"{prefix}default"] = StringField(f"Default of parameter {number}")
        fields[f"{prefix}note"] = StringField(
            f"Note on parameter {number}", render_kw={"maxlength": rules.NOTE_MAX_CHARS}
        )
    return fields


#: The form of an endpoint.
EndpointForm: type[EndpointFields] = type("EndpointForm", (EndpointFields,), _row_fields())


def form_of(definition: Definition, integration_id: str) -> EndpointFields:
    """Return the form filled with a definition."""
    pagination = definition.pagination
    values: dict[str, Any] = {
        "integration_id": integration_id,
        "query": shown_items(definition.query),
        "headers": shown_items(definition.headers),
        "strategy": pagination.strategy,
        "records_at": {None: "", "": "*"}.get(pagination.records_at, pagination.records_at),
    }
    for name in ("name", "description", "method", "path", "body", "idempotency_header"):
        values[name] = getattr(definition, name)
    for name in ("size_parameter", *_NUMBERS):
        values[name] = getattr(pagination, name)
    for field, name in _STRATEGY_FIELDS.get(pagination.strategy, {}).items():
        values[field] = str(getattr(pagination, name))
    for number, one in enumerate(definition.parameters, start=1):
        for part in _PARTS:
            values[f"parameter_{number}_{part}"] = getattr(one, part)
        values[f"parameter_{number}_default"] = shown_value(one, one.default)
    return EndpointForm(formdata=None, **values)


def read_items(field: str, text: str) -> list[tuple[str, str]]:
    """Return names and templates of lines `name: value`; empty lines count for nothing. Raises Invalid."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Invalid.field(field, f"Line {number} has no colon. Write one a line, as name: value.")
        found.append((name.strip(), value.strip()))
    return found


def shown_items(items: Items) -> str:
    """Return names and templates as the form shows them."""
    return "\n".join(f"{name}: {template}" for name, template in items)


def shown_value(parameter: Parameter, value: Value) -> str:
    """Return a value of a parameter as a form shows it; none: empty."""
    if value is None:
        return ""
    return str(value) if parameter.type == "string" else orjson.dumps(value).decode()


def read_run(parameters: Sequence[Parameter], sent: Mapping[str, str]) -> dict[str, Value]:
    """Return the values that the form of a run holds, by parameter; an empty control gives none. Raises Invalid."""
    values: dict[str, Value] = {}
    errors: list[FieldError] = []
    for one in parameters:
        text = sent.get(f"p_{one.name}", "")
        if not text.strip():
            continue
        try:
            values[one.name] = read_value(one, text if one.type == "string" else text.strip())
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid("Correct the parameters below.", errors=errors)
    return values


def _default(parameter: Parameter, text: str) -> Value:
    return read_value(parameter, text) if text.strip() else None


def _pointer_of(text: str) -> str | None:
    """Return the pointer that was typed: empty none, a star the whole answer."""
    return "" if text == "*" else text or None
