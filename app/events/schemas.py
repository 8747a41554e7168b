"""What the API takes and returns for events and event types."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.db.pages import PAGE_SIZE_MAX
from app.events.models import Event
from app.events.rules import BATCH_EVENTS_MAX, DESCRIPTION_MAX_CHARS, TYPE_NAME_MAX_CHARS
from app.events.services import Emitted
from app.web.schemas import Body, Out

_DATA: dict[str, JsonValue] = {
    "post_id": "post_01k9zq4w6v",
    "channel": "linkedin",
    "published_at": "2026-03-12T08:30:04Z",
}


_EVENT_ID = "evt_01k9zq4w6v3m8t7c5x2b9d0r1s"


class EventIn(Body):
    """An event to emit."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"type": "post.published", "data": _DATA, "idempotency_key": "post-8123-published"}
        }
    )

    type: str = Field(description="A built-in type or one of your own.", examples=["post.published"])
    data: dict[str, Any] = Field(
        description="What happened, as a JSON object. Sent as it stands, keys in this order. Send numbers beyond 64"
        " bits as strings.",
        examples=[_DATA],
    )
    idempotency_key: str | None = Field(
        default=None,
        description="Repeating a request under its key adds nothing. Can also be sent as the header Idempotency-Key.",
        examples=["post-8123-published"],
    )


class EventAccepted(Out):
    """The event is stored, and so is every delivery that it needs."""

    id: str = Field(examples=[_EVENT_ID])
    deliveries: int = Field(description="How many deliveries this request added.", examples=[2])
    is_duplicate: bool = Field(description="Whether it was accepted before under its idempotency key.")

    @classmethod
    def of(cls, source: Emitted, **_named: Any) -> Self:
        """Return what became of an event. The most frequent answer: no attribute is looked for."""
        return cls(id=source.event_id, deliveries=source.delivery_count, is_duplicate=not source.is_new)


class EventBatchIn(Body):
    """Events to emit together."""

    events: list[EventIn] = Field(min_length=1, max_length=BATCH_EVENTS_MAX)


class EventBatchAccepted(Out):
    """What became of each event, in the order of the request."""

    data: list[EventAccepted]


class EventOut(Out):
    """An event."""

    id: str = Field(examples=[_EVENT_ID])
    type: str = Field(examples=["post.published"])
    timestamp: datetime
    is_test: bool = Field(description="Emitted by a test key or as a test: no real event.")
    idempotency_key: str | None = Field(examples=["post-8123-published"])

    @classmethod
    def of(cls, source: Event, **named: Any) -> Self:
        """Return the event as it is shown."""
        return super().of(source, timestamp=source.created_at, **named)


class EventDetail(EventOut):
    """An event with its data."""

    data: dict[str, Any] = Field(examples=[_DATA])


class EventList(Out):
    """Events, newest first."""

    data: list[EventOut]
    next_cursor: str | None = Field(examples=[_EVENT_ID])


class EventPath(BaseModel):
    event_id: str = Field(description="An event id.", examples=[_EVENT_ID])


class EventTypeIn(Body):
    """A type of the team's own."""

    name: str = Field(examples=["order.shipped"])
    description: str = Field(
        default="", max_length=DESCRIPTION_MAX_CHARS, examples=["An order left the warehouse."]
    )
    example: dict[str, Any] = Field(
        default_factory=dict,
        description="The `data` of an example event.",
        examples=[{"order_id": "10443", "carrier": "postnord"}],
    )


class EventTypeChange(Body):
    """What to change; a field left out, or null, stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"description": "An order left the warehouse."}})

    description: str | None = Field(default=None, max_length=DESCRIPTION_MAX_CHARS)
    example: dict[str, Any] | None = None


class EventTypeOut(Out):
    """An event type."""

    name: str = Field(examples=["order.shipped"])
    category: str = Field(description="The group it is shown in.", examples=["Your own"])
    description: str = Field(examples=["An order left the warehouse."])
    example: dict[str, Any] = Field(
        description="The `data` of an example event.",
        examples=[{"order_id": "10443", "carrier": "postnord"}],
    )
    is_own: bool = Field(description="Added by the team, not built in.", examples=[True])


class EventTypeList(Out):
    """All event types: the built-in ones, then the team's own."""

    data: list[EventTypeOut]
    next_cursor: str | None = Field(examples=[None])


class EventTypeQuery(BaseModel):
    """Which part of the list to return."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=PAGE_SIZE_MAX, ge=1, le=PAGE_SIZE_MAX, description="How many types to return.")
    cursor: str | None = Field(
        default=None,
        max_length=TYPE_NAME_MAX_CHARS,
        pattern=r"^[a-z0-9_.]+$",
        description="`next_cursor` of the page before.",
    )


class EventTypePath(BaseModel):
    name: str = Field(description="The type's name.", examples=["order.shipped"])
