"""What the tests of the audit trail and the request log share."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select

from app.audit.models import AuditEntry, LoggedRequest
from app.audit.requests import REQUEST_LOG, flush
from app.extensions import db
from app.lib import clock
from app.lib.ids import lowest_id_at
from tests.people import People


class Records:
    """The stored entries and requests of one team, and a way to store many."""

    def __init__(self, app: Flask, team_id: str) -> None:
        self.app = app
        self.team_id = team_id

    def entries(self) -> list[AuditEntry]:
        """Return the team's entries, oldest first."""
        return self._read(AuditEntry)

    def entry(self, action: str) -> AuditEntry:
        """Return the only entry of this action."""
        found = [entry for entry in self.entries() if entry.action == action]
        assert len(found) == 1, [entry.action for entry in self.entries()]
        return found[0]

    def requests(self) -> list[LoggedRequest]:
        """Write what is buffered and return the team's requests, oldest first."""
        flush(self.app)
        return self._read(LoggedRequest)

    def add_entries(
        self,
        count: int,
        *,
        at: datetime | None = None,
        apart: timedelta = timedelta(seconds=1),
        **values: Any,
    ) -> list[str]:
        """Store entries, `at` being the time of the last; returns their ids, oldest first."""
        defaults = {
            "team_id": self.team_id,
            "actor_kind": "user",
            "actor_id": "usr_x",
            "actor_name": "Alice",
            "action": "webhook.updated",
            "object_type": "webhook",
            "object_id": "wh_x",
            "object_name": "Order desk",
        }
        return self._add(AuditEntry, "aud", count, at, apart, {**defaults, **values})

    def add_requests(
        self,
        count: int,
        *,
        at: datetime | None = None,
        apart: timedelta = timedelta(seconds=1),
        **values: Any,
    ) -> list[str]:
        """Store requests, `at` being the time of the last; returns their ids, oldest first."""
        defaults = {
            "team_id": self.team_id,
            "api_key_id": "key_x",
            "api_key_name": "importer",
            "method": "GET",
            "path": "/api/v1/events",
            "route": "/api/v1/events",
            "status": 200,
            "duration_ms": 1.5,
        }
        return self._add(LoggedRequest, "req", count, at, apart, {**defaults, **values})

    def forget_entries(self) -> None:
        """Delete all entries: signing in left some."""
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(delete(AuditEntry))

    def _add(
        self,
        model: type[AuditEntry | LoggedRequest],
        prefix: str,
        count: int,
        at: datetime | None,
        apart: timedelta,
        values: dict[str, Any],
    ) -> list[str]:
        last = at or clock.now() - timedelta(minutes=1)
        times = [last - apart * back for back in reversed(range(count))]
        rows: Sequence[dict[str, Any]] = [
            {**values, "id": f"{lowest_id_at(prefix, time)[:-4]}{number:04d}", "created_at": time}
            for number, time in enumerate(times)
        ]
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(insert(model), rows)
        return [row["id"] for row in rows]

    def _read(self, model: type[Any]) -> list[Any]:
        with self.app.app_context():
            rows = db.session.scalars(
                select(model).where(model.team_id == self.team_id).order_by(model.id)
            ).all()
            db.session.expunge_all()
            db.session.remove()
        return list(rows)


@pytest.fixture
def records(app: Flask, people: People) -> Records:
    """Return the records of team acme, with nothing buffered that other tests did."""
    with app.app_context():
        REQUEST_LOG.get()._calls.clear()
    flush(app)
    return Records(app, people.acme.id)


@pytest.fixture
def other_records(app: Flask, people: People) -> Records:
    """Return the records of the other team."""
    return Records(app, people.other.id)
