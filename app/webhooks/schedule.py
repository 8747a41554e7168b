"""A webhook's retries in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.webhooks.rules import retry_schedule_s

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Schedule:
    """The waits before each retry, and how long after the event the last one comes, in words."""

    waits: Sequence[str]
    total: str


def schedule_of(*, max_retries: int, first_retry_s: float, multiplier: float) -> Schedule:
    """Return the schedule of these settings, without jitter."""
    waits_s = retry_schedule_s(max_retries=max_retries, first_retry_s=first_retry_s, multiplier=multiplier)
    return Schedule([in_words(wait_s) for wait_s in waits_s], in_words(sum(waits_s)))


def in_words(seconds: float) -> str:
    """Return a duration by its two largest units: `1 h 20 min`."""
    rest, parts = round(seconds), []
    for size_s, unit in _UNITS:
        count, rest = divmod(rest, size_s)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
