"""What is older than the operator keeps is deleted, in small transactions."""

from datetime import timedelta

import pytest
from flask import Flask

from app.audit import jobs, services
from app.config import Settings
from app.jobs.table import declared_jobs
from app.lib import clock
from tests.audit.conftest import Records

pytestmark = pytest.mark.postgresql


def test_old_rows_go_and_new_ones_stay(
    app: Flask, settings: Settings, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_BATCH", 3)
    now = clock.now()
    records.add_entries(7, at=now - timedelta(days=settings.audit_days, seconds=1))
    records.add_requests(8, at=now - timedelta(days=settings.request_log_days, seconds=1))
    entries = records.add_entries(2, at=now - timedelta(days=settings.audit_days - 1))
    requests = records.add_requests(2, at=now - timedelta(days=settings.request_log_days - 1))

    with app.app_context():
        assert services.trim() == 15
        jobs.trim()

    assert [entry.id for entry in records.entries()] == entries
    assert [logged.id for logged in records.requests()] == requests


def test_operator_decides_how_long(app: Flask, settings: Settings, records: Records) -> None:
    records.add_entries(1, at=clock.now() - timedelta(days=3))
    records.add_requests(1, at=clock.now() - timedelta(hours=1))
    short = settings.model_copy(update={"audit_days": 2, "request_log_days": 0})
    app.config["SETTINGS"] = short
    try:
        with app.app_context():
            assert services.trim() == 2
    finally:
        app.config["SETTINGS"] = settings


def test_trimming_ends_in_time_and_goes_on_later(
    app: Flask, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_AT_MOST_S", 0.0)
    records.add_entries(1, at=clock.now() - timedelta(days=1_000))

    with app.app_context():
        assert services.trim() == 0


def test_trimming_runs_by_itself() -> None:
    (job,) = (job for job in declared_jobs() if job.path == "app.audit.jobs.trim")
    assert job.every_s == 600
