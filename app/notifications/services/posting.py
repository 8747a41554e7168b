"""Posts what notifications have to say: added with the event, posted under a lease, tried again, given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.orm import Session

from app.accounts.models import Team
from app.db import leases
from app.db.clock import DatabaseNow
from app.events.catalogue import OPERATIONAL_PREFIX
from app.events.fanout import NewEvent
from app.events.models import Event
from app.extensions import current_settings, db
from app.integrations.services.access import open_access
from app.integrations.services.messages import post_through
from app.lib import clock
from app.lib.errors import NotFound, SignalboxError
from app.lib.ids import new_id
from app.notifications.models import Notification, PendingNotification
from app.notifications.rules import ATTEMPTS_MAX, message_of, wait_before_retry_s

log = structlog.get_logger()

#: One run claims new messages for this long; the next run goes on.
RUN_S = 45.0
#: Longer than a message can take: while a poster lives, no other posts the same.
LEASE_S = 120.0


@dataclass(frozen=True, slots=True)
class _Due:
    """A message that is to be posted, read in one short transaction."""

    notification_id: str
    team_id: str
    integration_id: str
    channel: str
    attempts: int
    text: str


@dataclass(frozen=True, slots=True)
class _Failure:
    words: str
    is_temporary: bool


def add_pending(connection: Connection, team_id: str, events: Sequence[NewEvent]) -> dict[str, int]:
    """Add a message for every notification that is about one of the events, in their transaction.

    Only events of Signalbox's own are looked at: those of the team's product, the hot path, cost nothing here.
    """
    events = [event for event in events if event.type.startswith(OPERATIONAL_PREFIX)]
    if not events:
        return {}
    wanting = connection.execute(
        select(Notification.id, Notification.event_types).where(
            Notification.team_id == team_id, Notification.is_enabled
        )
    ).all()
    rows = [
        {
            "id": new_id("pnt"),
            "notification_id": notification_id,
            "team_id": team_id,
            "event_id": event.id,
            "attempt_count": 0,
            "created_at": clock.now(),
        }
        for event in events
        for notification_id, event_types in wanting
        if event.type in event_types
    ]
    for row in rows:
        connection.execute(insert(PendingNotification).values(due_at=DatabaseNow(), **row))
    # They are no deliveries, which is what the caller counts.
    return {}


def post_due() -> int:
    """Post the messages that are due, each under a lease of its own; returns how many were posted.

    A team whose chat does not answer waits for the next run: it holds up no other. When a poster dies between the
    chat's answer and the commit, the message is posted again.
    """
    ends_at_s, posted = clock.steady_s() + RUN_S, 0
    waiting: list[str] = []
    while clock.steady_s() < ends_at_s:
        with db.engine.begin() as connection:
            claim = leases.claim(
                connection,
                PendingNotification,
                limit=1,
                lease_s=LEASE_S,
                where=[PendingNotification.team_id.not_in(waiting)] if waiting else [],
                attempt_count=PendingNotification.attempt_count + 1,
            )
        if not claim.ids:
            break
        due = _read(claim.ids[0])
        if due is None:
            with db.engine.begin() as connection:
                leases.settle_by_deleting(connection, PendingNotification, claim.ids[0], claim.lease)
            continue
        failure = _post(due)
        _settle(claim.ids[0], claim.lease, due, failure)
        if failure is None:
            posted += 1
        elif failure.is_temporary:
            waiting.append(due.team_id)
    return posted


def _read(pending_id: str) -> _Due | None:
    """Return the message; None when nobody wants it any more."""
    query = (
        select(PendingNotification.attempt_count, Notification, Event.type, Event.body, Team)
        .join(Notification, Notification.id == PendingNotification.notification_id)
        .join(Event, Event.id == PendingNotification.event_id)
        .join(Team, Team.id == PendingNotification.team_id)
        .where(PendingNotification.id == pending_id)
    )
    with Session(db.engine, expire_on_commit=False) as session:
        row = session.execute(query).one_or_none()
    if row is None or not row.Notification.is_enabled:
        return None
    envelope: dict[str, Any] = orjson.loads(row.body)
    url = f"{current_settings().public_url}/t/{row.Team.slug}/"
    text = message_of(row.type, envelope.get("data") or {}, team_name=row.Team.name, url=url)
    notification = row.Notification
    return _Due(
        notification.id,
        notification.team_id,
        notification.integration_id,
        notification.channel,
        row.attempt_count,
        text,
    )


def _post(due: _Due) -> _Failure | None:
    try:
        posted = post_through(open_access(due.team_id, due.integration_id), due.channel, due.text)
    except NotFound as error:
        return _Failure(error.detail, is_temporary=False)
    except SignalboxError as error:
        # Switched off, not connected, or over its limits: somebody may change that.
        return _Failure(error.detail, is_temporary=True)
    except Exception as error:
        # Whatever is wrong with this message, those of others may be in order.
        log.exception("notification_not_posted", notification_id=due.notification_id)
        return _Failure(f"{type(error).__name__} in Signalbox itself; the log says more.", is_temporary=True)
    finally:
        db.session.remove()
    if posted.posted:
        return None
    return _Failure(f"{posted.words} {posted.advice}".strip(), posted.is_temporary)


def _settle(pending_id: str, lease: str, due: _Due, failure: _Failure | None) -> None:
    now = clock.now()
    with db.engine.begin() as connection:
        row = update(Notification).where(Notification.id == due.notification_id)
        if failure is not None:
            connection.execute(row.values(last_failed_at=now, last_error=failure.words[:500]))
        else:
            connection.execute(row.values(last_posted_at=now, last_failed_at=None, last_error=None))
        if failure is not None and failure.is_temporary and due.attempts < ATTEMPTS_MAX:
            wait_s = wait_before_retry_s(due.attempts)
            leases.settle(connection, PendingNotification, pending_id, lease, due_in_s=wait_s)
        else:
            leases.settle_by_deleting(connection, PendingNotification, pending_id, lease)
