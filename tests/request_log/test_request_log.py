"""The request log: which calls are recorded, what is kept of them, and that recording neither costs nor blocks."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response, g
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.api_keys import services as key_services
from app.api_keys.services import create_key
from app.config import Settings
from app.extensions import db
from app.factory import create_app
from app.lib import clock
from app.lib.ids import new_id
from app.request_log import api_calls
from app.request_log.buffer import CALL_BUFFER, DETAILED_MAX, CallBuffer, flush
from app.request_log.calls import BODY_KEPT_MAX_BYTES, Call
from app.web.access import Principal, access_of
from app.web.permissions import FULL
from tests import slots
from tests.api_client import Api
from tests.people import People
from tests.request_log.conftest import RequestLog
from tests.webhooks.dispatch.scene import wait_until

pytestmark = pytest.mark.postgresql


def call(team_id: str, **values: Any) -> Call:
    defaults: dict[str, Any] = {
        "id": new_id("req"),
        "ended_at_s": time.time(),
        "team_id": team_id,
        "api_key_id": "key_x",
        "api_key_name": "importer",
        "method": "GET",
        "path": "/api/v1/events",
        "query": b"",
        "route": "/api/v1/events",
        "status": 200,
        "duration_ms": 1.0,
        "request_bytes": 0,
        "response_bytes": 2,
        "address": "127.0.0.1",
        "user_agent": None,
        "request_id": None,
    }
    return Call(**{**defaults, **values})


def test_call_that_announces_more_bytes_than_a_column_holds_is_logged(
    api: Api, request_log: RequestLog
) -> None:
    """Else whoever sends such a header would not be seen, and the calls noted beside it be written one by one."""
    answer = api("POST", "/events", {}, environ_overrides={"CONTENT_LENGTH": str(10**15)})

    assert answer.status_code == 413
    (logged,) = request_log.requests()
    assert logged.request_bytes == 2**31 - 1


def test_accepted_call_is_logged_without_its_bodies(api: Api, request_log: RequestLog) -> None:
    answer = api(
        "POST", "/events", {"type": "post.published", "data": {"n": 1}}, headers={"User-Agent": "cron/2"}
    )

    (logged,) = request_log.requests()
    assert (logged.method, logged.path, logged.status) == ("POST", "/api/v1/events", 202)
    assert (logged.route, logged.api_key_name, logged.user_agent) == ("/api/v1/events", "tests", "cron/2")
    assert logged.id == logged.request_id == answer.headers["X-Request-Id"]
    assert logged.duration_ms > 0
    assert logged.request_bytes > 20
    assert logged.response_bytes == len(answer.data)
    assert logged.created_at > clock.now() - timedelta(minutes=1)
    assert (logged.error_code, logged.request_headers, logged.request_body, logged.response_body) == (
        None,
    ) * 4


def test_wrong_values_are_logged_with_what_was_sent(api: Api, request_log: RequestLog) -> None:
    api("POST", "/events", {"type": "no.such", "data": {"note": "Grüße", "password": "hunter2"}})

    (logged,) = request_log.requests()
    assert (logged.status, logged.error_code) == (422, "VALIDATION_ERROR")
    assert "no event type no.such" in str(logged.error_detail)
    assert json.loads(str(logged.request_body))["data"] == {"note": "Grüße", "password": "••••••"}
    assert json.loads(str(logged.response_body))["status"] == 422


def test_missing_scope_is_logged(people: People, request_log: RequestLog) -> None:
    api = Api(people.app, people.acme.id, people.alice.id, ["events:read"])

    api("GET", "/webhooks")

    (logged,) = request_log.requests()
    assert (logged.status, logged.error_code, logged.api_key_name) == (403, "AUTHORIZATION_FAILED", "tests")


def test_call_with_a_revoked_key_is_logged_for_its_team(people: People, request_log: RequestLog) -> None:
    api = Api(people.app, people.acme.id, people.alice.id, ["events:read"])
    api("GET", "/events")
    with people.app.app_context():
        key_services.revoke_key(people.acme.id, str(request_log.requests()[0].api_key_id))
        db.session.remove()

    assert api("GET", "/events").status_code == 401

    assert [logged.status for logged in request_log.requests()] == [200, 401]


def test_reached_limit_is_logged(people: People, request_log: RequestLog) -> None:
    with people.app.app_context():
        created = create_key(
            people.acme.id, "slow", scopes=["events:read"], granted_by=frozenset({FULL}), per_hour=1
        )
        db.session.remove()
    client = people.app.test_client()
    headers = {"Authorization": f"Bearer {created.token}"}
    statuses = [client.get("/api/v1/events", headers=headers).status_code for _ in range(3)]

    assert statuses == [200, 429, 429]
    logged = request_log.requests()
    assert [one.status for one in logged] == statuses
    assert logged[-1].error_code == "RATE_LIMIT_EXCEEDED"
    assert logged[-1].api_key_id == created.id


def test_internal_error_is_logged(api: Api, request_log: RequestLog, monkeypatch: pytest.MonkeyPatch) -> None:
    view = api.app.view_functions["request_log_api.list_requests"]

    def broken(**_: object) -> None:
        raise RuntimeError("planted")

    broken.access = access_of(view)  # type: ignore[attr-defined]
    monkeypatch.setitem(api.app.view_functions, "request_log_api.list_requests", broken)

    api("GET", "/requests")

    (logged,) = request_log.requests()
    assert (logged.status, logged.error_code) == (500, "INTERNAL_ERROR")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
def test_call_without_a_known_key_is_not_logged(app: Flask, people: People, headers: dict[str, str]) -> None:
    assert app.test_client().get("/api/v1/events", headers=headers).status_code == 401
    people.alice.get("/t/acme/audit/")

    assert flush(app) == 0


def test_secrets_are_masked_by_name_and_form(people: People, request_log: RequestLog) -> None:
    api = Api(people.app, people.acme.id, people.alice.id, [FULL])
    token = api._headers["Authorization"].removeprefix("Bearer ")
    client = people.app.test_client(use_cookies=False)
    answer = client.post(
        f"/api/v1/webhooks?access_token=hunter2&note={token}&page=3",
        json={
            "name": "",
            "url": f"https://x.test/{token}",
            "event_types": [],
            "headers": {"X-Token": "hunter2"},
        },
        headers={
            "Authorization": f"Bearer {token}",
            "Cookie": "a=hunter2",
            "X-API-Key": token,
            "X-Note": f"see {token}",
            "X-Plain": "plain",
        },
    )
    assert answer.status_code == 422

    (logged,) = request_log.requests()
    stored = " ".join(str(value) for value in vars(logged).values())
    assert token not in stored
    assert token[-20:] not in stored
    assert "hunter2" not in stored
    assert "page=3" in logged.path
    headers = dict(json.loads(str(logged.request_headers)))
    assert headers["Authorization"] == headers["X-Api-Key"] == headers["Cookie"] == "••••••"
    assert headers["X-Note"] == "see ••••••"
    assert headers["X-Plain"] == "plain"


@pytest.mark.parametrize(
    "body",
    [
        b'{"password": "hunter2", "type": ',
        b'{"data": {"api_key": "hunter2"}, "filler": "' + b"x" * 100_000 + b'"',
        b"password=hunter2&type=x",
    ],
)
def test_unreadable_body_is_kept_masked_and_capped(api: Api, request_log: RequestLog, body: bytes) -> None:
    assert api("POST", "/events", body).status_code == 400

    (logged,) = request_log.requests()
    assert logged.request_body
    assert "hunter2" not in logged.request_body
    assert len(logged.request_body.encode()) <= BODY_KEPT_MAX_BYTES


def test_chosen_request_id_cannot_take_the_place_of_another(api: Api, request_log: RequestLog) -> None:
    taken = api("GET", "/events").headers["X-Request-Id"]
    api("GET", "/events", headers={"X-Request-Id": taken})

    logged = request_log.requests()
    assert [one.request_id for one in logged] == [taken, taken]
    assert len({one.id for one in logged}) == 2


def test_hostile_paths_are_logged(api: Api, request_log: RequestLog) -> None:
    for path in ("/events/%00", "/events/%ff%fe", f"/events/{'x' * 3000}", "/webhooks/%F0%9F%92%A3?q=%00%ff"):
        assert api("GET", path).status_code in (404, 422)

    # A NUL is refused before anybody asks whose key it is.
    assert len(request_log.requests()) == 3


def test_full_buffer_drops_the_oldest_and_logs_how_many(app: Flask, request_log: RequestLog) -> None:
    buffer = CallBuffer(app, buffered_max=10, is_background=False)
    for number in range(25):
        buffer.add(call(request_log.team_id, path=f"/api/v1/{number}"))

    with capture_logs() as logs:
        assert buffer.flush() == 10

    assert {one.path for one in request_log.requests()} == {f"/api/v1/{number}" for number in range(15, 25)}
    assert [(line["event"], line["dropped"]) for line in logs] == [("request_log_overflow", 15)]


def test_details_of_a_flood_are_bounded(api: Api, request_log: RequestLog) -> None:
    for _ in range(DETAILED_MAX + 5):
        api("GET", "/events?limit=0")

    logged = request_log.requests()
    assert sum(one.request_headers is not None for one in logged) == DETAILED_MAX
    assert {one.error_code for one in logged} == {"VALIDATION_ERROR"}


def test_calls_of_a_deleted_team_do_not_prevent_others_from_being_written(
    app: Flask, request_log: RequestLog
) -> None:
    buffer = CallBuffer(app, is_background=False)
    buffer.add(call("team_gone"))
    buffer.add(call(request_log.team_id))

    assert buffer.flush() == 1
    assert len(request_log.requests()) == 1


def test_what_cannot_be_written_now_is_written_later(app: Flask, request_log: RequestLog) -> None:
    buffer = CallBuffer(app, is_background=False)
    buffer.add(call(request_log.team_id))
    with app.app_context():
        engine = db.engine

    def fail(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is away"))

    event.listen(engine, "before_cursor_execute", fail)
    try:
        assert buffer.flush() == 0
    finally:
        event.remove(engine, "before_cursor_execute", fail)

    assert buffer.flush() == 1
    assert len(request_log.requests()) == 1


def test_background_thread_writes_by_itself(app: Flask, request_log: RequestLog) -> None:
    buffer = CallBuffer(app)
    threads = threading.active_count()
    buffer.add(call(request_log.team_id))
    assert threading.active_count() == threads + 1

    wait_until(request_log.requests)
    assert len(request_log.requests()) == 1


EXITING = """
import multiprocessing, sys, time
from app.request_log.buffer import CallBuffer
from app.factory import create_app
from tests.request_log.test_request_log import call

def serve(team_id):
    buffer = CallBuffer(app)
    for _ in range(1500):
        buffer.add(call(team_id))

app = create_app()
if sys.argv[2] == "child":
    child = multiprocessing.get_context("fork").Process(target=serve, args=(sys.argv[1],))
    child.start()
    child.join()
else:
    serve(sys.argv[1])
"""


@pytest.mark.parametrize("place", ["main", "child"])
def test_clean_exit_writes_what_is_buffered(settings: Settings, request_log: RequestLog, place: str) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "APP_ENV": "development",
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "ENCRYPTION_KEY": settings.encryption_key,
    }
    argv = (sys.executable, "-c", EXITING, request_log.team_id, place)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=110)

    assert done.returncode == 0, done.stderr
    assert len(request_log.requests()) == 1500


def test_no_log_is_kept_where_the_operator_wants_none(settings: Settings, redis_url: str) -> None:
    app = create_app(settings.model_copy(update={"request_log_days": 0}))

    assert CALL_BUFFER.key not in app.extensions
    assert flush(app) == 0
    slots.close_redis(app)


def test_recording_a_call_costs_little(people: People) -> None:
    """The hook of an accepted call, measured alone and in processor time: the promise is 60 µs on a fast machine."""
    app = people.app
    with app.test_request_context(
        "/api/v1/events", method="POST", json={"type": "post.published", "data": {}}
    ):
        g.principal = Principal("api_key", "key_x", "importer", people.acme.id, frozenset())
        g.request_id = new_id("req")
        response = app.make_response(("{}", 202))
        best = min(_time_of_100(response) for _ in range(20))
    flush(app)

    assert best < 100 * 60e-6 * 3


def _time_of_100(response: Response) -> float:
    begun_s = time.thread_time()
    for _ in range(100):
        api_calls.start_timer()
        api_calls.record_call(response)
    return time.thread_time() - begun_s
