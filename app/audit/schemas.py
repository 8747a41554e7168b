"""What the API says about the trail and the request log."""

from datetime import datetime
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, Field

from app.audit.models import LoggedRequest
from app.web.schemas import Out, Pair


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
