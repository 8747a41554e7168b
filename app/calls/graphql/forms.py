"""Forms of schemas, of operations, and of running one, which asks for its variables."""

from collections.abc import Mapping
from typing import Any, ClassVar

from wtforms import BooleanField, SelectField, StringField, TextAreaField

from app.calls.graphql import rules
from app.calls.graphql.models import Operation
from app.calls.graphql.services.operations import operation_version
from app.calls.graphql.services.variables import FIELD_PREFIX, variables_from_fields, variables_from_json
from app.lib.errors import Invalid
from app.web.forms import Form


class SdlForm(Form):
    """A schema as text."""

    sdl = TextAreaField(
        "Schema in SDL",
        description="The schema definition language: type Query { … }. Order and comments do not matter.",
    )


class IntrospectionForm(Form):
    """Further headers of the request for a schema."""

    SECRET_FIELDS: ClassVar[frozenset[str]] = frozenset({"headers"})

    headers = TextAreaField(
        "Further headers",
        description="Only where the server shows its schema to nobody else: one per line as name: value. They go with"
        " this request and are not stored.",
    )

    def header_pairs(self) -> list[tuple[str, str]]:
        """Return the headers. Raises Invalid for a line that is none."""
        pairs = []
        for line in str(self.headers.data or "").splitlines():
            if line.strip():
                name, colon, value = line.partition(":")
                if not colon:
                    raise Invalid.field("headers", "Write each header as name: value, one per line.")
                pairs.append((name.strip(), value.strip()))
        return pairs


class AcceptForm(Form):
    """Consent to what a schema breaks. `seen` are the ids of the operations that were shown as broken."""

    accepts = BooleanField("Save it although it breaks these operations")
    seen = StringField()


class OperationForm(Form):
    """An operation; its name is in the document."""

    document = TextAreaField(
        "Operation",
        description="One query or mutation with a name, and its fragments. What changes from run to run is a variable.",
    )
    description = TextAreaField(
        "Description",
        description="What it is for.",
        render_kw={"maxlength": rules.DESCRIPTION_MAX_CHARS},
    )


class RunForm(Form):
    """The variables of an operation: a field for each in the classes from `run_form`, or all as JSON."""

    asked: ClassVar[tuple[Mapping[str, Any], ...]] = ()

    variables = TextAreaField(
        "All variables as JSON",
        description='An object such as {"first": 10}. Where it is filled in, it replaces the fields above.',
    )

    @property
    def uses_json(self) -> bool:
        """Whether the variables were sent as JSON."""
        return bool(str(self.variables.data or "").strip())

    @property
    def field_names(self) -> dict[str, str]:
        """Which field of the form stands for which of the service's."""
        names = {}
        for one in self.asked:
            own = FIELD_PREFIX + one["name"]
            names[f"variables.{one['name']}"] = "variables" if self.uses_json else own
        return names

    @property
    def questions(self) -> list[tuple[Mapping[str, Any], Any]]:
        """Each variable with its field."""
        return [(one, self._fields[FIELD_PREFIX + one["name"]]) for one in self.asked]

    def values(self) -> dict[str, Any]:
        """Return the variables. Raises Invalid for what cannot be read."""
        if self.uses_json:
            return variables_from_json(str(self.variables.data))
        given = {one["name"]: str(field.data or "") for one, field in self.questions}
        return variables_from_fields(self.asked, given)


def run_form(variables: list[dict[str, Any]]) -> type[RunForm]:
    """Return the form that asks for these variables."""
    fields = {FIELD_PREFIX + one["name"]: _field(one) for one in variables}
    return type("OperationRunForm", (RunForm,), {**fields, "asked": tuple(variables)})


def operation_form(operation: Operation) -> OperationForm:
    """Return the form filled with an operation."""
    form = OperationForm(formdata=None, document=operation.document, description=operation.description)
    form.begin_with(operation_version(operation))
    return form


def _field(one: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a WTForms field, not bound yet
    label, hint = one["name"], _hint(one)
    if one["kind"] in {"choice", "boolean"}:
        values = one["choices"] if one["kind"] == "choice" else ["true", "false"]
        blank = "" if one["is_required"] else "not sent"
        choices = {"": blank, **{value: value for value in values}}
        return SelectField(label, choices=choices, description=hint, validate_choice=False)
    kind = TextAreaField if one["kind"] == "json" else StringField
    return kind(label, description=hint)


def _hint(one: Mapping[str, Any]) -> str:
    parts = [one["type"]]
    if one["kind"] == "json":
        parts.append("as JSON")
    if one["fields"]:
        parts.append("fields " + ", ".join(one["fields"][:12]) + (" …" if len(one["fields"]) > 12 else ""))
    if one["default"]:
        parts.append(f"default {one['default']}")
    return "; ".join(parts)
