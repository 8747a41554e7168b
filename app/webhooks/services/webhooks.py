"""What can be done with webhooks. Each function is one transaction."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.audit.trail import changed, record, snapshot
from app.events import queries as event_queries
from app.events.catalogue import TEST_TYPE
from app.events.services import add_event_without_fanout
from app.extensions import db
from app.idempotency.services import record_outcome
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock, signing
from app.lib.errors import Conflict, Invalid, NotFound, Unavailable
from app.lib.ids import is_id, new_id
from app.web.forms.versions import check_version
from app.webhooks import custom_headers
from app.webhooks.models import Delivery, Webhook
from app.webhooks.queries.webhooks import get_webhook
from app.webhooks.services.settings import (
    WebhookSettings,
    checked,
    seal,
    seal_headers,
    settings_of,
    stored_headers,
    webhook_version,
)
from app.webhooks.subscriptions import insert_due, new_delivery

log = structlog.get_logger()

WEBHOOKS_MAX = 500
_DEADLOCK = "40P01"
_DEADLOCK_TRIES = 4
Backlog = Literal["send", "discard"]


@dataclass(frozen=True, slots=True)
class CreatedWebhook:
    """A new webhook's id and its signing secret, which nothing returns again."""

    webhook_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class SentTest:
    """A test event and its only delivery."""

    event_id: str
    delivery_id: str


def create_webhook(
    team_id: str, settings: WebhookSettings, *, created_by_id: str | None = None
) -> CreatedWebhook:
    """Create an active webhook. Raises Invalid naming every wrong field, Conflict when the team has too many."""
    session = db.session()
    created = add_webhook(session, team_id, settings, created_by_id=created_by_id)
    record_outcome(session, created.webhook_id)
    session.commit()
    return created


def add_webhook(
    session: Session, team_id: str, settings: WebhookSettings, *, created_by_id: str | None = None
) -> CreatedWebhook:
    """Add an active webhook to the caller's transaction. Raises as `create_webhook`."""
    count = session.scalar(
        select(func.count())
        .select_from(Webhook)
        .where(Webhook.team_id == team_id, Webhook.deleted_at.is_(None))
    )
    if (count or 0) >= WEBHOOKS_MAX:
        raise Conflict(f"A team can have {WEBHOOKS_MAX} webhooks. Delete one that is not used.")
    values, headers = checked(team_id, settings)
    webhook_id, secret = new_id("wh"), signing.new_secret()
    webhook = Webhook(
        id=webhook_id,
        team_id=team_id,
        secret_sealed=seal(webhook_id, "secret", secret.encode()),
        headers_sealed=seal_headers(webhook_id, headers),
        created_by_id=created_by_id,
        **values,
    )
    session.add(webhook)
    shown = values | {"headers": custom_headers.shown_names(headers)}
    _record(session, "webhook.created", webhook, changes=changed({}, shown))
    return CreatedWebhook(webhook_id, secret)


def update_webhook(
    team_id: str, webhook_id: str, changes: Mapping[str, Any], *, expected: Collection[str] | None = None
) -> None:
    """Change some of a webhook's `WebhookSettings`, by name; what is due for it goes by the new ones.

    The others stay as they are at that moment: of two who change different ones at once, both succeed, unless one of
    them expects a version that it no longer is. Raises Invalid, NotFound and PreconditionFailed.
    """
    session = db.session()
    webhook = _lock(session, team_id, webhook_id)
    check_version(expected, webhook_version(webhook))
    values, headers = checked(team_id, replace(settings_of(webhook), **changes), webhook)
    stored = stored_headers(webhook)
    changes_made = changed(snapshot(webhook, values), values)
    if headers != stored:
        before, after = custom_headers.shown_names(stored), custom_headers.shown_names(headers, stored=stored)
        changes_made["headers"] = (before, after)
    for name, value in values.items():
        setattr(webhook, name, value)
    webhook.headers_sealed = seal_headers(webhook_id, headers)
    if changes_made:
        _record(session, "webhook.updated", webhook, changes=changes_made)
    session.commit()


def pause_webhook(team_id: str, webhook_id: str, *, by: str) -> None:
    """Stop sending; new deliveries wait. Pausing a paused webhook changes nothing. Raises Conflict and NotFound."""
    session = db.session()
    webhook = _lock(session, team_id, webhook_id)
    if webhook.status == "disabled":
        raise Conflict("Signalbox has disabled this webhook: nothing is sent to it already.")
    if webhook.status == "active":
        _set_status(webhook, "paused", f"Paused by {by}.")
        _record(session, "webhook.paused", webhook, changes={"status": ("active", "paused")})
    session.commit()


def resume_webhook(team_id: str, webhook_id: str, *, backlog: Backlog) -> int:
    """Send again. What waited meanwhile is sent too, or cancelled; returns how many were cancelled.

    Resuming an active webhook changes nothing. Raises NotFound.
    """
    session = db.session()

    def resume() -> int:
        webhook = get_webhook(team_id, webhook_id)
        if webhook.status == "active":
            return 0
        # Deliveries before their webhook: the order in which results lock them.
        cancelled = _cancel_pending(session, webhook_id) if backlog == "discard" else 0
        webhook = _lock(session, team_id, webhook_id)
        webhook.consecutive_failures = 0
        changes = {"status": (webhook.status, "active")}
        _set_status(webhook, "active", None)
        _record(session, "webhook.resumed", webhook, changes=changes, detail=_count_of(cancelled))
        session.commit()
        return cancelled

    cancelled = _again_on_deadlock(session, resume)
    nudge_dispatch()
    return cancelled


def delete_webhook(team_id: str, webhook_id: str, *, expected: Collection[str] | None = None) -> int:
    """Delete a webhook: its secrets are wiped, its history stays; returns how many deliveries were cancelled.

    Raises NotFound, and PreconditionFailed when it is none of the expected versions.
    """
    session = db.session()

    def delete() -> int:
        get_webhook(team_id, webhook_id)
        cancelled = _cancel_pending(session, webhook_id)
        webhook = _lock(session, team_id, webhook_id)
        check_version(expected, webhook_version(webhook))
        webhook.deleted_at = clock.now()
        webhook.secret_sealed, webhook.headers_sealed = "", None
        _record(session, "webhook.deleted", webhook, detail=_count_of(cancelled))
        session.commit()
        return cancelled

    return _again_on_deadlock(session, delete)


def send_test_event(team_id: str, webhook_id: str, *, event_type: str | None = None) -> SentTest:
    """Send this webhook, and no other, the example of a type, whether it subscribes to it or not.

    Raises Conflict when the webhook is not active, Invalid for an unknown type, NotFound.
    """
    known = event_queries.find_type(team_id, event_type or TEST_TYPE)
    if known is None:
        raise Invalid.field("event_type", "There is no such event type.")
    session = db.session()
    webhook = _lock(session, team_id, webhook_id)
    if webhook.status != "active":
        raise Conflict(
            f"The webhook is {webhook.status}, so nothing is sent to it. Resume it, then send the test."
        )
    event = add_event_without_fanout(session, team_id, known.name, known.example, is_test=True)
    delivery = new_delivery(event, webhook_id)
    insert_due(session.connection(), [delivery])
    sent = f"An example of {known.name} is sent as {delivery['id']}."
    _record(session, "webhook.tested", webhook, detail=sent)
    record_outcome(session, str(delivery["id"]))
    session.commit()
    nudge_dispatch()
    return SentTest(event.id, str(delivery["id"]))


def _lock(session: Session, team_id: str, webhook_id: str) -> Webhook:
    """Return the webhook, locked: whoever else changes it or checks its failures waits. Raises NotFound."""
    query = (
        select(Webhook)
        .where(Webhook.team_id == team_id, Webhook.id == webhook_id, Webhook.deleted_at.is_(None))
        # As strong as an UPDATE of it: ingest, which only refers to the webhook, need not wait.
        .with_for_update(key_share=True)
    )
    # Without populate_existing a row read earlier in this request would hide what changed since.
    query = query.execution_options(populate_existing=True)
    webhook = session.scalars(query).one_or_none() if is_id(webhook_id, "wh") else None
    if webhook is None:
        raise NotFound("There is no such webhook in this team. It may have been deleted.")
    return webhook


def _record(
    session: Session,
    action: str,
    webhook: Webhook,
    *,
    changes: Mapping[str, tuple[object, object]] | None = None,
    detail: str | None = None,
) -> None:
    record(
        session,
        action,
        team_id=webhook.team_id,
        object_type="webhook",
        object_id=webhook.id,
        object_name=webhook.name,
        changes=changes,
        detail=detail,
    )


def _count_of(cancelled: int) -> str | None:
    return f"Waiting deliveries that were cancelled: {cancelled}." if cancelled else None


def _set_status(webhook: Webhook, status: str, reason: str | None) -> None:
    webhook.status, webhook.status_reason, webhook.status_changed_at = status, reason, clock.now()


def _again_on_deadlock(session: Session, work: Callable[[], int]) -> int:
    """Run a whole transaction, again when PostgreSQL chose it as the victim of a deadlock with a dispatcher."""
    for _ in range(_DEADLOCK_TRIES):
        try:
            return work()
        except OperationalError as error:
            session.rollback()
            if getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
    raise Unavailable("Nothing was changed: the database was busy. Try again.", retry_after_s=1)


def _cancel_pending(session: Session, webhook_id: str) -> int:
    # A sender that holds one of these loses its lease: its result is recorded, the state stays cancelled.
    result = session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook_id, Delivery.due_at.is_not(None), Delivery.state == "pending")
        .values(state="cancelled", due_at=None, lease=None, finished_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]
