"""What pages show of a key's use: chart rows, and limits as they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.api_keys.queries import HourOfUse
from app.lib import clock
from app.web.limits import LimitStatus

_NEARLY = 0.8


@dataclass(frozen=True, slots=True)
class LimitNow:
    """One limit of a key: `clears_at` is when its window ends, if one has begun."""

    name: str
    quota: int
    used: int
    remaining: int
    clears_at: datetime | None

    @property
    def is_nearly_used(self) -> bool:
        """Whether so much is used that the page shows a warning."""
        return self.used >= self.quota * _NEARLY


def usage_rows(hours: Sequence[HourOfUse], *, per_day: bool) -> list[dict[str, object]]:
    """Return a chart row per hour, or per day in UTC: used and refused."""
    sums: dict[datetime, list[int]] = {}
    for hour in hours:
        row = sums.setdefault(hour.hour.replace(hour=0) if per_day else hour.hour, [0, 0])
        row[0] += hour.used
        row[1] += hour.refused
    words = "%Y-%m-%d" if per_day else "%Y-%m-%d %H:00 UTC"
    return [
        {"x": int(start.timestamp()), "at": start, "label": start.strftime(words), "values": values}
        for start, values in sums.items()
    ]


def limits_now(statuses: Sequence[LimitStatus]) -> list[LimitNow]:
    """Return how these limits stand at this moment."""
    now = clock.now()
    return [
        LimitNow(
            one.policy.name,
            one.policy.quota,
            one.used,
            one.remaining,
            now + timedelta(seconds=one.resets_in_s) if one.used else None,
        )
        for one in statuses
    ]
