"""What the API returns about the caller and about the state of deliveries."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from app.dashboard.queries import HourCount
from app.web.schemas import Out


class MeTeam(Out):
    """The team of the key."""

    id: str = Field(examples=["team_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    slug: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme"])
    tier: Literal["free", "pro", "enterprise"]


class MeLimits(Out):
    """How many requests are allowed. What is left of them stands in the headers of every answer."""

    key_per_hour: int = Field(examples=[1000])
    key_per_day: int = Field(examples=[10_000])
    team_per_hour: int = Field(description="For all keys of the team together.", examples=[20_000])


class Me(Out):
    """The API key that is calling."""

    id: str = Field(examples=["key_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    name: str = Field(examples=["Order service"])
    mode: Literal["live", "test"] = Field(description="What a test key emits is marked as a test.")
    scopes: list[str] = Field(description="What the key was given.", examples=[["events:write"]])
    permissions: list[str] = Field(
        description="All that these scopes stand for: `admin:full` is every one.", examples=[["events:write"]]
    )
    networks: list[str] = Field(
        description="Where it may be used from; empty: everywhere.", examples=[["203.0.113.0/24"]]
    )
    expires_at: datetime | None = Field(description="Null: it does not expire by itself.")
    created_at: datetime
    team: MeTeam
    limits: MeLimits


class Hour(Out):
    """What happened in the hour that begins at `hour`."""

    hour: datetime
    succeeded: int = Field(description="Deliveries.", examples=[118])
    failed: int = Field(description="Deliveries that failed for good.", examples=[2])
    attempts: int = Field(examples=[125])
    attempt_failures: int = Field(examples=[7])
    average_ms: float | None = Field(description="Mean duration of an attempt.", examples=[84.2])

    @classmethod
    def of(cls, source: HourCount, **named: Any) -> Self:
        """Return the hour with its mean."""
        average_ms = source.total_ms / source.attempts if source.attempts else None
        return super().of(source, average_ms=average_ms, **named)


class Totals(Out):
    """The sums of the hours."""

    succeeded: int = Field(examples=[2_310])
    failed: int = Field(examples=[12])
    attempts: int = Field(examples=[2_398])
    attempt_failures: int = Field(examples=[88])
    success_percent: float | None = Field(
        description="Of the deliveries that came to an end; null when there was none.", examples=[99.48]
    )
    average_ms: float | None = Field(examples=[91.7])


class Statistics(Out):
    """The last 24 hours, by whole hours."""

    totals: Totals
    hours: list[Hour] = Field(description="Oldest first; the last one is still running.")
    pending_deliveries: int = Field(description="What waits now; counted up to the next field.", examples=[3])
    pending_deliveries_counted_to: int = Field(
        description="One more than this means: more than this.", examples=[1000]
    )
