"""From counts to what the home page shows: cards and chart rows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.dashboard.queries import HourCount


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What the last 24 hours add up to. Rates and times are None where nothing happened."""

    succeeded: int
    failed: int
    attempts: int
    attempt_failures: int
    success_percent: float | None
    average_ms: float | None

    @property
    def success_text(self) -> str:
        """The success rate for people; 100 % only when nothing failed."""
        if self.success_percent is None:
            return "–"
        if self.failed == 0:
            return "100 %"
        return f"{min(self.success_percent, 99.9):.1f} %"

    @property
    def retry_text(self) -> str:
        """How many attempts failed, for people."""
        if not self.attempts:
            return "nothing was sent"
        return f"{self.attempt_failures:,} of {self.attempts:,} attempts failed"

    @property
    def average_text(self) -> str:
        """The average time of an attempt for people."""
        if self.average_ms is None:
            return "–"
        if self.average_ms >= 1000:
            return f"{self.average_ms / 1000:.1f} s"
        return f"{self.average_ms:.0f} ms"


def day_figures(hours: Sequence[HourCount]) -> DayFigures:
    """Return the sums over `hours`."""
    succeeded, failed = sum(hour.succeeded for hour in hours), sum(hour.failed for hour in hours)
    attempts = sum(hour.attempts for hour in hours)
    done = succeeded + failed
    return DayFigures(
        succeeded=succeeded,
        failed=failed,
        attempts=attempts,
        attempt_failures=sum(hour.attempt_failures for hour in hours),
        success_percent=100 * succeeded / done if done else None,
        average_ms=sum(hour.total_ms for hour in hours) / attempts if attempts else None,
    )


def chart_rows(hours: Sequence[HourCount]) -> list[dict[str, object]]:
    """Return a row per hour for the chart: finished deliveries, delivered and failed."""
    return [
        {
            "x": int(hour.hour.timestamp()),
            "at": hour.hour,
            "label": hour.hour.strftime("%Y-%m-%d %H:00 UTC"),
            "values": [hour.succeeded, hour.failed],
        }
        for hour in hours
    ]
