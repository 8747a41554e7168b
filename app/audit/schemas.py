"""What may be asked of the trail and the request log, and what the API says about them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.audit.models import LoggedRequest
from app.audit.queries import EntryFilter, RequestFilter
from app.lib.ids import is_id
from app.lib.paging import PAGE_SIZE, PAGE_SIZE_MAX
from app.web.filters import FilterText, Moment, Unset
from app.web.schemas import Out, Pair, StrictQuery

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Classes of statuses, with the lowest and the highest of each.
STATUS_CLASSES: dict[str, tuple[int, int]] = {
    "2xx": (200, 299),
    "4xx": (400, 499),
    "5xx": (500, 599),
    "failed": (400, 599),
}


def _cursor_of(prefix: str) -> AfterValidator:
    def check(value: str) -> str:
        if not is_id(value, prefix):
            raise ValueError(f"this is no cursor: those look like {prefix}_01k…")
        return value

    return AfterValidator(check)


def _status_range(value: str) -> str:
    if value in STATUS_CLASSES or (value.isascii() and value.isdigit() and 100 <= int(value[:4]) <= 599):
        return value
    raise ValueError(f"choose one of {', '.join(STATUS_CLASSES)}, or a status such as 429")


class _Between(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="ignore", frozen=True)

    since: Annotated[Moment | None, Unset] = Field(
        default=None, alias="from", description="At or after this time, UTC unless it says otherwise."
    )
    until: Annotated[Moment | None, Unset] = Field(
        default=None, alias="to", description="Before this time, UTC unless it says otherwise."
    )

    @model_validator(mode="after")
    def _times_are_ordered(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("'from' must be earlier than 'to'")
        return self


class EntryQuery(_Between):
    """Which entries are wanted. An empty value filters nothing."""

    q: Annotated[FilterText | None, Unset] = Field(
        default=None,
        description="The id of an entry, an actor, an object or a request, a network address, or text in the names,"
        " the action or the detail.",
    )
    actor_id: Annotated[FilterText | None, Unset] = Field(
        default=None,
        description="The id of a user or an API key.",
        examples=["key_01k9zq4w6v3m8t7c5x2b9d0r1s"],
    )
    action: Annotated[FilterText | None, Unset] = Field(
        default=None, description="What was done.", examples=["webhook.updated"]
    )
    object_type: Annotated[FilterText | None, Unset] = Field(
        default=None, description="To what kind of object.", examples=["webhook"]
    )
    object_id: Annotated[FilterText | None, Unset] = Field(
        default=None, description="To which object.", examples=["wh_01k9zq4w6v3m8t7c5x2b9d0r1s"]
    )
    cursor: Annotated[str | None, Unset, _cursor_of("aud")] = Field(
        default=None, description="`next_cursor` of the page before."
    )

    def wanted(self) -> EntryFilter:
        """Return what was asked for, as queries take it."""
        values = self.model_dump(include=set(EntryFilter.__slots__))
        return EntryFilter(**values, text=self.q)


class RequestQuery(_Between):
    """Which requests are wanted. An empty value filters nothing."""

    q: Annotated[FilterText | None, Unset] = Field(
        default=None, description="The id of a request, or text in its path."
    )
    status: Annotated[Annotated[str, AfterValidator(_status_range)] | None, Unset] = Field(
        default=None, description="`2xx`, `4xx`, `5xx`, `failed`, or a status.", examples=["failed"]
    )
    method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None, Unset] = Field(
        default=None, description="Only calls with this method."
    )
    api_key_id: Annotated[FilterText | None, Unset] = Field(
        default=None, description="Only calls with this API key.", examples=["key_01k9zq4w6v3m8t7c5x2b9d0r1s"]
    )
    cursor: Annotated[str | None, Unset, _cursor_of("req")] = Field(
        default=None, description="`next_cursor` of the page before."
    )

    def wanted(self) -> RequestFilter:
        """Return what was asked for, as queries take it."""
        values = self.model_dump(include=set(RequestFilter.__slots__) - {"statuses"})
        statuses = None
        if self.status:
            exact = int(self.status) if self.status.isdigit() else 0
            statuses = STATUS_CLASSES.get(self.status, (exact, exact))
        return RequestFilter(**values, statuses=statuses, text=self.q)


_LIMIT = Field(default=PAGE_SIZE, ge=1, le=PAGE_SIZE_MAX, description="How many rows to return.")


class EntryListQuery(StrictQuery, EntryQuery):
    """Which entries to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = _LIMIT


class RequestListQuery(StrictQuery, RequestQuery):
    """Which requests to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = _LIMIT


class EntryPath(BaseModel):
    entry_id: str = Field(description="The id of an entry.")


class RequestPath(BaseModel):
    request_log_id: str = Field(description="The id of a logged request.")


class EntryOut(Out):
    """One act: who did what to which object, from where."""

    id: str = Field(examples=["aud_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    created_at: datetime
    actor_kind: Literal["user", "api_key", "operator", "system"] = Field(
        description="operator: the command line; system: Signalbox itself."
    )
    actor_id: str | None
    actor_name: str = Field(examples=["Ada"])
    action: str = Field(examples=["webhook.updated"])
    object_type: str = Field(examples=["webhook"])
    object_id: str | None = Field(examples=["wh_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    object_name: str | None = Field(description="What it was called then.", examples=["Order desk"])
    changes: dict[str, list[Any]] | None = Field(
        description="By field: before and after. Secrets are masked.", examples=[{"timeout_s": [15, 30]}]
    )
    detail: str | None
    address: str | None = Field(description="The network address that it came from.", examples=["192.0.2.7"])
    request_id: str | None


class EntryList(Out):
    """Entries, newest first."""

    data: list[EntryOut]
    next_cursor: str | None
    searched_back_to: datetime | None = Field(
        description="Set when the search stopped at its bound: ask with `next_cursor` to search further back."
    )


class RequestOut(Out):
    """One call of the API and how it was answered."""

    id: str = Field(examples=["req_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    created_at: datetime
    api_key_id: str | None
    api_key_name: str | None
    method: str = Field(examples=["POST"])
    path: str = Field(description="With its query.", examples=["/api/v1/events"])
    route: str | None = Field(description="The route that answered.", examples=["/api/v1/events"])
    status: int = Field(examples=[202])
    error_code: str | None
    error_detail: str | None
    duration_ms: float
    request_bytes: int
    response_bytes: int
    address: str | None
    user_agent: str | None
    request_id: str | None


class RequestDetailOut(RequestOut):
    """With what was sent and answered: kept only for refused calls, 8 KB of each body, secrets masked."""

    request_headers: list[Pair] | None
    request_body: str | None
    response_body: str | None

    @classmethod
    def of(cls, source: LoggedRequest, **named: Any) -> Self:
        """Return the call with its headers read."""
        headers = orjson.loads(source.request_headers) if source.request_headers else None
        return super().of(source, request_headers=headers, **named)


class RequestList(Out):
    """Calls of the API, newest first."""

    data: list[RequestOut]
    next_cursor: str | None
    searched_back_to: datetime | None = Field(
        description="Set when the search stopped at its bound: ask with `next_cursor` to search further back."
    )
