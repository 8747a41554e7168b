"""Decisions about webhooks and deliveries, without any I/O."""

import random
from collections.abc import Iterable

OPERATIONAL_PREFIX = "signalbox."
BACKOFF_MAX_S = 86_400.0
#: A wait is up to this share longer than the schedule says, so that retries of one moment spread out.
JITTER = 0.2
#: Failed deliveries in a row that disable a webhook, and those after which Signalbox warns.
FAILURES_TO_DISABLE = 10
FAILURES_TO_WARN = 5


def wants(patterns: Iterable[str], event_type: str) -> bool:
    """Return whether one of the patterns covers the type.

    `post.*` covers every type that begins with `post.`; `*` covers all but Signalbox's own operational types,
    which a receiver of a product's events does not expect: those need `signalbox.*` or their name.
    """
    for pattern in patterns:
        if pattern == event_type:
            return True
        if pattern == "*":
            if not event_type.startswith(OPERATIONAL_PREFIX):
                return True
        elif pattern.endswith(".*") and event_type.startswith(pattern[:-1]):
            return True
    return False


def retry_wait_s(
    attempt: int, *, first_retry_s: float, multiplier: float, retry_after_s: float | None = None
) -> float:
    """Return the wait after the `attempt`-th failure (counted from 1), in seconds, jitter included.

    The receiver's `Retry-After` can only lengthen it. Never more than a day.
    """
    wait_s: float = min(first_retry_s * multiplier ** (attempt - 1), BACKOFF_MAX_S)
    if retry_after_s is not None:
        wait_s = max(wait_s, min(retry_after_s, BACKOFF_MAX_S))
    return min(wait_s * (1 + JITTER * random.random()), BACKOFF_MAX_S)  # noqa: S311 - spreads load, hides nothing


def retry_schedule_s(*, max_retries: int, first_retry_s: float, multiplier: float) -> list[float]:
    """Return the waits before each retry without jitter, in seconds: what forms show."""
    return [min(first_retry_s * multiplier**index, BACKOFF_MAX_S) for index in range(max_retries)]


def display_state(
    state: str, *, is_webhook_active: bool, is_being_sent: bool = False, round_attempt_count: int = 0
) -> str:
    """Return the word that pages show for a delivery's state: what a pending one is waiting for.

    One of succeeded, failed, cancelled, or for pending: sending, held (its webhook is paused or disabled),
    retrying, waiting (not tried since it was accepted or retried by hand).
    """
    if state != "pending":
        return state
    if is_being_sent:
        return "sending"
    if not is_webhook_active:
        return "held"
    return "retrying" if round_attempt_count else "waiting"
