"""What the API takes and returns for endpoints."""

from datetime import datetime
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.calls.rest.definition import Pagination, Parameter, ParameterType, Strategy
from app.calls.rest.queries import EndpointRow
from app.calls.rest.rules import PAGES_MAX
from app.calls.rest.services.endpoints import definition_of
from app.calls.rest.services.reports import RunReport, Stop
from app.web.schemas import Body, Out, Pair

_INTEGRATION_ID = "int_01k9zq4w6v3m8t7c5x2b9d0r1s"
_ID = "ept_01k9zq4w6v3m8t7c5x2b9d0r1s"
_PAGINATION: dict[str, JsonValue] = {
    "strategy": "cursor",
    "records_at": "/results",
    "parameter": "after",
    "next_at": "/paging/next/after",
    "size_parameter": "limit",
    "size": 100,
}
_EXAMPLE: dict[str, JsonValue] = {
    "name": "List notes of a contact",
    "method": "GET",
    "path": "/contacts/{contact_id}/notes",
    "query": [["archived", "{{archived}}"]],
    "parameters": [
        {"name": "contact_id"},
        {"name": "archived", "type": "boolean", "is_required": False, "default": False},
    ],
    "pagination": _PAGINATION,
}
_PATH = "Below the integration's base address, with places `{name}`."
_QUERY = "[name, template] each, with places `{{name}}`; left out where an optional parameter has no value."
_HEADERS = "[name, template] each. Those of the credentials and of the connection cannot be set."
_BODY = (
    "A JSON document whose strings may hold places `{{name}}`. A string that is a place alone becomes the value with its"
    " type. Null: no body."
)
_KEY_HEADER = "The header in which the service takes an idempotency key, such as `Idempotency-Key`; empty: it takes none."
_POINTER = "A JSON pointer (RFC 6901)"


class ParameterSchema(Body):
    """A value that is given with each run."""

    name: str = Field(examples=["contact_id"])
    type: ParameterType = Field(default="string", examples=["string"])
    is_required: bool = Field(default=True, examples=[True])
    default: JsonValue = Field(default=None, description="Taken when none is given.", examples=[None])
    note: str = Field(default="", description="What it is, for whoever fills it in.", examples=[""])


class PaginationSchema(Body):
    """How the pages of an answer follow one another, and when to stop. docs/calls.md explains each strategy."""

    model_config = ConfigDict(json_schema_extra={"example": _PAGINATION})

    strategy: Strategy = "none"
    records_at: str | None = Field(
        default=None, description=f"{_POINTER} to the list of records; empty: the answer is the list."
    )
    parameter: str = Field(default="", description="The parameter that says where a page begins.")
    parameter_in: Literal["query", "body"] = Field(
        default="query", description="Where that parameter is sent."
    )
    first_page: int = Field(default=1, description="Where `page` begins to count: 0 or 1.")
    size_parameter: str = Field(
        default="", description="The query parameter that asks for `size` records a page."
    )
    size: int | None = Field(default=None, description="Records a page.")
    next_at: str = Field(default="", description=f"{_POINTER} to the next cursor or the next address.")
    next_header: str = Field(default="", description="The header that holds the next cursor.")
    key_at: str = Field(default="", description=f"{_POINTER} to the key within a record, for `keyset`.")
    pages_max: int = Field(default=10, description="Stop after so many pages.")
    records_max: int = Field(
        default=10_000, description="Ask for no further page once there are so many records."
    )
    size_max_mib: int = Field(default=5, description="Ask for no further page once so much was read.")
    seconds_max: int = Field(default=30, description="Stop after so many seconds.")


class EndpointIn(Body):
    """An endpoint to define."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: str = Field(examples=["List notes of a contact"])
    description: str = ""
    method: str = Field(default="GET", examples=["GET"])
    path: str = Field(default="", description=_PATH, examples=["/contacts/{contact_id}/notes"])
    query: list[Pair] = Field(default_factory=list, description=_QUERY)
    headers: list[Pair] = Field(default_factory=list, description=_HEADERS)
    body: JsonValue = Field(default=None, description=_BODY)
    parameters: list[ParameterSchema] = Field(default_factory=list)
    pagination: PaginationSchema = Field(default_factory=PaginationSchema)
    idempotency_header: str = Field(default="", description=_KEY_HEADER)


class EndpointChange(Body):
    """What to change; a field left out stays as it is, and so does one that is null, but `body`: that is removed."""

    model_config = ConfigDict(json_schema_extra={"example": {"path": "/v2/contacts/{contact_id}/notes"}})

    name: str | None = None
    description: str | None = None
    method: str | None = None
    path: str | None = Field(default=None, description=_PATH)
    query: list[Pair] | None = Field(default=None, description=_QUERY)
    headers: list[Pair] | None = Field(default=None, description=_HEADERS)
    body: JsonValue = Field(default=None, description=_BODY)
    parameters: list[ParameterSchema] | None = None
    pagination: PaginationSchema | None = None
    idempotency_header: str | None = Field(default=None, description=_KEY_HEADER)


def definition_values(given: EndpointIn | EndpointChange) -> dict[str, Any]:
    """Return the fields that were given, by the names and types of `Definition`."""
    values = {
        name: getattr(given, name) for name in given.model_fields_set if getattr(given, name) is not None
    }
    for name in ("query", "headers"):
        if name in values:
            values[name] = [(pair[0], pair[1]) for pair in values[name]]
    if "body" in given.model_fields_set:
        values["body"] = (
            "" if given.body is None else orjson.dumps(given.body, option=orjson.OPT_INDENT_2).decode()
        )
    if "parameters" in values:
        values["parameters"] = [Parameter(**one.model_dump()) for one in values["parameters"]]
    if "pagination" in values:
        values["pagination"] = Pagination(**values["pagination"].model_dump())
    return values


class EndpointOut(Out):
    """A request that can be run through an integration."""

    id: str = Field(examples=[_ID])
    integration_id: str = Field(examples=[_INTEGRATION_ID])
    integration_name: str = Field(examples=["CRM"])
    name: str = Field(examples=["List notes of a contact"])
    description: str = Field(examples=[""])
    method: str = Field(examples=["GET"])
    path: str = Field(description=_PATH, examples=["/contacts/{contact_id}/notes"])
    query: list[Pair] = Field(description=_QUERY, examples=[[["archived", "{{archived}}"]]])
    headers: list[Pair] = Field(description=_HEADERS, examples=[[]])
    body: Any = Field(description=_BODY, examples=[None])
    parameters: list[ParameterSchema]
    pagination: PaginationSchema
    idempotency_header: str = Field(description=_KEY_HEADER, examples=[""])
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, source: EndpointRow, **named: Any) -> Self:
        """Return the endpoint of a row."""
        endpoint = source.endpoint
        definition = definition_of(endpoint)
        return super().of(
            endpoint,
            integration_name=source.integration_name,
            body=orjson.loads(endpoint.body) if endpoint.body else None,
            parameters=[ParameterSchema.model_validate(one) for one in endpoint.parameters],
            pagination=PaginationSchema.model_validate(definition.pagination.as_json()),
            **named,
        )


class EndpointList(Out):
    """Endpoints, newest first."""

    data: list[EndpointOut]
    next_cursor: str | None = Field(examples=[_ID])


class EndpointsPath(BaseModel):
    integration_id: str = Field(description="An integration id.", examples=[_INTEGRATION_ID])


class EndpointPath(EndpointsPath):
    endpoint_id: str = Field(description="An endpoint id.", examples=[_ID])


class RunIn(Body):
    """The values of a run."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"parameters": {"contact_id": "4711"}, "pages": 3}}
    )

    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Values by name, each of its parameter's type."
    )
    pages: int | None = Field(
        default=None,
        ge=1,
        le=PAGES_MAX,
        description="At most so many pages, also where the endpoint allows more.",
    )
    resume: str | None = Field(
        default=None,
        description="`resume` of the run before, to go on where it stopped. Send the same parameters with it.",
    )


class PageOut(Out):
    """One call of a run."""

    status_code: int | None = Field(description="Null: there was no answer.", examples=[200])
    total_ms: float | None = Field(examples=[84.2])
    size_bytes: int = Field(examples=[2048])
    record_count: int | None = Field(description="Null: the answer has no list of records.", examples=[100])
    tries: int = Field(description="How many requests were sent.", examples=[1])
    log_id: str | None = Field(description="Its entry in the request log.", examples=[None])


class LimitOut(Out):
    """A limit of the integration, after this run."""

    name: str = Field(examples=["integration-hour"])
    quota: int = Field(examples=[1000])
    remaining: int = Field(examples=[997])
    resets_in_s: float = Field(examples=[1820.5])


class RunOut(Out):
    """What became of a run. What describes one answer describes the last one. The credentials are masked everywhere."""

    succeeded: bool = Field(examples=[True])
    stop: Stop = Field(description="Why no further page was asked for.", examples=["COMPLETE"])
    words: str = Field(description="What happened, in words; empty when all is well.", examples=[""])
    method: str = Field(examples=["GET"])
    url: str = Field(examples=["https://api.example.com/contacts/4711/notes?limit=100"])
    status_code: int | None = Field(description="Null: there was no answer.", examples=[200])
    error_kind: str | None = Field(description="Why there was none, or no complete one.", examples=[None])
    started_at: datetime
    dns_ms: float | None = Field(examples=[0.0])
    connect_ms: float | None = Field(examples=[0.0])
    tls_ms: float | None = Field(examples=[0.0])
    first_byte_ms: float | None = Field(examples=[82.9])
    total_ms: float | None = Field(examples=[84.2])
    headers: list[Pair] = Field(description="Of the answer, as [name, value], secrets masked.")
    body: Any = Field(
        description="The answer where it is JSON and the endpoint does not say where its records are.",
        examples=[None],
    )
    text: str | None = Field(description="The answer where it is no JSON.", examples=[None])
    note: str = Field(description="What there is to know about the body.", examples=[""])
    is_body_cut: bool = Field(description="The answer was larger than 5 MiB.", examples=[False])
    records: list[Any] | None = Field(
        description="The records of all pages together; null where the endpoint does not say where they are.",
        examples=[[{"id": 1, "text": "Called back."}]],
    )
    pages: list[PageOut]
    resume: str | None = Field(
        description="Goes on with the next page; null: there is none.", examples=[None]
    )
    limits: list[LimitOut]

    @classmethod
    def of(cls, source: RunReport, **named: Any) -> Self:
        """Return what became of a run."""
        body = source.body
        return super().of(
            source,
            headers=[list(pair) for pair in source.headers],
            body=body.value if body.is_json and source.records is None else None,
            text=None if body.is_json or not body.text else body.text,
            note=body.note,
            is_body_cut=body.is_cut,
            pages=[PageOut.of(page) for page in source.pages],
            limits=[
                LimitOut.of(
                    limit, name=limit.policy.name, quota=limit.policy.quota, remaining=limit.remaining
                )
                for limit in source.limits
            ],
            **named,
        )
