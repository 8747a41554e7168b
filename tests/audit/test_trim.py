"""Entries older than `AUDIT_DAYS` are deleted."""

from datetime import timedelta

import pytest
from flask import Flask

from app.audit import jobs, services
from app.config import Settings
from app.jobs.table import declared_jobs
from app.lib import clock
from tests.audit.conftest import Trail

pytestmark = pytest.mark.postgresql


def test_old_entries_are_deleted_and_new_ones_stay(app: Flask, settings: Settings, trail: Trail) -> None:
    now = clock.now()
    trail.add_entries(7, at=now - timedelta(days=settings.audit_days, seconds=1))
    entries = trail.add_entries(2, at=now - timedelta(days=settings.audit_days - 1))

    with app.app_context():
        assert services.trim() == 7
        jobs.trim()

    assert [entry.id for entry in trail.entries()] == entries


def test_operator_decides_how_long_entries_are_kept(app: Flask, settings: Settings, trail: Trail) -> None:
    trail.add_entries(1, at=clock.now() - timedelta(days=3))
    app.config["SETTINGS"] = settings.model_copy(update={"audit_days": 2})
    try:
        with app.app_context():
            assert services.trim() == 1
    finally:
        app.config["SETTINGS"] = settings


def test_trimming_runs_by_itself() -> None:
    (job,) = (job for job in declared_jobs() if job.path == "app.audit.jobs.trim")
    assert job.every_s == 600
