"""What the API returns of the request log."""

from datetime import datetime
from typing import Any, Self

import orjson
from pydantic import BaseModel, Field

from app.request_log.models import LoggedRequest
from app.web.schemas import Out, Pair


class RequestPath(BaseModel):
    request_log_id: str = Field(description="The id of a logged request.")


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
