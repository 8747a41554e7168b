"""What is said of a connection that ended, or works again: an entry in the trail, an event, and mails to the admins."""

import structlog
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy.orm import Session

from app.accounts.queries import ids_of_admins
from app.audit.trail import SYSTEM, record
from app.events.services import add_event
from app.integrations.mails import RECONNECT_NOTICE
from app.lib import clock
from app.lib.errors import SignalboxError
from app.outbox.services import add_mail

log = structlog.get_logger()


def add_ended(
    transaction: DatabaseConnection,
    *,
    team_id: str,
    integration_id: str,
    name: str,
    provider: str,
    reason_code: str,
    reason: str,
) -> None:
    """Add what is said of a connection that ended to the transaction that ends it."""
    _record(transaction, "integration.needs_reconnect", team_id, integration_id, name, reason)
    for user_id in ids_of_admins(transaction, team_id):
        add_mail(transaction, RECONNECT_NOTICE, integration_id, user_id)
    facts = {"reason_code": reason_code, "reason": reason, "ended_at": clock.now().isoformat()}
    _emit(
        transaction,
        team_id,
        "signalbox.integration.needs_reconnect",
        {"integration_id": integration_id, "name": name, "provider": provider, **facts},
    )


def add_reconnected(
    transaction: DatabaseConnection, *, team_id: str, integration_id: str, name: str, provider: str
) -> None:
    """Add what is said of a connection that works again to the transaction that lets it."""
    _record(transaction, "integration.recovered", team_id, integration_id, name, None)
    data = {"integration_id": integration_id, "name": name, "provider": provider}
    reconnected = {"reconnected_at": clock.now().isoformat()}
    _emit(transaction, team_id, "signalbox.integration.reconnected", {**data, **reconnected})


def _record(
    transaction: DatabaseConnection,
    action: str,
    team_id: str,
    integration_id: str,
    name: str,
    detail: str | None,
) -> None:
    record(
        transaction,
        action,
        team_id=team_id,
        object_type="integration",
        object_id=integration_id,
        object_name=name,
        detail=detail,
        actor=SYSTEM,
    )


def _emit(transaction: DatabaseConnection, team_id: str, event_type: str, data: dict[str, object]) -> None:
    try:
        with Session(bind=transaction) as session:
            add_event(session, team_id, event_type, data)
            session.flush()
    except SignalboxError as error:
        # The state must be recorded all the same.
        log.warning("operational_event_not_emitted", type=event_type, team_id=team_id, reason=error.detail)
