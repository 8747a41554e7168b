"""What may be asked of deliveries, and what the API says about them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from app.lib.ids import is_id
from app.lib.paging import PAGE_SIZE, PAGE_SIZE_MAX
from app.webhooks.queries.deliveries import DeliveryFilter

STATES = ("pending", "failed", "succeeded", "cancelled")
QUERY_CHARS_MAX = 200


def _empty_is_unset(value: object) -> object:
    # A GET form sends every control, the untouched ones empty.
    return (value.strip() or None) if isinstance(value, str) else value


def _aware(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is beyond the calendar") from None


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("leave out control characters")
    return value


def _id_of(prefix: str, thing: str) -> AfterValidator:
    def check(value: str) -> str:
        if not is_id(value, prefix):
            raise ValueError(f"this is not the id of a {thing}: those look like {prefix}_01k…")
        return value

    return AfterValidator(check)


_Unset = BeforeValidator(_empty_is_unset)
_Text = Annotated[str, Field(max_length=QUERY_CHARS_MAX), AfterValidator(_printable)]
_Moment = Annotated[datetime, AfterValidator(_aware)]
_State = Literal["pending", "failed", "succeeded", "cancelled"]
_DeliveryId = Annotated[str, _id_of("dlv", "delivery")]
_WebhookId = Annotated[str, _id_of("wh", "webhook")]


class DeliveryQuery(BaseModel):
    """Which deliveries are wanted. Times without a zone are UTC; an empty value filters nothing."""

    model_config = ConfigDict(populate_by_name=True, extra="ignore", frozen=True)

    state: Annotated[_State | None, _Unset] = None
    event_type: Annotated[_Text | None, _Unset] = None
    webhook_id: Annotated[_WebhookId | None, _Unset] = None
    since: Annotated[_Moment | None, _Unset] = Field(
        default=None,
        alias="from",
        description="Accepted at or after this time, UTC unless it says otherwise.",
    )
    until: Annotated[_Moment | None, _Unset] = Field(
        default=None, alias="to", description="Accepted before this time, UTC unless it says otherwise."
    )
    q: Annotated[_Text | None, _Unset] = Field(
        default=None,
        description="An event or delivery id, or text in the event, its idempotency key, the error or the URL.",
    )
    cursor: Annotated[_DeliveryId | None, _Unset] = Field(
        default=None, description="`next_cursor` of the page before."
    )

    @model_validator(mode="after")
    def _times_are_ordered(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("'from' must be earlier than 'to'")
        return self

    def wanted(self) -> DeliveryFilter:
        """Return what was asked for, as queries take it."""
        return DeliveryFilter(
            state=self.state,
            event_type=self.event_type,
            webhook_id=self.webhook_id,
            since=self.since,
            until=self.until,
            text=self.q,
            cursor=self.cursor,
        )


class DeliveryListQuery(DeliveryQuery):
    limit: int = Field(default=PAGE_SIZE, ge=1, le=PAGE_SIZE_MAX)


class DeliveryPath(BaseModel):
    delivery_id: str


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class DeliveryOut(_Out):
    """A delivery: one event for one webhook."""

    id: str
    state: _State
    event_id: str
    event_type: str
    webhook_id: str
    attempt_count: int
    due_at: datetime | None = Field(
        description="When the next attempt is due; null when nothing is left to do."
    )
    last_status: int | None
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None


class AttemptOut(_Out):
    """One HTTP try. Durations are those of each phase."""

    id: str
    number: int
    trigger: Literal["automatic", "manual"]
    started_at: datetime
    url: str
    request_headers: list[tuple[str, str]]
    status_code: int | None
    response_headers: list[tuple[str, str]] | None
    response_body: str | None
    response_truncated: bool
    error_kind: str | None
    error_detail: str | None
    remote_address: str | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    total_ms: float | None
    is_superseded: bool = Field(
        description="It happened, but took so long that another attempt decides the delivery's state."
    )


class DeliveryDetailOut(DeliveryOut):
    event: dict[str, Any] = Field(description="The JSON that is sent.")
    attempts: list[AttemptOut] = Field(description="Newest first.")
    attempts_truncated: bool = Field(description="Whether older attempts were left out.")


class DeliveryListOut(BaseModel):
    """Deliveries, newest first."""

    data: list[DeliveryOut]
    next_cursor: str | None
    searched_back_to: datetime | None = Field(
        description="Set when the search stopped at its bound: ask with `next_cursor` to search further back."
    )


class RetriedOut(BaseModel):
    id: str
    state: Literal["pending"]
    detail: str
