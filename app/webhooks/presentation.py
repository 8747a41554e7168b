"""Shapes deliveries for templates: next steps in words, pretty bodies, timing bars. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.lib.json_text import pretty_json
from app.lib.timing import Segment, shown_ms, timing_segments
from app.webhooks.explanations import Explanation, explain
from app.webhooks.models import Attempt, Delivery

_SOON = timedelta(seconds=15)
_SHORTLY = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    """An attempt as the page shows it. `body_language` is json or text."""

    attempt: Attempt
    explanation: Explanation | None
    request_headers: list[tuple[str, str]]
    response_headers: list[tuple[str, str]]
    body: str
    body_language: str
    segments: list[Segment]
    total_ms: str | None


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next with a delivery, in words; `moment` is when, where that is known."""

    title: str
    words: str
    kind: str
    moment: datetime | None = None


def next_step(
    delivery: Delivery, shown_state: str, *, webhook_name: str, webhook_status: str, now: datetime
) -> NextStep:
    """Return what happens next. `kind` is one of info, success, warning, danger."""
    tries = _times(delivery.attempt_count, "attempt")
    match shown_state:
        case "succeeded":
            return NextStep(
                "Delivered", f"The receiver accepted it after {tries}. Nothing is left to do.", "success"
            )
        case "failed":
            return NextStep(
                "Given up",
                f"Signalbox stopped after {tries}. Repair the receiver, then retry by hand.",
                "danger",
            )
        case "cancelled":
            return NextStep("Cancelled", "It will not be sent, unless you send it by hand.", "info")
        case "held":
            words = f"The webhook “{webhook_name}” is {webhook_status}. It will be sent once the webhook is resumed."
            return NextStep("Waiting for its webhook", words, "warning")
        case "sending":
            return NextStep("Being sent right now", "The result will appear here.", "info")
    if delivery.due_at is not None and delivery.due_at > now:
        what = f"Attempt {delivery.attempt_count + 1} is due"
        return NextStep("Next attempt is scheduled", what, "warning", delivery.due_at)
    return NextStep("Due now", "It will be sent in a moment.", "info")


def retry_label(shown_state: str) -> str:
    """Return what the retry button does, in its own words."""
    return {"succeeded": "Send again", "cancelled": "Send after all", "failed": "Retry"}.get(
        shown_state, "Send now"
    )


def poll_interval_s(states: Sequence[tuple[str, datetime | None]], *, now: datetime) -> int | None:
    """Return how soon a page that shows these (shown state, due time) should refresh; None: never.

    What is final never changes by itself.
    """
    waits = []
    for state, due_at in states:
        if state in ("succeeded", "failed", "cancelled"):
            continue
        if state == "held":
            waits.append(15)
        elif due_at is None or state == "sending" or due_at - now < _SOON:
            waits.append(1)
        else:
            waits.append(5 if due_at - now < _SHORTLY else 15)
    return min(waits, default=None)


def shown_attempt(attempt: Attempt) -> ShownAttempt:
    """Return an attempt with everything parsed and laid out that the page shows of it."""
    body, language = pretty_json(attempt.response_body or "")
    return ShownAttempt(
        attempt=attempt,
        explanation=explain(attempt.error_kind, attempt.status_code),
        request_headers=read_headers(attempt.request_headers),
        response_headers=read_headers(attempt.response_headers),
        body=body,
        body_language=language,
        segments=timing_segments(attempt, attempt.total_ms),
        total_ms=None if attempt.total_ms is None else shown_ms(attempt.total_ms),
    )


def read_headers(stored: str | None) -> list[tuple[str, str]]:
    """Return stored headers as (name, value) pairs, in their order."""
    return [(str(name), str(value)) for name, value in json.loads(stored)] if stored else []


def _times(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
