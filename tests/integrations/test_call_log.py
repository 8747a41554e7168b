"""What is left behind of calls: entries in the request log without secrets, counts, and events when things change."""

import base64
import threading
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from sqlalchemy import delete, func, select, text

from app.config import Settings
from app.events.models import Event
from app.extensions import db
from app.integrations.models import CallCount, Integration
from app.integrations.services.access import open_access
from app.integrations.services.calling import send_call
from app.integrations.services.integrations import create_integration
from app.integrations.services.outgoing import OutgoingCall
from app.integrations.services.settings import IntegrationSettings
from app.integrations.services.testing import test_integration as send_test
from app.local.ports import any_free_port
from app.request_log.models import LoggedRequest
from tests.integrations.callers import SECRET, Caller
from tests.people import People
from tests.races import at_once
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply, always, in_turn

MASK = "••••••"


def logged(caller: Caller) -> list[LoggedRequest]:
    """Return the team's calls to services, oldest first."""
    with caller.app.app_context():
        query = select(LoggedRequest).where(LoggedRequest.direction == "out").order_by(LoggedRequest.id)
        rows = list(db.session.scalars(query.where(LoggedRequest.team_id == caller.team_id)))
        db.session.expunge_all()
        db.session.rollback()
        return rows


def events(caller: Caller) -> list[tuple[str, dict[str, Any]]]:
    """Return type and data of the events about integrations, oldest first."""
    with caller.app.app_context():
        query = select(Event).where(
            Event.team_id == caller.team_id, Event.type.startswith("signalbox.integration.")
        )
        found = [
            (one.type, orjson.loads(one.body)["data"]) for one in db.session.scalars(query.order_by(Event.id))
        ]
        db.session.rollback()
        return found


@pytest.mark.postgresql
def test_a_call_is_logged_with_what_was_sent_and_answered(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add()
    service.behaviour = always(201, body=b'{"id": 7}', headers=(("Content-Type", "application/json"),))

    outcome = caller.call(
        integration_id,
        "/tickets?status=open",
        method="POST",
        body=b'{"title": "Late"}',
        headers=[("Content-Type", "application/json")],
        source_id="ep_sample",
    )

    (row,) = logged(caller)
    assert row.id == outcome.log_id
    assert (row.integration_id, row.integration_name, row.purpose, row.source_id) == (
        integration_id, "Desk", "rest", "ep_sample",
    )  # fmt: skip
    assert (row.method, row.url, row.status, row.tries) == (
        "POST",
        f"{caller.base_url}/tickets?status=open",
        201,
        1,
    )
    assert (row.request_body, row.response_body) == ('{"title": "Late"}', '{"id": 7}')
    assert (row.request_bytes, row.response_bytes) == (17, 9)
    assert ["Authorization", MASK] in orjson.loads(row.request_headers or "")
    assert ["Content-Type", "application/json"] in orjson.loads(row.response_headers or "")
    assert row.address == "127.0.0.1"
    assert row.duration_ms > 0
    assert None not in (row.dns_ms, row.connect_ms, row.first_byte_ms)


def test_a_call_without_an_answer_is_logged_as_a_failure(caller: Caller) -> None:
    caller.base_url = f"http://127.0.0.1:{any_free_port('127.0.0.1')}"
    caller.call(caller.add(), method="POST")
    (row,) = logged(caller)
    assert (row.status, row.error_code, row.response_headers) == (None, "connect_refused", None)
    assert row.error_detail


@pytest.mark.parametrize(
    ("auth_method", "secret"), [("bearer", SECRET), ("basic", SECRET), ("query", 'with "quotes" & <signs>/')]
)
def test_no_secret_is_in_the_log_however_the_service_repeats_it(
    caller: Caller, service: Receiver, auth_method: str, secret: str
) -> None:
    pair = base64.b64encode(f"ann:{secret}".encode()).decode()

    def repeat(request: Received) -> Reply:
        lines = [f"you sent {request.path} and {secret} or {pair}", orjson.dumps({"note": secret}).decode()]
        lines += [f"{name} is {value}" for name, value in request.headers.items()]
        return Reply(200, body="\n".join(lines).encode(), headers=(("X-Seen", secret),))

    service.behaviour = repeat
    caller.call(
        caller.add(auth_method, secret=secret), "/a", method="POST", body=orjson.dumps({"again": secret})
    )

    (row,) = logged(caller)
    shown = " ".join(str(value) for value in vars(row).values())
    assert "you sent" in shown
    for form in (secret, quote(secret, safe=""), orjson.dumps(secret).decode()[1:-1]):
        assert form not in shown
    if auth_method == "basic":
        assert pair not in shown


def test_a_secret_at_the_cut_of_a_long_answer_is_masked(caller: Caller, service: Receiver) -> None:
    service.behaviour = always(200, body=b"x" * (8_192 - 10) + SECRET.encode() + b"y" * 100)
    caller.call(caller.add())
    (row,) = logged(caller)
    assert (row.response_body or "").endswith(f"x{MASK}")
    assert row.response_bytes == 8_192 - 10 + len(SECRET) + 100


def test_of_an_address_that_is_a_secret_only_the_host_is_logged(caller: Caller, service: Receiver) -> None:
    address = f"{caller.base_url}/hooks/catch/1234567/"
    settings = IntegrationSettings(name="Zap", auth_method="webhook", answers={"webhook_url": address})
    service.behaviour = lambda request: Reply(200, body=f"got {request.path}".encode())
    with caller.app.app_context():
        access = open_access(caller.team_id, create_integration(caller.team_id, "zapier", settings))
        send_call(access, OutgoingCall(url=access.base_url, purpose="rest", method="POST", body=b"{}"))
    (row,) = logged(caller)
    assert (row.host, row.path) == (caller.base_url.removeprefix("http://"), MASK)
    assert row.response_body == f"got /{MASK}/"


def test_what_a_definition_marks_as_secret_is_masked(caller: Caller) -> None:
    caller.call(
        caller.add(),
        "/a?pin=4711&page=2",
        method="POST",
        body=b'{"pin": "4711", "page": 2, "note": "call 0900-1"}',
        secret_names=frozenset({"pin"}),
        secret_values=("0900-1",),
    )
    (row,) = logged(caller)
    assert row.path == f"/a?pin={MASK}&page=2"
    assert orjson.loads(row.request_body or "") == {"pin": MASK, "page": 2, "note": f"call {MASK}"}


def test_what_is_no_text_is_not_kept(caller: Caller, service: Receiver) -> None:
    service.behaviour = always(200, body=b"\x89PNG\x00", headers=(("Content-Type", "image/png"),))
    caller.call(caller.add())
    assert logged(caller)[0].response_body == "Not kept: 5 bytes of image/png."


def test_without_a_request_log_calls_are_counted_only(caller: Caller, settings: Settings) -> None:
    integration_id = caller.add()
    caller.app.config["SETTINGS"] = settings.model_copy(update={"request_log_days": 0})
    try:
        assert caller.call(integration_id).log_id is None
    finally:
        caller.app.config["SETTINGS"] = settings
    assert logged(caller) == []
    assert counted(caller, integration_id) == (1, 0)


@pytest.mark.postgresql
def test_a_call_outlives_its_integration(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add()

    def delete_meanwhile(_request: object) -> Reply:
        with caller.app.app_context():
            db.session.execute(delete(Integration).where(Integration.id == integration_id))
            db.session.commit()
        return Reply(200)

    service.behaviour = delete_meanwhile
    outcome = caller.call(integration_id, method="POST")
    assert outcome.result.status_code == 200
    assert [row.id for row in logged(caller)] == [outcome.log_id]


def test_a_call_outlives_a_database_that_cannot_record_it(caller: Caller) -> None:
    integration_id = caller.add()
    rename(caller, "call_counts", "call_counts_away")
    try:
        assert caller.call(integration_id).result.status_code == 200
    finally:
        rename(caller, "call_counts_away", "call_counts")
    # Log and counts are written together or not at all.
    assert logged(caller) == []


@pytest.mark.postgresql
def test_events_say_when_an_integration_fails_and_when_it_recovers(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add()
    service.behaviour = in_turn(Reply(200), Reply(500), Reply(500), Reply(401), Reply(200), Reply(200))
    for _ in range(6):
        caller.call(integration_id, method="POST")

    (failed, failure), (recovered, recovery) = events(caller)
    assert (failed, recovered) == ("signalbox.integration.failed", "signalbox.integration.recovered")
    assert (failure["integration_id"], failure["name"], failure["error_kind"]) == (
        integration_id,
        "Desk",
        "http_5xx",
    )
    # It failed differently at the end: the page said so, and so does the event.
    assert recovery["error_kind"] == "http_401"
    assert recovery["failing_since"] == failure["failing_since"]
    assert recovery["failed_for_s"] >= 0


def test_a_test_that_fails_by_its_answer_is_one_failure(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add()
    # The call as such succeeds; what the check expects is another matter.
    service.behaviour = always(404)
    with caller.app.app_context():
        for _ in range(3):
            send_test(caller.team_id, integration_id)
    assert [kind for kind, _ in events(caller)] == ["signalbox.integration.failed"]
    assert counted(caller, integration_id) == (3, 0)


@pytest.mark.postgresql
def test_of_many_that_see_a_failure_one_announces_it_and_all_are_counted(
    caller: Caller, service: Receiver
) -> None:
    integration_id = caller.add()
    for status, calls in ((503, 8), (200, 16)):
        everybody_waits = threading.Event()
        service.behaviour = always(status, after=everybody_waits)
        timer = threading.Timer(0.3, everybody_waits.set)
        timer.start()
        at_once([lambda: caller.call(integration_id, method="POST")] * 8)
        timer.join()
        assert counted(caller, integration_id) == (calls, 8)
    assert [kind for kind, _ in events(caller)] == [
        "signalbox.integration.failed", "signalbox.integration.recovered",
    ]  # fmt: skip
    assert len(logged(caller)) == 16


def test_calls_that_change_nothing_do_not_wait_for_the_integration(
    caller: Caller, database_kind: str, people: People
) -> None:
    if database_kind == "sqlite":
        pytest.skip("SQLite has one writer at a time, whatever it writes")
    integration_id = caller.add()
    caller.call(integration_id)
    with caller.app.app_context(), db.engine.begin() as connection:
        # Somebody saves the form and takes long.
        connection.execute(text("UPDATE integrations SET name = 'x' WHERE id = :id"), {"id": integration_id})
        done = threading.Thread(target=caller.call, args=(integration_id,))
        done.start()
        done.join(10)
        assert not done.is_alive()


def counted(caller: Caller, integration_id: str) -> tuple[int, int]:
    """Return how many calls were counted, and how many failures."""
    with caller.app.app_context():
        query = select(func.sum(CallCount.calls), func.sum(CallCount.failures))
        calls, failures = db.session.execute(query.where(CallCount.integration_id == integration_id)).one()
        db.session.rollback()
    return calls or 0, failures or 0


def rename(caller: Caller, table: str, name: str) -> None:
    """Rename a table of the database."""
    with caller.app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
