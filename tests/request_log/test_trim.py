"""Calls older than `REQUEST_LOG_DAYS` are deleted."""

from datetime import timedelta

import pytest
from flask import Flask

from app.config import Settings
from app.jobs.table import declared_jobs
from app.lib import clock
from app.request_log import jobs, services
from tests.request_log.conftest import RequestLog

pytestmark = pytest.mark.postgresql


def test_old_calls_are_deleted_and_new_ones_stay(
    app: Flask, settings: Settings, request_log: RequestLog
) -> None:
    now = clock.now()
    request_log.add_requests(8, at=now - timedelta(days=settings.request_log_days, seconds=1))
    kept = request_log.add_requests(2, at=now - timedelta(days=settings.request_log_days - 1))

    with app.app_context():
        assert services.trim() == 8
        jobs.trim()

    assert [logged.id for logged in request_log.requests()] == kept


def test_nothing_is_kept_where_the_operator_wants_no_log(
    app: Flask, settings: Settings, request_log: RequestLog
) -> None:
    request_log.add_requests(1, at=clock.now() - timedelta(hours=1))
    app.config["SETTINGS"] = settings.model_copy(update={"request_log_days": 0})
    try:
        with app.app_context():
            assert services.trim() == 1
    finally:
        app.config["SETTINGS"] = settings


def test_trimming_runs_by_itself() -> None:
    (job,) = (job for job in declared_jobs() if job.path == "app.request_log.jobs.trim")
    assert job.every_s == 600
