"""Creating requests whose process is killed: repeated under their Idempotency-Key, they never create a second object."""

import http.client
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.audit.models import AuditEntry
from app.config import Settings
from app.extensions import db
from app.idempotency.models import IdempotencyRecord
from app.lib import clock
from app.lib.redact import MASK
from tests.api_client import WEBHOOK, Api
from tests.idempotency.crashing_server import HEADER, STEPS
from tests.webhooks.dispatch.programs import Program, environment, free_port, running
from tests.webhooks.dispatch.scene import wait_until

KEY = {"Idempotency-Key": "9b7a6f0e-0d5f-4c39-b06e-6a1d3f8e2c11"}


@dataclass(frozen=True)
class Creation:
    """A creating operation. `action` is in the audit trail once for each time that it was done."""

    path: str
    body: dict[str, Any] | None
    action: str
    status: int = 201
    secret: str | None = None


CREATIONS = {
    "webhook": Creation("/webhooks", WEBHOOK, "webhook.created", secret="secret"),
    "event type": Creation("/event-types", {"name": "order.shipped"}, "event_type.created"),
    "invitation": Creation("/invitations", {"role": "viewer"}, "invitation.created", secret="url"),
    "API key": Creation(
        "/keys", {"name": "orders", "scopes": ["events:write"]}, "api_key.created", secret="key"
    ),
    "new secret": Creation(
        "/keys/{key_id}/regenerate", {"grace_s": 0}, "api_key.regenerated", status=200, secret="key"
    ),
    "test event": Creation("/webhooks/{webhook_id}/test", None, "webhook.tested", status=202),
}


class CrashingServer:
    """The server of `crashing_server.py`, called with the API key of `api`, as another program would."""

    def __init__(self, port: int) -> None:
        self._port = port

    def is_up(self) -> bool:
        try:
            return self._ask("GET", "/healthz", None, {})[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def post(self, api: Api, path: str, body: Any, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Return status, body and headers. Raises RemoteDisconnected when the process is killed."""
        sent = {**api._headers, **headers, "Content-Type": "application/json"}
        return self._ask("POST", f"/api/v1{path}", None if body is None else orjson.dumps(body), sent)

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, Any, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, orjson.loads(answer.read()), dict(answer.headers)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Settings], CrashingServer]]:
    """Yield a function that starts the server on a database, once for all tests."""
    started: dict[str, CrashingServer] = {}
    with ExitStack() as programs:

        def start(settings: Settings) -> CrashingServer:
            if settings.database_url not in started:
                port, log = free_port(), tmp_path_factory.mktemp("crashing") / "server.log"
                argv = (sys.executable, "-m", "tests.idempotency.crashing_server", str(port))
                programs.enter_context(running(Program(*argv, env=environment(settings), log=log)))
                server = started[settings.database_url] = CrashingServer(port)
                wait_until(server.is_up)
            return started[settings.database_url]

        yield start


@pytest.fixture
def server(start_server: Callable[[Settings], CrashingServer], settings: Settings) -> CrashingServer:
    return start_server(settings)


def addressed(api: Api, path: str) -> str:
    """Return the path with the ids of objects that were there before."""
    if "{webhook_id}" in path:
        return path.format(webhook_id=api.new_webhook()["id"])
    if "{key_id}" in path:
        answer = api("POST", "/keys", {"name": "before", "scopes": ["events:write"]})
        return path.format(key_id=answer.get_json()["id"])
    return path


def times_done(app: Flask, action: str) -> int:
    with app.app_context():
        query = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == action)
        return db.session.scalar(query) or 0


def let_the_lease_end(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(IdempotencyRecord).values(created_at=clock.now() - timedelta(seconds=61)))
        db.session.commit()
        db.session.remove()


@pytest.mark.parametrize("what", ["webhook", "new secret"])
def test_killed_before_its_commit_a_request_is_run_again(
    app: Flask, api: Api, server: CrashingServer, what: str
) -> None:
    made = CREATIONS[what]
    path = addressed(api, made.path)
    before = times_done(app, made.action)

    kill_at("before_commit", api, server, path, made)

    assert times_done(app, made.action) == before, "nothing of it was stored"
    waiting = server.post(api, path, made.body, **KEY)
    assert (waiting[0], waiting[2]["Retry-After"]) == (409, "1"), "its process could still be alive"
    let_the_lease_end(app)
    first, again = (server.post(api, path, made.body, **KEY) for _ in range(2))
    assert times_done(app, made.action) == before + 1
    assert (first[0], "Idempotency-Replayed" in first[2]) == (made.status, False)
    assert (again[0], again[2]["Idempotency-Replayed"]) == (made.status, "true")
    assert without_secret(again[1], made) == without_secret(first[1], made)


@pytest.mark.parametrize("what", CREATIONS)
def test_killed_after_its_commit_a_request_is_not_run_again(
    app: Flask, api: Api, server: CrashingServer, what: str
) -> None:
    made = CREATIONS[what]
    path = addressed(api, made.path)
    before = times_done(app, made.action)

    kill_at("after_commit", api, server, path, made)

    assert times_done(app, made.action) == before + 1
    check_repetitions(api, server, path, made)
    let_the_lease_end(app)
    check_repetitions(api, server, path, made)
    assert times_done(app, made.action) == before + 1


@pytest.mark.parametrize("step", STEPS[2:])
def test_killed_around_storing_its_answer_a_request_is_not_run_again(
    app: Flask, api: Api, server: CrashingServer, step: str
) -> None:
    made = CREATIONS["API key"]
    before = times_done(app, made.action)

    kill_at(step, api, server, made.path, made)

    check_repetitions(api, server, made.path, made)
    assert times_done(app, made.action) == before + 1


def kill_at(step: str, api: Api, server: CrashingServer, path: str, made: Creation) -> None:
    """Send the request; its process is killed at this step."""
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        server.post(api, path, made.body, **KEY, **{HEADER: step})


def check_repetitions(api: Api, server: CrashingServer, path: str, made: Creation) -> None:
    """Check that repetitions return the one object, in the form of the first answer, without its secret."""
    answers = [server.post(api, path, made.body, **KEY) for _ in range(2)]
    assert [(answer[0], answer[2]["Idempotency-Replayed"]) for answer in answers] == [
        (made.status, "true")
    ] * 2, answers
    assert answers[0][1] == answers[1][1]
    if made.secret:
        assert answers[0][1][made.secret] == MASK
        assert answers[0][1]["id"] in answers[0][1]["notice"]


def without_secret(body: dict[str, Any], made: Creation) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in (made.secret, "notice")}
