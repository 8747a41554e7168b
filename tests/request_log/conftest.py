"""What the tests of the request log share."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.request_log.buffer import CALL_BUFFER, flush
from app.request_log.models import LoggedRequest
from tests.people import People
from tests.team_rows import TeamRows


class RequestLog(TeamRows):
    """The logged calls of one team, and a way to store many."""

    def requests(self) -> list[LoggedRequest]:
        """Write what is buffered and return the team's calls, oldest first."""
        flush(self.app)
        return self.written()

    def written(self) -> list[LoggedRequest]:
        """Return the team's calls that were written until now, oldest first."""
        return self.read(LoggedRequest)

    def add_requests(
        self,
        count: int,
        *,
        at: datetime | None = None,
        apart: timedelta = timedelta(seconds=1),
        **values: Any,
    ) -> list[str]:
        """Store calls, `at` being the time of the last; returns their ids, oldest first."""
        defaults = {
            "api_key_id": "key_x",
            "api_key_name": "importer",
            "method": "GET",
            "path": "/api/v1/events",
            "route": "/api/v1/events",
            "status": 200,
            "duration_ms": 1.5,
        }
        return self.add(LoggedRequest, "req", count, {**defaults, **values}, at=at, apart=apart)


@pytest.fixture
def request_log(app: Flask, people: People) -> RequestLog:
    """Return the request log of team acme, with nothing buffered that other tests did."""
    with app.app_context():
        CALL_BUFFER.get()._calls.clear()
    flush(app)
    return RequestLog(app, people.acme.id)


@pytest.fixture
def other_request_log(app: Flask, people: People) -> RequestLog:
    """Return the request log of the other team."""
    return RequestLog(app, people.other.id)
