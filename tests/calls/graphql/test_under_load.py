"""Costly documents and schemas, sent without pause, and what others notice of them."""

import http.client
import json
import threading
import time
from collections import Counter
from typing import Any

import pytest

from app.accounts.models import Team
from app.api_keys.services import create_key
from app.calls.graphql.services.schemas import propose_schema
from app.extensions import db
from app.integrations.services.integrations import create_integration
from app.integrations.services.settings import IntegrationSettings
from app.lib.ids import new_id
from app.web.permissions import FULL
from tests.calls.graphql.test_validation import COSTLY, SDL, aliases
from tests.conftest import SQLITE, TestApps
from tests.server.fixtures import StartWeb, start_web, token
from tests.server.programs import WebServer
from tests.slow_clients.scene import latencies_of_others

__all__ = ["start_web", "token"]
#: Of each team.
SENDERS = 4


class Attacker:
    """A team that sends what is costly to validate, from several connections at once, and counts the answers."""

    def __init__(self, test_apps: TestApps, *, sends_schemas: bool) -> None:
        self._sends_schemas = sends_schemas
        with test_apps.app(SQLITE).app_context():
            team = Team(slug=new_id("t").replace("_", "-"), name="Costly", per_hour=1_000_000)
            db.session.add(team)
            db.session.commit()
            team_id = team.id
            settings = IntegrationSettings(
                name="Costly",
                auth_method="bearer",
                answers={"base_url": "https://api.example.com/graphql", "token": "t"},
            )
            integration_id = create_integration(team_id, "graphql", settings)
            propose_schema(team_id, integration_id, sdl=SDL)
            scopes = ["integrations:read", "integrations:write"]
            key = create_key(
                team_id, "costly", scopes=scopes, granted_by=frozenset({FULL}), created_by_id=None,
                per_hour=1_000_000, per_day=1_000_000,
            )  # fmt: skip
            self._headers = {"Authorization": f"Bearer {key.token}", "Content-Type": "application/json"}
            db.session.remove()
        self._path = f"/api/v1/integrations/{integration_id}/graphql"
        self.statuses: Counter[int] = Counter()
        self._is_over = threading.Event()

    def send(self, web: WebServer, number: int) -> None:
        """Send until it is over; every document differs, so that no cache helps."""
        count = 0
        while not self._is_over.is_set():
            count += 1
            mark = f" # {number}.{count}"
            if self._sends_schemas:
                types = " ".join(f"type T{one} {{ a: Int b: String c: T{one} }}" for one in range(3000))
                self._send_one(web, "PUT", "/schema", {"sdl": SDL + types + mark, "is_preview": True})
            else:
                document = (aliases(3000) if count % 2 else COSTLY) + mark
                self._send_one(web, "POST", "/operations", {"document": document})

    def stop(self) -> None:
        self._is_over.set()

    def _send_one(self, web: WebServer, method: str, path: str, body: dict[str, Any]) -> None:
        connection = http.client.HTTPConnection(web.host, web.port, timeout=120)
        try:
            connection.request(method, self._path + path, json.dumps(body), self._headers)
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.status] += 1
        finally:
            connection.close()


def elapsed(for_s: float) -> Any:
    ends_at_s = time.monotonic() + for_s
    return lambda: time.monotonic() > ends_at_s


@pytest.mark.slow
@pytest.mark.load
def test_costly_documents_leave_others_below_a_second(
    start_web: StartWeb, token: str, test_apps: TestApps
) -> None:
    web = start_web()
    without = latencies_of_others(web.host, web.port, token, until=elapsed(8))
    attackers = [Attacker(test_apps, sends_schemas=False), Attacker(test_apps, sends_schemas=True)]
    senders = [
        threading.Thread(target=attacker.send, args=(web, number))
        for attacker in attackers
        for number in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    try:
        others = latencies_of_others(web.host, web.port, token, until=elapsed(15))
    finally:
        for attacker in attackers:
            attacker.stop()
        for sender in senders:
            sender.join(180)
    figures = {name: round(latencies.p99_s, 3) for name, latencies in others.items()}
    before = {name: round(latencies.p99_s, 3) for name, latencies in without.items()}
    answers = [dict(attacker.statuses) for attacker in attackers]
    print(
        f"\np99 {figures}, without them {before}; answers to documents {answers[0]}, to schemas {answers[1]}"
    )
    assert not [failure for latencies in others.values() for failure in latencies.failures]
    # Each was answered as what it is, refused for its cost, or because too many were waiting.
    assert set(answers[0]) | set(answers[1]) <= {200, 422, 429, 503}
    assert answers[0][422]
    for name, p99_s in figures.items():
        # A machine that is busy with other things takes a second without them.
        assert p99_s < max(1.0, 2 * without[name].p99_s), name
