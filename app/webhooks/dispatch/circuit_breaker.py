"""Counts failed deliveries in a row; warns by an event, then disables the webhook, with an event and mails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.orm import Session

from app.accounts.queries import ids_of_admins
from app.audit.trail import SYSTEM, record
from app.db.types import UtcDateTime
from app.events.services import add_event
from app.lib import clock
from app.lib.errors import SignalboxError
from app.outbox.services import add_mail
from app.webhooks.dispatch.outcomes import GONE, Outcome
from app.webhooks.mails import DISABLED_NOTICE
from app.webhooks.rules import FAILURES_TO_DISABLE, FAILURES_TO_WARN

log = structlog.get_logger()

_SUCCEEDED = text("UPDATE webhooks SET consecutive_failures = 0 WHERE id = :id AND consecutive_failures <> 0")
_FAILED = text(
    """
    UPDATE webhooks SET consecutive_failures = :more + CASE WHEN :starts_anew THEN 0 ELSE consecutive_failures END
    WHERE id = :id RETURNING id, team_id, name, url, status, consecutive_failures
    """
)
# By the condition on the status, of two dispatchers that see the tenth failure at once only one disables and notifies.
_DISABLE = text(
    """
    UPDATE webhooks SET status = 'disabled', status_reason = :reason, status_changed_at = :now
    WHERE id = :id AND status <> 'disabled' AND deleted_at IS NULL RETURNING id
    """
).bindparams(bindparam("now", type_=UtcDateTime()))


@dataclass(slots=True)
class _Tally:
    """The outcomes of one webhook in a batch: failures since its last success there, if there was one."""

    failures: int = 0
    has_success: bool = False
    is_gone: bool = False
    last_error: str | None = None


def record_outcomes(connection: Connection, outcomes: Sequence[Outcome], decided: set[str]) -> list[str]:
    """Count the deliveries that the batch decided, in its transaction; returns the ids of webhooks that it disabled."""
    disabled = []
    # Sorted for the same reason as the counts: one order of locks for all dispatchers.
    for webhook_id, tally in sorted(_tallies(outcomes, decided).items()):
        if not tally.failures:
            connection.execute(_SUCCEEDED, {"id": webhook_id})
            continue
        parameters = {"id": webhook_id, "more": tally.failures, "starts_anew": tally.has_success}
        webhook = connection.execute(_FAILED, parameters).one_or_none()
        if webhook is None:
            continue
        if tally.is_gone or webhook.consecutive_failures >= FAILURES_TO_DISABLE:
            if _disable(connection, webhook, tally):
                disabled.append(webhook_id)
        elif webhook.consecutive_failures - tally.failures < FAILURES_TO_WARN <= webhook.consecutive_failures:
            _emit(connection, "signalbox.webhook.failing", webhook, tally.last_error)
    return disabled


def _tallies(outcomes: Sequence[Outcome], decided: set[str]) -> dict[str, _Tally]:
    tallies: dict[str, _Tally] = {}
    for outcome in outcomes:
        if outcome.claimed.id not in decided or outcome.state == "pending":
            continue
        tally = tallies.setdefault(outcome.claimed.webhook_id, _Tally())
        if outcome.state == "succeeded":
            tally.failures, tally.has_success = 0, True
        else:
            tally.failures += 1
            tally.is_gone = tally.is_gone or outcome.is_gone
            tally.last_error = outcome.error_kind
    return tallies


def _disable(connection: Connection, webhook: Row[Any], tally: _Tally) -> bool:
    reason = (
        f"The receiver answered {GONE} Gone: it no longer wants these events."
        if tally.is_gone
        else f"{webhook.consecutive_failures} deliveries in a row failed."
    )
    parameters = {"id": webhook.id, "reason": reason, "now": clock.now()}
    if connection.execute(_DISABLE, parameters).one_or_none() is None:
        return False
    record(
        connection,
        "webhook.disabled",
        team_id=webhook.team_id,
        object_type="webhook",
        object_id=webhook.id,
        object_name=webhook.name,
        changes={"status": (webhook.status, "disabled")},
        detail=reason,
        actor=SYSTEM,
    )
    for user_id in ids_of_admins(connection, webhook.team_id):
        add_mail(connection, DISABLED_NOTICE, webhook.id, user_id)
    _emit(connection, "signalbox.webhook.disabled", webhook, tally.last_error, reason=reason)
    return True


def _emit(
    connection: Connection,
    event_type: str,
    webhook: Row[Any],
    error_kind: str | None,
    **more: object,
) -> None:
    data = {
        "webhook_id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "consecutive_failures": webhook.consecutive_failures,
        "last_error": error_kind,
        **more,
    }
    try:
        with Session(bind=connection) as session:
            add_event(session, webhook.team_id, event_type, data)
            session.flush()
    except SignalboxError as error:
        # Such as TooLarge. The results of the batch must be recorded all the same.
        log.warning(
            "operational_event_not_emitted", type=event_type, webhook_id=webhook.id, reason=error.detail
        )
