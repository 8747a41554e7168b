"""Whether an integration works, as its calls and tests show: recorded where it changes, and announced by an event."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select, update
from sqlalchemy.orm import Session

from app.events.services import add_event
from app.integrations.models import Integration
from app.lib import clock
from app.lib.errors import SignalboxError

log = structlog.get_logger()

FAILED, RECOVERED = "signalbox.integration.failed", "signalbox.integration.recovered"

_State = Row[*tuple[Any, ...]]
_STATE = (
    Integration.id,
    Integration.name,
    Integration.provider,
    Integration.checked_at,
    Integration.failing_since,
    Integration.error_kind,
    Integration.error_detail,
)


def record_health(
    connection: Connection,
    team_id: str,
    integration_id: str,
    failure: tuple[str, str] | None,
    *,
    is_test: bool = False,
) -> bool:
    """Record in the caller's transaction what a call or a test says about an integration; returns whether that is new.

    Where it begins or ceases to fail, an event is added to the same transaction: nudge the dispatcher after the commit. While
    nothing changes nothing is written, and calls do not wait for one row's lock. Of several that see the same change at
    once only one announces it.
    """
    query = select(*_STATE).where(Integration.id == integration_id, Integration.team_id == team_id)
    known = connection.execute(query).one_or_none()
    if known is None:
        return False
    if failure is None:
        return _worked(connection, team_id, known, is_test)
    return _failed(connection, team_id, known, failure, is_test)


def _failed(
    connection: Connection, team_id: str, known: _State, failure: tuple[str, str], is_test: bool
) -> bool:
    now, kind, detail = clock.now(), failure[0][:40], failure[1][:500]
    if known.failing_since is not None:
        # It fails differently by now: the page says how it is, and no second event.
        if is_test or known.error_kind != kind:
            _write(connection, known, checked_at=now, error_kind=kind, error_detail=detail)
        return False
    if not _write(connection, known, checked_at=now, failing_since=now, error_kind=kind, error_detail=detail):
        return False
    _announce(connection, team_id, FAILED, known, error_kind=kind, error_detail=detail, failing_since=now)
    return True


def _worked(connection: Connection, team_id: str, known: _State, is_test: bool) -> bool:
    if known.failing_since is None:
        if known.checked_at is None or is_test:
            _write(connection, known, checked_at=clock.now())
        return False
    now = clock.now()
    if not _write(connection, known, checked_at=now, failing_since=None, error_kind=None, error_detail=None):
        return False
    _announce(
        connection, team_id, RECOVERED, known, error_kind=known.error_kind, error_detail=known.error_detail,
        failing_since=known.failing_since, failed_for_s=max(0, round((now - known.failing_since).total_seconds())),
    )  # fmt: skip
    return True


def _write(connection: Connection, known: _State, **values: object) -> bool:
    """Write these values if the integration fails, or works, as it did when it was read; returns whether it was so."""
    unchanged = (
        Integration.failing_since.is_(None)
        if known.failing_since is None
        else Integration.failing_since == known.failing_since
    )
    row = update(Integration).where(Integration.id == known.id, unchanged)
    # Nobody edited it: forms that are open stay valid.
    written = connection.execute(row.values(**values, updated_at=Integration.updated_at))
    return written.rowcount == 1


def _announce(
    connection: Connection,
    team_id: str,
    event_type: str,
    known: _State,
    *,
    failing_since: datetime,
    **more: object,
) -> None:
    data = {
        "integration_id": known.id,
        "name": known.name,
        "provider": known.provider,
        "failing_since": failing_since.isoformat(timespec="seconds"),
        **more,
    }
    try:
        with Session(bind=connection) as session:
            add_event(session, team_id, event_type, data)
            session.flush()
    except SignalboxError as error:
        # Such as TooLarge. What became of the call is recorded all the same.
        log.warning(
            "operational_event_not_emitted", type=event_type, integration_id=known.id, reason=error.detail
        )
