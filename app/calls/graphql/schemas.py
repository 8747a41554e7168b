"""What the API takes and returns for GraphQL."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue

from app.calls.graphql import rules
from app.calls.graphql.models import Operation, SchemaVersion
from app.calls.graphql.rules import RunState
from app.calls.graphql.services.running import RunReport
from app.db.pages import PAGE_SIZE, PAGE_SIZE_MAX
from app.integrations.schemas.integrations import IntegrationPath
from app.web.schemas import Body, Out, Pair, StrictQuery
from app.web.secret_fields import SECRET

_ID = "gop_01k9zq4w6v3m8t7c5x2b9d0r1s"
_INTEGRATION_ID = "int_01k9zq4w6v3m8t7c5x2b9d0r1s"
_DOCUMENT = "query Orders($first: Int!) { orders(first: $first) { id total } }"
_SDL = "type Query {\n  orders(first: Int!): [Order!]!\n}\n\ntype Order {\n  id: ID!\n  total: Float!\n}\n"
_VARIABLES: dict[str, JsonValue] = {"first": 10}


class SchemaIn(Body):
    """Where the schema comes from, and whether it is saved."""

    model_config = ConfigDict(json_schema_extra={"example": {"sdl": _SDL}})

    sdl: str | None = Field(
        default=None, description="The schema in SDL; left out: it is read from the server by introspection."
    )
    headers: Annotated[dict[str, str] | None, SECRET] = Field(
        default=None,
        description="Further headers of the introspection request, by name. They are not stored.",
    )
    accept_broken: bool = Field(
        default=False, description="Save it also where it breaks saved operations; else that is a 409."
    )
    is_preview: bool = Field(
        default=False, description="Only say what it would change and break: nothing is saved."
    )


class ChangeOut(Out):
    """A change of a schema."""

    type: str = Field(description="As graphql-core calls it.", examples=["FIELD_REMOVED"])
    description: str = Field(examples=["Field Order.total was removed."])


class BrokenOut(Out):
    """A saved operation that does not fit a schema."""

    id: str = Field(examples=[_ID])
    name: str = Field(examples=["Orders"])
    problems: list[str] = Field(examples=[["Line 1: Cannot query field 'total' on type 'Order'."]])


class VersionOut(Out):
    """A version of a schema and what it changed."""

    number: int | None = Field(description="1, 2, 3 …; null: it was not saved.", examples=[2])
    source: Literal["sdl", "introspection"]
    hash: str = Field(description="SHA-256 of the canonical SDL.", examples=["9f86d081884c7d65…"])
    types: int = Field(examples=[15])
    queries: int = Field(examples=[2])
    mutations: int = Field(examples=[0])
    breaking: int = Field(description="How many breaking changes.", examples=[1])
    dangerous: int = Field(examples=[0])
    safe: int = Field(examples=[0])
    operation_count: int = Field(description="Saved operations that were checked under it.", examples=[14])
    broken: list[BrokenOut] = Field(description="Those that it broke.")
    created_at: datetime

    @classmethod
    def of(cls, source: SchemaVersion, **named: Any) -> Self:
        """Return the version without its text."""
        named.setdefault("broken", [BrokenOut(**one) for one in source.broken])
        return super().of(source, hash=source.sdl_hash, **named)


class VersionDetail(VersionOut):
    """A version with its text and its changes."""

    sdl: str = Field(description="Canonical: sorted and printed in one way.", examples=[_SDL])
    changes: dict[Literal["breaking", "dangerous", "safe"], list[ChangeOut]] = Field(
        description=f"The first {rules.CHANGES_MAX} of each severity."
    )

    @classmethod
    def of(cls, source: SchemaVersion, **named: Any) -> Self:
        """Return the version with its text and changes."""
        changes = {
            severity: [ChangeOut(**one) for one in source.changes.get(severity, [])]
            for severity in ("breaking", "dangerous", "safe")
        }
        return super().of(source, changes=changes, **named)


class SchemaResult(Out):
    """What became of a schema."""

    is_changed: bool = Field(description="False: it is the schema that is stored already.", examples=[True])
    is_saved: bool = Field(examples=[True])
    version: VersionDetail = Field(description="What was read; where nothing changed, the current version.")


class VersionList(Out):
    """Versions of a schema, the current one first."""

    data: list[VersionOut]
    next_cursor: str | None = Field(examples=["3"])


class VersionQuery(StrictQuery):
    """Which part of the list to return."""

    limit: int = Field(default=PAGE_SIZE, ge=1, le=PAGE_SIZE_MAX, description="How many versions to return.")
    cursor: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="`next_cursor` of the page before."
    )


class OperationIn(Body):
    """An operation to save."""

    model_config = ConfigDict(json_schema_extra={"example": {"document": _DOCUMENT}})

    document: str = Field(
        description=f"One named query or mutation, and its fragments; at most {rules.DOCUMENT_MAX_CHARS} characters.",
        examples=[_DOCUMENT],
    )
    description: str = Field(default="", max_length=rules.DESCRIPTION_MAX_CHARS)


class OperationChange(Body):
    """What to change; a field left out, or null, stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"description": "The latest orders."}})

    document: str | None = Field(default=None, examples=[_DOCUMENT])
    description: str | None = Field(default=None, max_length=rules.DESCRIPTION_MAX_CHARS)


class VariableOut(Out):
    """A variable of an operation."""

    name: str = Field(examples=["first"])
    type: str = Field(examples=["Int!"])
    is_required: bool = Field(examples=[True])
    default: str = Field(description="As the document writes it; empty: none.", examples=[""])


class OperationOut(Out):
    """A saved operation."""

    id: str = Field(examples=[_ID])
    integration_id: str = Field(examples=[_INTEGRATION_ID])
    name: str = Field(description="As the document names it.", examples=["Orders"])
    description: str = Field(examples=["The latest orders."])
    kind: Literal["query", "mutation"]
    document: str = Field(examples=[_DOCUMENT])
    variables: list[VariableOut]
    problems: list[str] = Field(
        description="What does not fit the current schema; empty: it is valid.", examples=[[]]
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, source: Operation, **named: Any) -> Self:
        """Return the operation as it is shown."""
        return super().of(source, variables=[VariableOut(**_only(one)) for one in source.variables], **named)


class OperationList(Out):
    """Saved operations, newest first."""

    data: list[OperationOut]
    next_cursor: str | None = Field(examples=[_ID])


class RunIn(Body):
    """The variables of a run."""

    model_config = ConfigDict(json_schema_extra={"example": {"variables": _VARIABLES}})

    variables: dict[str, Any] = Field(
        default_factory=dict, description="By name, without the $.", examples=[_VARIABLES]
    )


class LimitOut(Out):
    """A limit of the integration."""

    unit: str = Field(examples=["calls per hour"])
    quota: int = Field(examples=[1000])
    remaining: int = Field(examples=[998])


class RunOut(Out):
    """What became of a run: the real answer. An answer that lists errors is never a success."""

    state: RunState
    words: str = Field(examples=["The service returned all that was asked for."])
    errors: list[str] = Field(description="The first messages of the service's errors.", examples=[[]])
    status_code: int | None = Field(description="Null: there was no answer.", examples=[200])
    body: Any = Field(
        description="The answer as JSON, secrets of the integration masked; null where it is none.",
        examples=[{"data": {"orders": []}}],
    )
    text: str | None = Field(description="The answer as text where it is no JSON.", examples=[None])
    is_body_cut: bool = Field(description="The answer was larger than is read.", examples=[False])
    headers: list[Pair] = Field(description="Of the answer, as [name, value], secrets masked.")
    total_ms: float | None = Field(examples=[184.2])
    limits: list[LimitOut] = Field(description="What is left of the integration's limits.")
    log_id: str | None = Field(description="Its entry in the request log.", examples=[None])
    ran_at: datetime

    @classmethod
    def of(cls, source: RunReport, **_named: Any) -> Self:
        """Return what became of a run."""
        return cls(
            state=source.state,
            words=source.words,
            errors=list(source.errors),
            status_code=source.status_code,
            body=source.content,
            text=source.body if source.content is None else None,
            is_body_cut=source.is_body_cut,
            headers=[list(pair) for pair in source.headers],
            total_ms=source.result.total_ms,
            limits=[
                LimitOut(
                    unit=status.policy.words[0] if status.policy.words else status.policy.name,
                    quota=status.policy.quota,
                    remaining=status.remaining,
                )
                for status in source.limits
            ],
            log_id=source.log_id,
            ran_at=source.ran_at,
        )


class VersionPath(IntegrationPath):
    number: int = Field(description="The version's number.", ge=1, le=2**31 - 1, examples=[1])


class OperationPath(IntegrationPath):
    operation_id: str = Field(description="An operation id.", examples=[_ID])


def _only(variable: dict[str, Any]) -> dict[str, Any]:
    return {name: variable[name] for name in ("name", "type", "is_required", "default")}
