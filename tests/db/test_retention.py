"""Old rows are deleted in small transactions, within a bound of time."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event

from app.audit.models import AuditEntry
from app.db import retention
from app.db.retention import delete_older
from app.extensions import db
from app.lib import clock
from tests.audit.conftest import Trail
from tests.people import People

pytestmark = pytest.mark.postgresql


@pytest.fixture
def trail(app: Flask, people: People) -> Trail:
    return Trail(app, people.acme.id)


def delete_older_than_a_day(app: Flask) -> int:
    with app.app_context():
        return delete_older(db.engine, AuditEntry.id, "aud", than=clock.now() - timedelta(days=1))


def test_rows_are_deleted_in_batches(app: Flask, trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    trail.delete_all()
    trail.add_entries(7, at=clock.now() - timedelta(days=2))
    [kept] = trail.add_entries(1)
    with app.app_context():
        engine = db.engine
    commits: list[object] = []
    event.listen(engine, "commit", note := lambda connection: commits.append(connection))
    try:
        assert delete_older_than_a_day(app) == 7
    finally:
        event.remove(engine, "commit", note)

    assert len(commits) == 3
    assert [entry.id for entry in trail.entries()] == [kept]


def test_deleting_ends_in_time(app: Flask, trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    trail.add_entries(1, at=clock.now() - timedelta(days=2))
    monkeypatch.setattr(retention, "AT_MOST_S", 0.0)

    assert delete_older_than_a_day(app) == 0
