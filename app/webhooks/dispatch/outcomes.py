"""What the result of an attempt means for its delivery. Pure but for the clock."""

import time
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from app.lib import clock
from app.lib.outbound import Result, shown_result
from app.webhooks.dispatch.messages import ClaimedDelivery
from app.webhooks.rules import retry_wait_s

GONE = 410
#: How long a receiver asks us to wait; with 429 and 503, and sometimes with others.
_RETRY_AFTER_HEADER = "retry-after"


@dataclass(slots=True)
class Outcome:
    """The attempt that was made, and the state its delivery goes to."""

    claimed: ClaimedDelivery
    result: Result
    error_kind: str | None
    state: str
    #: On the monotonic clock: when the next try is due. The database adds what is left until then to its own time.
    retry_at_s: float | None
    finished_at: datetime | None
    is_gone: bool


def outcome_of(claimed: ClaimedDelivery, result: Result) -> Outcome:
    """Return what follows from `result`: succeeded, failed for good, or pending with the time of the next try."""
    now = clock.now()
    result = shown_result(result)
    kind = result.error_kind or _kind_of_status(result.status_code)
    if kind is None:
        return Outcome(claimed, result, None, "succeeded", None, now, is_gone=False)
    is_gone = result.status_code == GONE
    tries = claimed.round_attempt_count + 1
    target = claimed.target
    if is_gone or kind == "url_invalid" or tries > target.max_retries:
        return Outcome(claimed, result, kind, "failed", None, now, is_gone)
    wait_s = retry_wait_s(
        tries,
        first_retry_s=target.first_retry_s,
        multiplier=target.retry_multiplier,
        retry_after_s=retry_after_s(result, now),
    )
    return Outcome(claimed, result, kind, "pending", time.monotonic() + wait_s, None, is_gone)


def retry_after_s(result: Result, now: datetime) -> float | None:
    """Return the seconds that the receiver asked us to wait (RFC 9110 §10.2.3), or None; nonsense is ignored."""
    for name, value in result.headers:
        if name.lower() == _RETRY_AFTER_HEADER:
            text = value.strip()
            if text.isascii() and text.isdigit():
                return float(text[:9])
            try:
                moment = parsedate_to_datetime(text)
                return max(0.0, (moment - now).total_seconds())
            except (ValueError, TypeError, OverflowError):
                return None
    return None


def _kind_of_status(status: int | None) -> str | None:
    if status is None:
        return "response_invalid"
    if 200 <= status < 300:
        return None
    if status == GONE:
        return "gone_410"
    # A redirect is a failure and is not followed: it would send the signed event to an address that nobody entered.
    return f"http_{status // 100}xx" if status // 100 in (3, 4, 5) else "response_invalid"
