"""Enforces limits on the current request."""

import math
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from flask import Flask, g, request

from app.extensions import AppSlot, current_settings
from app.lib import clock
from app.lib.errors import RateLimited
from app.web.limits.counters import counters
from app.web.limits.policies import MINUTE_S, LimitStatus, Policy, subject_of_address

log = structlog.get_logger()

#: Open pages refresh themselves, which needs more requests than a person's clicks.
_LIVE_FACTOR = 10
#: Called with the refusing status and the caller's team id, once per window and only inside of a team.
OnViolation = Callable[[LimitStatus, str], None]
_on_violation = AppSlot[OnViolation]("on_violation")


class QuotaExceeded(RateLimited):
    """A refusal that names the limits that refused."""

    type = "https://iana.org/assignments/http-problem-types#quota-exceeded"

    def __init__(self, detail: str, *, retry_after_s: int, violated: Sequence[str]) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.violated = tuple(violated)


def provide_violation_hook(app: Flask, on_violation: OnViolation) -> None:
    """Register a callback for limits that begin to refuse: the audit trail is above this layer."""
    _on_violation.put(app, on_violation)


def enforce(policies: Sequence[Policy], *, team_id: str | None = None) -> None:
    """Count this request against all of the policies. Raises QuotaExceeded, and then nothing was counted."""
    statuses, is_first = counters().take(policies)
    record_statuses(statuses)
    if any(status.is_refusing for status in statuses):
        refuse(statuses, team_id=team_id, is_first=is_first)


def take_or_refuse(policies: Sequence[Policy], sentence: str = "Too many tries. Try again {when}.") -> None:
    """Count a try against all of the policies or none, without headers, which would show a guesser what is left.

    Raises RateLimited with the sentence, in which `{when}` is when there is room again.
    """
    statuses, _ = counters().take(policies)
    waits_s = [status.resets_in_s for status in statuses if status.is_refusing]
    if not waits_s:
        return
    wait_s = max(1, math.ceil(max(waits_s)))
    minutes = math.ceil(wait_s / 60)
    when = f"in {minutes} minutes" if minutes > 1 else f"in {wait_s} seconds"
    raise RateLimited(sentence.format(when=when), retry_after_s=wait_s)


def record_statuses(statuses: Sequence[LimitStatus]) -> None:
    """Store the statuses for the headers of the answer."""
    g.setdefault("limits", []).extend(statuses)


def refuse(statuses: Sequence[LimitStatus], *, team_id: str | None, is_first: bool) -> None:
    """Raise QuotaExceeded for the policies that refuse. The first refusal of a window is recorded and logged."""
    refusing = [status for status in statuses if status.is_refusing]
    longest = max(refusing, key=lambda status: status.resets_in_s)
    if is_first:
        log.warning(
            "limit_reached", limit=longest.policy.name, subject=longest.policy.subject, team_id=team_id
        )
        on_violation = _on_violation.find()
        if on_violation is not None and team_id is not None:
            on_violation(longest, team_id)
    wait_s = max(1, math.ceil(longest.resets_in_s))
    raise QuotaExceeded(
        _sentence(longest, wait_s),
        retry_after_s=wait_s,
        violated=[status.policy.name for status in refusing],
    )


def take_user(user_id: str, own_limit: int | None) -> None:
    """Count a page of a signed-in user. Raises QuotaExceeded."""
    quota = own_limit or current_settings().user_requests_per_minute
    if request.method == "GET" and "HX-Request" in request.headers:
        enforce([Policy("user-live", user_id, quota * _LIVE_FACTOR, MINUTE_S, is_sliding=True)])
    else:
        enforce([Policy("user-minute", user_id, quota, MINUTE_S, is_sliding=True)])


def take_public() -> None:
    """Count an anonymous request against its address. Raises QuotaExceeded."""
    enforce([public_policy("public-minute", request.remote_addr)])


def public_policy(name: str, address: str | None) -> Policy:
    """Return a limit per minute of this address; of an IPv6 address its /64 counts, which one host owns."""
    quota = current_settings().public_requests_per_minute
    return Policy(name, subject_of_address(address), quota, MINUTE_S, is_sliding=True)


def _sentence(status: LimitStatus, wait_s: int) -> str:
    what, whose = status.policy.title
    clears_at = clock.now() + timedelta(seconds=status.resets_in_s)
    when = f"in {math.ceil(wait_s / 60)} minutes" if wait_s > 90 else f"in {wait_s} seconds"
    clears = "There is room again" if status.policy.is_sliding else "It clears"
    return (
        f"The limit of {status.policy.quota} {what} of {whose} is used up. {clears} {when}, at"
        f" {clears_at:%H:%M:%S} UTC; try again then."
    )
