"""What the API takes and returns for webhooks."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.lib.redact import MASK
from app.web.schemas import Body, Out, SecretField, ShownOnce
from app.web.secret_fields import SECRET
from app.webhooks.models import Webhook
from app.webhooks.services.settings import settings_of

_EXAMPLE: dict[str, JsonValue] = {
    "name": "Order desk",
    "url": "https://orders.example.com/hooks",
    "event_types": ["post.published", "campaign.*"],
    "headers": {"Authorization": "Bearer 7f3a…"},
    "max_retries": 5,
}
_WEBHOOK_ID = "wh_01k9zq4w6v3m8t7c5x2b9d0r1s"
_EVENT_TYPES = "Types such as post.published, groups such as post.*, or * for all but signalbox.*."
_HEADERS = f"Sent with every delivery. {MASK} as a value keeps the one that is stored."


class WebhookIn(Body):
    """A webhook to create."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: str = Field(examples=["Order desk"])
    url: str = Field(examples=["https://orders.example.com/hooks"])
    event_types: list[str] = Field(description=_EVENT_TYPES, examples=[["post.published", "campaign.*"]])
    headers: Annotated[dict[str, str], SECRET] = Field(default_factory=dict, description=_HEADERS)
    max_retries: int = Field(default=3, description="0 to 15.")
    first_retry_s: int = Field(default=10, description="Wait before the first retry, 1 to 3600 seconds.")
    retry_multiplier: float = Field(
        default=2.0, description="Each wait is this many times the last, 1 to 10."
    )
    timeout_s: int = Field(default=15, description="How long a receiver may take, 1 to 30 seconds.")


class WebhookChange(Body):
    """What to change; a field left out, or null, stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"event_types": ["post.*"], "max_retries": 8}})

    name: str | None = None
    url: str | None = None
    event_types: list[str] | None = Field(default=None, description=_EVENT_TYPES)
    headers: Annotated[dict[str, str] | None, SECRET] = Field(default=None, description=_HEADERS)
    max_retries: int | None = None
    first_retry_s: int | None = None
    retry_multiplier: float | None = None
    timeout_s: int | None = None


class WebhookStats(Out):
    """The last 24 hours, by whole hours."""

    succeeded: int = Field(examples=[412])
    failed: int = Field(examples=[3])
    attempts: int = Field(examples=[431])
    average_ms: int | None = Field(description="Mean duration of an attempt.", examples=[84])
    backlog: int = Field(description="Deliveries that wait now; counted up to 1001.", examples=[0])


class WebhookOut(Out):
    """A webhook. Its secret and the values of its headers are never returned."""

    id: str = Field(examples=[_WEBHOOK_ID])
    name: str = Field(examples=["Order desk"])
    url: str = Field(examples=["https://orders.example.com/hooks"])
    event_types: list[str] = Field(description=_EVENT_TYPES, examples=[["post.published", "campaign.*"]])
    headers: dict[str, str] = Field(
        description="Names, with their values masked.", examples=[{"Authorization": MASK}]
    )
    status: Literal["active", "paused", "disabled"] = Field(
        description="Paused by a person or a key; disabled by Signalbox."
    )
    status_reason: str | None = Field(examples=[None])
    status_changed_at: datetime
    max_retries: int = Field(examples=[5])
    first_retry_s: int = Field(examples=[10])
    retry_multiplier: float = Field(examples=[2.0])
    timeout_s: int = Field(examples=[15])
    consecutive_failures: int = Field(
        description="Deliveries that failed since the last success.", examples=[0]
    )
    created_at: datetime
    updated_at: datetime
    last_24_hours: WebhookStats

    @classmethod
    def of(cls, source: Webhook, **named: Any) -> Self:
        """Return the webhook with its headers masked."""
        return super().of(source, headers=dict(settings_of(source).headers), **named)


class WebhookCreated(WebhookOut, ShownOnce):
    """A new webhook, with the secret that only this answer holds."""

    secret: Annotated[
        str,
        SecretField(
            when_lost="Delete the webhook (DELETE /api/v1/webhooks/{id}) and create it again under a new"
            " Idempotency-Key."
        ),
    ] = Field(description="Signs every delivery (Standard Webhooks).", examples=["whsec_…"])


class WebhookList(Out):
    """Webhooks, newest first."""

    data: list[WebhookOut]
    next_cursor: str | None = Field(examples=[_WEBHOOK_ID])


class WebhookPath(BaseModel):
    webhook_id: str = Field(description="A webhook id.", examples=[_WEBHOOK_ID])


class ResumeIn(Body):
    """What becomes of the deliveries that waited."""

    backlog: Literal["send", "discard"] = Field(default="send", description="Send them, or cancel them.")


class Resumed(WebhookOut):
    """The webhook, and how many of its waiting deliveries were cancelled."""

    cancelled_deliveries: int = Field(examples=[0])


class TestIn(Body):
    """Which example to send."""

    event_type: str | None = Field(
        default=None, description="signalbox.test when left out.", examples=["post.published"]
    )


class TestSent(Out):
    """The test event and its only delivery."""

    event_id: str = Field(examples=["evt_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    delivery_id: str = Field(examples=["dlv_01k9zq4w6v3m8t7c5x2b9d0r1s"])
