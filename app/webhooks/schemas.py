"""What the API takes and returns for webhooks."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.lib.redact import MASK
from app.web.schemas import Body, PageQuery

_EXAMPLE: dict[str, JsonValue] = {
    "name": "Order desk",
    "url": "https://orders.example.com/hooks",
    "event_types": ["post.published", "campaign.*"],
    "headers": {"Authorization": "Bearer 7f3a…"},
    "max_retries": 5,
}
_EVENT_TYPES = "Types such as post.published, groups such as post.*, or * for all but signalbox.*."
_HEADERS = f"Sent with every delivery. {MASK} as a value keeps the one that is stored."


class WebhookIn(Body):
    """A webhook to create."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: str = Field(examples=["Order desk"])
    url: str = Field(examples=["https://orders.example.com/hooks"])
    event_types: list[str] = Field(description=_EVENT_TYPES, examples=[["post.published", "campaign.*"]])
    headers: dict[str, str] = Field(default_factory=dict, description=_HEADERS)
    max_retries: int = Field(default=3, description="0 to 15.")
    first_retry_s: int = Field(default=10, description="Wait before the first retry, 1 to 3600 seconds.")
    retry_multiplier: float = Field(
        default=2.0, description="Each wait is this many times the last, 1 to 10."
    )
    timeout_s: int = Field(default=15, description="How long a receiver may take, 1 to 30 seconds.")


class WebhookChange(Body):
    """What to change; a field left out stays as it is."""

    name: str | None = None
    url: str | None = None
    event_types: list[str] | None = Field(default=None, description=_EVENT_TYPES)
    headers: dict[str, str] | None = Field(default=None, description=_HEADERS)
    max_retries: int | None = None
    first_retry_s: int | None = None
    retry_multiplier: float | None = None
    timeout_s: int | None = None


class WebhookStats(BaseModel):
    """The last 24 hours, by whole hours."""

    succeeded: int
    failed: int
    attempts: int
    average_ms: int | None = Field(description="Mean duration of an attempt.")
    backlog: int = Field(description="Deliveries that wait now; counted up to 1001.")


class WebhookOut(BaseModel):
    """A webhook. Its secret and the values of its headers are never returned."""

    id: str
    name: str
    url: str
    event_types: list[str]
    headers: dict[str, str]
    status: Literal["active", "paused", "disabled"]
    status_reason: str | None
    status_changed_at: datetime
    max_retries: int
    first_retry_s: int
    retry_multiplier: float
    timeout_s: int
    consecutive_failures: int
    created_at: datetime
    updated_at: datetime
    last_24_hours: WebhookStats


class WebhookCreated(WebhookOut):
    """A new webhook, with the secret that only this answer holds."""

    secret: str = Field(description="Signs every delivery (Standard Webhooks).", examples=["whsec_…"])


class WebhookList(BaseModel):
    """Webhooks, newest first."""

    data: list[WebhookOut]
    next_cursor: str | None


class WebhookPath(BaseModel):
    webhook_id: str = Field(description="A webhook id.")


class WebhookQuery(PageQuery):
    """Which webhooks to list."""

    status: Literal["active", "paused", "disabled"] | None = None


class ResumeIn(Body):
    """What becomes of the deliveries that waited."""

    backlog: Literal["send", "discard"] = Field(default="send", description="Send them, or cancel them.")


class Resumed(WebhookOut):
    """The webhook, and how many of its waiting deliveries were cancelled."""

    cancelled_deliveries: int


class TestIn(Body):
    """Which example to send."""

    event_type: str | None = Field(default=None, description="signalbox.test when left out.")


class TestSent(BaseModel):
    """The test event and its only delivery."""

    event_id: str
    delivery_id: str
