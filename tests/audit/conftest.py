"""What the tests of the audit trail share."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from app.audit.models import AuditEntry
from app.extensions import db
from tests.people import People
from tests.team_rows import TeamRows


class Trail(TeamRows):
    """The stored entries of one team, and a way to store many."""

    def entries(self) -> list[AuditEntry]:
        """Return the team's entries, oldest first."""
        return self.read(AuditEntry)

    def entry(self, action: str) -> AuditEntry:
        """Return the only entry of this action."""
        found = [entry for entry in self.entries() if entry.action == action]
        assert len(found) == 1, [entry.action for entry in self.entries()]
        return found[0]

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
            "actor_kind": "user",
            "actor_id": "usr_x",
            "actor_name": "Alice",
            "action": "webhook.updated",
            "object_type": "webhook",
            "object_id": "wh_x",
            "object_name": "Order desk",
        }
        return self.add(AuditEntry, "aud", count, {**defaults, **values}, at=at, apart=apart)

    def delete_all(self) -> None:
        """Delete the entries of all teams: signing in left some."""
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(delete(AuditEntry))


@pytest.fixture
def trail(app: Flask, people: People) -> Trail:
    """Return the audit trail of team acme."""
    return Trail(app, people.acme.id)


@pytest.fixture
def other_trail(app: Flask, people: People) -> Trail:
    """Return the audit trail of the other team."""
    return Trail(app, people.other.id)
