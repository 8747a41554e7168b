"""What the API returns of the request log."""

from datetime import datetime
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, Field

from app.request_log.models import LoggedRequest
from app.web.schemas import Out, Pair


class RequestPath(BaseModel):
    request_log_id: str = Field(description="The id of a logged request.")


class RequestOut(Out):
    """One call, in or out, and how it was answered."""

    id: str = Field(examples=["req_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    created_at: datetime
    direction: Literal["in", "out"] = Field(
        description="`in`: a call of the API. `out`: a call to another service."
    )
    api_key_id: str | None
    api_key_name: str | None
    integration_id: str | None = Field(description="Through which integration it was sent.")
    integration_name: str | None
    purpose: str | None = Field(description="What a call to a service was for: `test`, `rest`, …")
    source_id: str | None = Field(description="The id of the definition that it was made from.")
    method: str = Field(examples=["POST"])
    host: str | None = Field(description="Of a call to a service.", examples=["api.example.com"])
    path: str = Field(description="With its query.", examples=["/api/v1/events"])
    route: str | None = Field(description="The route that answered.", examples=["/api/v1/events"])
    status: int | None = Field(description="null: there was no answer.", examples=[202])
    error_code: str | None
    error_detail: str | None
    duration_ms: float
    tries: int = Field(description="How many requests were sent for the call.")
    request_bytes: int
    response_bytes: int
    address: str | None = Field(description="The network address of the other side.")
    user_agent: str | None
    request_id: str | None = Field(
        description="The same for calls to services and the call of the API that they were made for."
    )


class RequestDetailOut(RequestOut):
    """With what was sent and answered, 8 KB of each body, secrets masked. Of calls of the API only if they were refused."""

    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    request_headers: list[Pair] | None
    request_body: str | None
    response_headers: list[Pair] | None = Field(description="Of calls to services.")
    response_body: str | None

    @classmethod
    def of(cls, source: LoggedRequest, **named: Any) -> Self:
        """Return the call with its headers read."""
        headers = {
            name: orjson.loads(stored) if (stored := getattr(source, name)) else None
            for name in ("request_headers", "response_headers")
        }
        return super().of(source, **headers, **named)


class RequestList(Out):
    """Calls, newest first."""

    data: list[RequestOut]
    next_cursor: str | None
    searched_back_to: datetime | None = Field(
        description="Set when the search stopped at its bound: ask with `next_cursor` to search further back."
    )
