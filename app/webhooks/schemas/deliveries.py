"""What the API says about deliveries."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from app.web.schemas import Out, Pair
from app.webhooks.explanations import ERROR_KINDS
from app.webhooks.models import Attempt
from app.webhooks.presentation import read_headers

_DELIVERY_ID = "dlv_01k9zq4w6v3m8t7c5x2b9d0r1s"

_State = Literal["pending", "failed", "succeeded", "cancelled"]


class DeliveryPath(BaseModel):
    delivery_id: str = Field(description="A delivery id.", examples=[_DELIVERY_ID])


class DeliveryOut(Out):
    """A delivery: one event for one webhook."""

    id: str = Field(examples=[_DELIVERY_ID])
    state: _State = Field(examples=["failed"])
    event_id: str = Field(examples=["evt_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    event_type: str = Field(examples=["post.published"])
    webhook_id: str = Field(examples=["wh_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    attempt_count: int = Field(examples=[4])
    due_at: datetime | None = Field(
        description="When the next attempt is due; null when nothing is left to do.", examples=[None]
    )
    last_status: int | None = Field(description="HTTP status of the last attempt.", examples=[503])
    last_error: str | None = Field(
        description="What kept the last attempt from an answer; the kinds are those of `error_kind`.",
        examples=["timeout_first_byte"],
    )
    created_at: datetime
    finished_at: datetime | None


class AttemptOut(Out):
    """One HTTP try. Durations are those of each phase."""

    id: str = Field(examples=["att_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    number: int
    trigger: Literal["automatic", "manual"]
    started_at: datetime
    url: str = Field(examples=["https://orders.example.com/hooks"])
    request_headers: list[Pair] = Field(examples=[[["content-type", "application/json"]]])
    status_code: int | None = Field(examples=[503])
    response_headers: list[Pair] | None = Field(examples=[[["content-type", "text/plain"]]])
    response_body: str | None = Field(examples=["busy"])
    response_truncated: bool
    error_kind: str | None = Field(
        description=(
            "Why there is no success: "
            + ", ".join(f"`{kind}`" for kind in ERROR_KINDS)
            + ". `dns_failed` stands for"
            " every host that did not resolve in time to an address that Signalbox connects to, and comes without"
            " times and address."
        ),
        examples=[None],
    )
    error_detail: str | None = Field(examples=[None])
    remote_address: str | None = Field(examples=["203.0.113.7"])
    dns_ms: float | None = Field(examples=[1.2])
    connect_ms: float | None = Field(examples=[8.4])
    tls_ms: float | None = Field(examples=[17.9])
    first_byte_ms: float | None = Field(examples=[42.1])
    total_ms: float | None = Field(examples=[42.6])
    is_superseded: bool = Field(
        description="It happened, but took so long that another attempt decides the delivery's state."
    )

    @classmethod
    def of(cls, source: Attempt, **named: Any) -> Self:
        """Return the attempt with its headers read."""
        received = _pairs(source.response_headers) if source.response_headers else None
        return super().of(
            source, request_headers=_pairs(source.request_headers), response_headers=received, **named
        )


class DeliveryDetailOut(DeliveryOut):
    """A delivery with what was sent and what came of it."""

    event: dict[str, Any] = Field(
        description="The JSON that is sent.",
        examples=[
            {
                "id": "evt_01k9zq4w6v3m8t7c5x2b9d0r1s",
                "type": "post.published",
                "timestamp": "2026-03-12T08:30:04.000Z",
                "data": {"post_id": "post_01k9zq4w6v"},
            }
        ],
    )
    attempts: list[AttemptOut] = Field(description="Newest first.")
    attempts_truncated: bool = Field(description="Whether older attempts were left out.")


class DeliveryListOut(Out):
    """Deliveries, newest first."""

    data: list[DeliveryOut]
    next_cursor: str | None = Field(examples=[_DELIVERY_ID])
    searched_back_to: datetime | None = Field(
        description="Set when the search stopped at its bound: ask with `next_cursor` to search further back.",
        examples=[None],
    )


class RetriedOut(Out):
    """The delivery is due again."""

    id: str = Field(examples=[_DELIVERY_ID])
    state: Literal["pending"]
    detail: str = Field(
        description="When it will be sent, in words.", examples=["Queued: it will be sent in a moment."]
    )


def _pairs(stored: str) -> list[list[str]]:
    return [[name, value] for name, value in read_headers(stored)]
