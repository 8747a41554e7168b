"""What the API takes and returns for messages."""

from pydantic import ConfigDict, Field

from app.web.schemas import Body, Out


class MessageIn(Body):
    """A message to Slack."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"channel": "#support", "text": "*Order 10443* is late."}}
    )

    text: str = Field(
        description="At most 4,000 characters, in Slack's mark-up: *bold*, _italic_, <https://…|link>.",
        examples=["*Order 10443* is late."],
    )
    channel: str = Field(
        default="",
        description="Name or id. Left out for an incoming webhook, which has its own.",
        examples=["#support"],
    )


class MessageOut(Out):
    """What became of a message."""

    posted: bool
    words: str = Field(examples=["Posted to #support."])
    advice: str = Field(description="What to do; empty after a success.", examples=[""])
    error: str | None = Field(
        description="Slack's own word, such as `not_in_channel`; of the network ours.", examples=[None]
    )
    channel: str | None = Field(description="Where it stands, as Slack names it.", examples=["C024BE91L"])
    ts: str | None = Field(description="Slack's name of the message.", examples=["1503435956.000247"])
    status_code: int | None = Field(description="Null: there was no answer.", examples=[200])
    total_ms: float | None = Field(examples=[212.4])
    log_id: str | None = Field(description="Its entry in the request log.", examples=[None])
