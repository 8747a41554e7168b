"""What keys look like to the API: made, changed, listed, with their use."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

from app.api_keys.models import PER_DAY, PER_HOUR
from app.api_keys.queries import ShownKey
from app.api_keys.rules import EXPIRY_DAYS_MAX, PER_WINDOW_MAX
from app.api_keys.services import GRACE_S_MAX, NAME_CHARS_MAX
from app.lib import clock
from app.lib.errors import Invalid
from app.web.schemas import Body, Out, SecretField, ShownOnce

_KEY_ID = "key_01k9zq4w6v3m8t7c5x2b9d0r1s"
_MASKED = "sb_live_4fK9tQ2mZx7B_…"
_EXAMPLE: dict[str, JsonValue] = {
    "name": "Orders service",
    "scopes": ["events:write"],
    "expires_in_days": 90,
    "networks": ["203.0.113.0/24"],
}
_NETWORKS = (
    "Where it may be used from, in CIDR notation; a single address is a network of one. Empty: everywhere."
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _end_of_day(value: Any) -> Any:  # noqa: ANN401 - whatever the body holds
    """Let a day stand for its last second in UTC."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return datetime.combine(date.fromisoformat(value), time(23, 59, 59), UTC)
        except ValueError:
            return value
    return value


Expiry = Annotated[
    datetime,
    BeforeValidator(_end_of_day),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-12-31T23:59:59Z"]}),
]
Quota = Annotated[int, Field(ge=1, le=PER_WINDOW_MAX)]
Days = Annotated[int, Field(ge=1, le=EXPIRY_DAYS_MAX)]
_EXPIRES_AT = (
    f"When it ends, at most {EXPIRY_DAYS_MAX} days from now; a mere date means the end of that day in UTC. Null, which"
    " is discouraged: never."
)
_IN_DAYS = "The same as a number of days from now. Send one of the two."


class KeyIn(Body):
    """A key to create. Without an expiry it never ends, which is discouraged."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: str = Field(description=f"1 to {NAME_CHARS_MAX} characters.", examples=["Orders service"])
    scopes: list[str] = Field(
        description="What it may do. Only scopes that the calling key has.", examples=[["events:write"]]
    )
    is_test: bool = Field(default=False, description="`sb_test_…`: events it emits are marked as tests.")
    expires_at: Expiry | None = Field(default=None, description=_EXPIRES_AT)
    expires_in_days: Days | None = Field(default=None, description=_IN_DAYS)
    networks: list[str] = Field(default_factory=list, description=_NETWORKS, examples=[["203.0.113.0/24"]])
    per_hour: Quota = Field(default=PER_HOUR, description="Requests per hour.")
    per_day: Quota = Field(default=PER_DAY, description="Requests per day.")

    def settings(self) -> dict[str, Any]:
        """Return the settings by the names of the services. Raises Invalid."""
        values = self.model_dump(exclude={"expires_in_days", "is_test"})
        return values | _expiry(self)


class KeyChange(Body):
    """What to change; a field left out stays as it is, and so does one that is null, except for `expires_at`."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"networks": ["203.0.113.0/24"], "per_hour": 5000}}
    )

    name: str | None = None
    scopes: list[str] | None = Field(
        default=None,
        description="All of them. Only scopes that the caller has.",
    )
    expires_at: Expiry | None = Field(default=None, description=_EXPIRES_AT)
    expires_in_days: Days | None = Field(default=None, description=_IN_DAYS)
    networks: list[str] | None = Field(default=None, description=_NETWORKS)
    per_hour: Quota | None = None
    per_day: Quota | None = None

    def settings(self) -> dict[str, Any]:
        """Return what changes, by the names of the services. Raises Invalid."""
        values = self.model_dump(exclude={"expires_at", "expires_in_days"}, exclude_none=True)
        return values | _expiry(self)


def _expiry(body: KeyIn | KeyChange) -> dict[str, datetime | None]:
    """Return the expiry that a body asks for, if it says anything about it. Raises Invalid."""
    if body.expires_in_days is not None:
        if body.expires_at is not None:
            raise Invalid.field("expires_in_days", "Send either expires_at or expires_in_days, not both.")
        return {"expires_at": clock.now() + timedelta(days=body.expires_in_days)}
    if "expires_at" not in body.model_fields_set:
        return {}
    at = body.expires_at
    return {"expires_at": at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at}


class KeyOut(Out):
    """A key, without its secret: that was in the answer that created it, and nobody has it since."""

    id: str = Field(examples=[_KEY_ID])
    name: str = Field(examples=["Orders service"])
    masked_key: str = Field(description="How the key begins.", examples=[_MASKED])
    is_test: bool
    state: Literal["active", "expired", "revoked"]
    scopes: list[str] = Field(examples=[["events:write"]])
    networks: list[str] = Field(description=_NETWORKS, examples=[["203.0.113.0/24"]])
    per_hour: int = Field(examples=[PER_HOUR])
    per_day: int = Field(examples=[PER_DAY])
    expires_at: datetime | None = Field(description="Null: never.")
    is_expiring: bool = Field(description="It ends within a week.")
    grace_ends_at: datetime | None = Field(
        description="Until when the key before it works, too.", examples=[None]
    )
    used_count: int = Field(description="Uses since it was made. Some seconds behind.", examples=[18240])
    used_last_24_hours: int = Field(description="By whole hours.", examples=[312])
    last_used_at: datetime | None
    last_address: str | None = Field(examples=["203.0.113.7"])
    created_at: datetime
    created_by: str | None = Field(description="Who made it; null for a program.", examples=["Ada"])
    changed_at: datetime
    revoked_at: datetime | None = Field(examples=[None])
    review_since: datetime | None = Field(
        description="Since when it waits to be kept or revoked, because who made it lost the right to. Until then it"
        " works, but manages neither keys nor members nor the team.",
        examples=[None],
    )
    review_reason: str | None = Field(examples=[None])

    @classmethod
    def of(cls, source: ShownKey, **named: Any) -> Self:
        """Return the key in the words of the API."""
        return super().of(
            source,
            masked_key=source.masked,
            state=source.state.value,
            grace_ends_at=source.previous_ends_at,
            used_last_24_hours=source.used_lately,
            **named,
        )


class KeyChanged(KeyOut):
    """A key after a change."""

    is_known_everywhere: bool = Field(
        description="False: Redis did not answer, so the state before may be accepted for 5 minutes more.",
        examples=[True],
    )


class KeyCreated(KeyChanged, ShownOnce):
    """A key with its secret, which only this answer holds."""

    key: Annotated[
        str,
        SecretField(
            when_lost="Regenerate the key under a new Idempotency-Key: POST /api/v1/keys/{id}/regenerate."
        ),
    ] = Field(
        description="Keep it now: it is stored so that nobody can read it again.",
        examples=["sb_live_4fK9tQ2mZx7B_…"],
    )


class RevocationPending(Out):
    """It is revoked, but Redis did not answer."""

    detail: str = Field(examples=["Revoked. It takes effect everywhere within 5 minutes at the latest."])


class KeyList(Out):
    """Keys, newest first."""

    data: list[KeyOut]
    next_cursor: str | None = Field(examples=[_KEY_ID])


class KeyPath(BaseModel):
    key_id: str = Field(description="A key's id.", examples=[_KEY_ID])


class RegenerateIn(Body):
    """How long the old key goes on working."""

    grace_s: int = Field(
        default=86_400,
        ge=0,
        le=GRACE_S_MAX,
        description="Seconds for which both keys work. 0: the old one ends at once.",
    )


class CallerOut(Out):
    """A program that used the old key since the regeneration."""

    address: str = Field(examples=["203.0.113.7"])
    user_agent: str = Field(examples=["orders/2.4"])
    used_count: int = Field(examples=[12])
    first_seen_at: datetime
    last_seen_at: datetime


class CallerList(Out):
    """Programs that have to be given the new key, who called last first, up to 200."""

    data: list[CallerOut]
    grace_ends_at: datetime | None = Field(description="Null: no old key works any more.")


class UsageQuery(BaseModel):
    """How far back to look."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(default=7, ge=1, le=30, description="The last so many days, by whole hours.")


class HourOut(Out):
    """One hour of a key."""

    hour: datetime = Field(description="When it began.")
    used: int = Field(description="Requests that were let through.", examples=[31])
    refused: int = Field(description="Requests that a limit refused.", examples=[0])


class UsageOut(Out):
    """Every hour, the oldest first, those without use too."""

    data: list[HourOut]
