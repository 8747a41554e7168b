"""What can be done with webhooks. Each function is one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import structlog
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.audit.trail import changed, record, snapshot
from app.config import DELIVERY_TIMEOUT_MAX_S
from app.events import queries as event_queries
from app.events.catalogue import TEST_TYPE
from app.events.services import add_event_for_nobody
from app.extensions import current_settings, db, sealer
from app.lib import clock, signing
from app.lib.errors import Conflict, FieldError, Invalid, NotFound, Unavailable
from app.lib.ids import is_id, new_id
from app.lib.outbound import AllowedNetworks, UrlRefused, check_url
from app.lib.redact import MASK
from app.lib.sealed import CannotOpen
from app.queues import nudge_dispatch
from app.webhooks import custom_headers, patterns
from app.webhooks.models import Delivery, Webhook
from app.webhooks.queries.webhooks import get_webhook
from app.webhooks.subscriptions import new_delivery

log = structlog.get_logger()

WEBHOOKS_MAX = 500
NAME_MAX_CHARS = 100
_DEADLOCK = "40P01"
_DEADLOCK_TRIES = 4
Backlog = Literal["send", "discard"]

#: Lowest and highest value of each number a person may set.
LIMITS: dict[str, tuple[int, int]] = {
    "max_retries": (0, 15),
    "first_retry_s": (1, 3600),
    "retry_multiplier": (1, 10),
    "timeout_s": (1, DELIVERY_TIMEOUT_MAX_S),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """What people decide about a webhook. A masked or empty header value keeps the stored one."""

    name: str
    url: str
    event_types: Sequence[str]
    headers: Sequence[tuple[str, str]] = ()
    max_retries: int = 3
    first_retry_s: int = 10
    retry_multiplier: float = 2.0
    timeout_s: int = 15


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
    count = session.scalar(
        select(func.count())
        .select_from(Webhook)
        .where(Webhook.team_id == team_id, Webhook.deleted_at.is_(None))
    )
    if (count or 0) >= WEBHOOKS_MAX:
        raise Conflict(f"A team can have {WEBHOOKS_MAX} webhooks. Delete one that is not used.")
    values, headers = _checked(team_id, settings)
    webhook_id, secret = new_id("wh"), signing.new_secret()
    webhook = Webhook(
        id=webhook_id,
        team_id=team_id,
        secret_sealed=_seal(webhook_id, "secret", secret.encode()),
        headers_sealed=_seal_headers(webhook_id, headers),
        created_by_id=created_by_id,
        **values,
    )
    session.add(webhook)
    shown = values | {"headers": custom_headers.shown_names(headers)}
    _record(session, "webhook.created", webhook, changes=changed({}, shown))
    session.commit()
    return CreatedWebhook(webhook_id, secret)


def update_webhook(team_id: str, webhook_id: str, changes: Mapping[str, Any]) -> None:
    """Change some of a webhook's `WebhookSettings`, by name; what is due for it goes by the new ones.

    The others stay as they are at that moment: of two who change different ones at once, both succeed. Raises
    Invalid and NotFound.
    """
    session = db.session()
    webhook = _lock(session, team_id, webhook_id)
    values, headers = _checked(team_id, replace(settings_of(webhook), **changes), webhook)
    stored = stored_headers(webhook)
    changes_made = changed(snapshot(webhook, values), values)
    if headers != stored:
        before, after = custom_headers.shown_names(stored), custom_headers.shown_names(headers, stored=stored)
        changes_made["headers"] = (before, after)
    for name, value in values.items():
        setattr(webhook, name, value)
    webhook.headers_sealed = _seal_headers(webhook_id, headers)
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


def delete_webhook(team_id: str, webhook_id: str) -> int:
    """Delete a webhook: its secrets are wiped, its history stays; returns how many deliveries were cancelled.

    Raises NotFound.
    """
    session = db.session()

    def delete() -> int:
        get_webhook(team_id, webhook_id)
        cancelled = _cancel_pending(session, webhook_id)
        webhook = _lock(session, team_id, webhook_id)
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
    event = add_event_for_nobody(session, team_id, known.name, known.example, is_test=True)
    delivery = new_delivery(event, webhook_id)
    session.execute(insert(Delivery), [delivery])
    sent = f"An example of {known.name} is sent as {delivery['id']}."
    _record(session, "webhook.tested", webhook, detail=sent)
    session.commit()
    nudge_dispatch()
    return SentTest(event.id, str(delivery["id"]))


def settings_of(webhook: Webhook) -> WebhookSettings:
    """Return a webhook's settings, the values of its headers masked: given back so, they are kept."""
    return WebhookSettings(
        name=webhook.name,
        url=webhook.url,
        event_types=webhook.event_types,
        headers=[(name, MASK) for name, _ in stored_headers(webhook)],
        **{name: getattr(webhook, name) for name in LIMITS},
    )


def stored_headers(webhook: Webhook) -> custom_headers.Pairs:
    """Return a webhook's own headers with their values; none when the key that sealed them is gone.

    They are lost then, and giving them anew must be possible. The log says so.
    """
    if not webhook.headers_sealed:
        return []
    try:
        opened = sealer().open(webhook.headers_sealed, table="webhooks", column="headers", row_id=webhook.id)
    except CannotOpen as error:
        log.warning("webhook_headers_unreadable", webhook_id=webhook.id, reason=str(error))
        return []
    return [(name, value) for name, value in orjson.loads(opened)]


def _lock(session: Session, team_id: str, webhook_id: str) -> Webhook:
    """Return the webhook, locked: whoever else changes it or judges its failures waits. Raises NotFound."""
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


def _checked(
    team_id: str, settings: WebhookSettings, webhook: Webhook | None = None
) -> tuple[dict[str, Any], custom_headers.Pairs]:
    """Return the columns to store and the headers to seal. Raises Invalid with the errors of all fields."""
    errors: list[FieldError] = []
    values: dict[str, Any] = {name: getattr(settings, name) for name in LIMITS}
    headers: custom_headers.Pairs = []
    for name, (low, high) in LIMITS.items():
        # Also false for NaN.
        if not low <= values[name] <= high:
            errors.append(FieldError(name, f"Choose a number from {low} to {high}."))
    try:
        values["name"] = _check_name(settings.name)
    except Invalid as error:
        errors += error.errors
    try:
        values["url"] = check_url(
            settings.url.strip(), AllowedNetworks.parse(current_settings().outbound_allowed_networks)
        )
    except UrlRefused as error:
        errors.append(FieldError("url", str(error)))
    try:
        names = [known.name for known in event_queries.known_types(team_id)]
        values["event_types"] = patterns.checked(
            settings.event_types, known_names=names, already=webhook.event_types if webhook else ()
        )
    except Invalid as error:
        errors += error.errors
    try:
        stored = stored_headers(webhook) if webhook else []
        if (
            webhook
            and custom_headers.keeps_values(settings.headers)
            and _has_moved(webhook, values.get("url"))
        ):
            raise Invalid.field(
                "headers",
                "The webhook moves to another server: write the header values again, or remove the headers."
                " What was meant for one server is not sent to another by itself.",
            )
        headers = custom_headers.checked(settings.headers, stored=stored)
    except Invalid as error:
        errors += error.errors
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    return values, headers


def _has_moved(webhook: Webhook, url: str | None) -> bool:
    """Return whether the new address is another server; not, when it was refused anyway."""
    return url is not None and urlsplit(url)[:2] != urlsplit(webhook.url)[:2]


def _check_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX_CHARS:
        raise Invalid.field("name", f"Give it a name of 1 to {NAME_MAX_CHARS} characters.")
    if not name.isprintable():
        raise Invalid.field("name", "The name holds a character that cannot be printed. Remove it.")
    return name


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


def _seal(webhook_id: str, column: str, value: bytes) -> str:
    return sealer().seal(value, table="webhooks", column=column, row_id=webhook_id)


def _seal_headers(webhook_id: str, headers: custom_headers.Pairs) -> str | None:
    return _seal(webhook_id, "headers", orjson.dumps(headers)) if headers else None
