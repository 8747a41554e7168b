"""What the API takes and returns for notifications."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.web.schemas import Body, Out

_ID = "ntf_01k9zq4w6v3m8t7c5x2b9d0r1s"
_TYPES = "Types of Signalbox's own events, `signalbox.…`."
_CHANNEL = "Empty for an incoming webhook, which has its own."


class NotificationIn(Body):
    """A notification to create."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "integration_id": "int_01k9zq4w6v3m8t7c5x2b9d0r1s",
                "channel": "#alerts",
                "event_types": ["signalbox.webhook.disabled"],
            }
        }
    )

    integration_id: str = Field(
        description="An integration with Slack.", examples=["int_01k9zq4w6v3m8t7c5x2b9d0r1s"]
    )
    event_types: list[str] = Field(description=_TYPES, examples=[["signalbox.webhook.disabled"]])
    channel: str = Field(default="", description=_CHANNEL, examples=["#alerts"])


class NotificationStatusIn(Body):
    """Whether messages are posted."""

    model_config = ConfigDict(json_schema_extra={"example": {"is_enabled": False}})

    is_enabled: bool


class NotificationOut(Out):
    """A notification, and what became of its last message."""

    id: str = Field(examples=[_ID])
    integration_id: str = Field(examples=["int_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    event_types: list[str] = Field(description=_TYPES, examples=[["signalbox.webhook.disabled"]])
    channel: str = Field(description=_CHANNEL, examples=["#alerts"])
    is_enabled: bool
    last_posted_at: datetime | None
    last_failed_at: datetime | None = Field(description="Null: the last message was posted.")
    last_error: str | None = Field(examples=[None])
    created_at: datetime


class NotificationList(Out):
    """All notifications of the team, newest first: at most 50."""

    data: list[NotificationOut]


class NotificationPath(BaseModel):
    notification_id: str = Field(description="A notification id.", examples=[_ID])
