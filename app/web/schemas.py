"""What all schemas of `/api/v1` share: strict bodies, marked secrets, the shape of problems and of lists."""

import difflib
from dataclasses import dataclass
from typing import Annotated, Any, Self

from flask_openapi.types import ResponseDict
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.lib.errors import Code


class Body(BaseModel):
    """A request body. A field it does not know is refused: a misspelt option must not be silently ignored."""

    # Validation errors may be logged, and must not contain the input.
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_unknown(cls, value: object) -> object:
        if value is None and not any(field.is_required() for field in cls.model_fields.values()):
            return {}
        if not isinstance(value, dict):
            raise PydanticCustomError(
                "object_expected", "Send a JSON object with 'Content-Type: application/json'."
            )
        for name in value:
            if name not in cls.model_fields:
                near = difflib.get_close_matches(str(name), cls.model_fields, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(cls.model_fields)}."
                raise PydanticCustomError(
                    "unknown_field",
                    "There is no field {name}. {hint}",
                    {"name": str(name)[:100], "hint": hint},
                )
        return value


@dataclass(frozen=True, slots=True)
class SecretField:
    """Marks a field that holds a secret: `Annotated[str, SecretField()]`.

    `when_lost` says how to get a new one if the only answer with it was lost; `{id}` in it is that of the answer.
    """

    when_lost: str = ""


def secret_fields(model: type[BaseModel]) -> dict[str, SecretField]:
    """Return the marks of the fields of `model` that hold secrets, by their names."""
    return {
        name: mark
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, SecretField)
    }


class Out(BaseModel):
    """Base of what the API returns."""

    @classmethod
    def of(cls, source: Any, **named: Any) -> Self:  # noqa: ANN401 - a row or a record, and values for fields
        """Return the model of `source`: fields in `named` are these, all other required ones its attributes."""
        missing = (
            name for name, field in cls.model_fields.items() if name not in named and field.is_required()
        )
        return cls(**named, **{name: getattr(source, name) for name in missing})


class ShownOnce(Out):
    """Base of answers with a secret that no other answer holds."""

    notice: str | None = Field(
        default=None,
        exclude_if=lambda notice: notice is None,
        description="Only in repetitions under an `Idempotency-Key`: why the secret is masked, and what to do.",
        examples=[None],
    )


#: [name, value] of a header.
Pair = Annotated[list[str], Field(min_length=2, max_length=2, examples=[["accept", "application/json"]])]


class StrictQuery(BaseModel):
    """Query parameters that pages and programs share: for programs, unlike for forms, an empty value is an error."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object, info: ValidationInfo) -> object:
        """Refuse an empty value: a program with an empty variable would get all rows instead of none."""
        if isinstance(value, str) and (not value or (info.field_name != "q" and value != value.strip())):
            raise ValueError("Leave it out instead of sending it empty or with blanks around it.")
        return value


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


PROBLEM_TYPE = "application/problem+json"


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable; `title` and `detail` are for people."""

    type: str = Field(
        default="about:blank",
        description="`about:blank`, or the address of what kind of problem it is.",
    )
    title: str
    status: int
    detail: str = Field(description="What happened, and what to do.")
    code: Code = Field(examples=["VALIDATION_ERROR"])
    request_id: str
    errors: list[FieldProblem] | None = Field(default=None, description="The wrong fields, where some are.")
    violated_policies: list[str] | None = Field(
        default=None,
        serialization_alias="violated-policies",
        description="The limits that refused (draft-ietf-httpapi-ratelimit-headers).",
        examples=[["key-hour"]],
    )

    def as_json(self) -> str:
        """Return the body of the answer, without empty fields."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


#: The errors that every operation of the API can answer with; which of them it really does, its description says.
PROBLEMS: ResponseDict = {401: Problem, 403: Problem, 404: Problem, 422: Problem, 429: Problem}
