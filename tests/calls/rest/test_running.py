"""Running an endpoint against a real service: what is sent, what comes back, what is hidden."""

import base64
import gzip
import json
import shutil
import subprocess
from typing import Any

import pytest
from sqlalchemy import event

from app.calls.rest.definition import Parameter
from app.calls.rest.services.endpoints import update_endpoint
from app.calls.rest.services.reports import Stop
from app.calls.rest.services.running import RunOrder
from app.extensions import db
from app.integrations.services.integrations import delete_integration, set_enabled
from app.lib.errors import Conflict, Invalid, NotFound
from tests.calls.conftest import SECRET, Desk
from tests.people import People
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply, always


def test_a_request_is_sent_as_it_is_defined(desk: Desk, service: Receiver) -> None:
    service.behaviour = always(201, body=b'{"id": 9}', headers=(("Content-Type", "application/json"),))
    endpoint_id = desk.define(
        "/contacts/{contact_id}/notes",
        Parameter(name="contact_id"),
        Parameter(name="text"),
        Parameter(name="pinned", type="boolean", default=False),
        method="POST",
        query=[("notify", "{{pinned}}")],
        headers=[("X-Source", "desk {{contact_id}}")],
        body='{"text": "{{text}}", "pinned": "{{pinned}}"}',
    )
    report = desk.run(endpoint_id, contact_id="a b", text='He said "no".')
    (received,) = service.received
    assert (received.method, received.path) == ("POST", "/contacts/a%20b/notes?notify=false")
    assert json.loads(received.body) == {"text": 'He said "no".', "pinned": False}
    assert received.headers["content-type"] == received.headers["accept"] == "application/json"
    assert received.headers["x-source"] == "desk a b"
    assert received.headers["authorization"] == f"Bearer {SECRET}"
    assert (report.succeeded, report.status_code, report.body.value) == (True, 201, {"id": 9})
    assert report.total_ms
    assert report.first_byte_ms


def test_nothing_is_sent_when_a_parameter_is_wrong(desk: Desk, service: Receiver) -> None:
    endpoint_id = desk.define("/contacts/{id}", Parameter(name="id"))
    for wrong in ({}, {"id": "../admin"}, {"id": 7}, {"id": "1", "other": 2}):
        with pytest.raises(Invalid):
            desk.run(endpoint_id, **wrong)
    assert service.received == []


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500])
def test_an_answer_without_success_is_a_report(desk: Desk, service: Receiver, status: int) -> None:
    service.behaviour = always(status, body=b'{"error": "why"}')
    report = desk.run(desk.define(method="DELETE"))
    assert (report.succeeded, report.stop, report.status_code) == (False, Stop.FAILED, status)
    assert report.body.value == {"error": "why"}
    assert str(status) in report.words


def test_a_service_that_is_away_is_a_report(desk: Desk) -> None:
    integration_id = desk.connect(answers={"base_url": "http://127.0.0.1:9"})
    report = desk.run(desk.define(integration_id=integration_id))
    assert (report.succeeded, report.status_code, report.error_kind) == (False, None, "connect_refused")
    assert report.words


@pytest.mark.parametrize(
    ("reply", "is_json", "text", "note"),
    [
        (Reply(200, b"plain"), False, "plain", ""),
        (Reply(200, b"[1, 2"), False, "[1, 2", ""),
        (
            Reply(200, b"[" * 65 + b"]" * 65, (("Content-Type", "application/json"),)),
            False,
            "[" * 65 + "]" * 65,
            "nested more than 64",
        ),
        (Reply(200, b"[" * 64 + b"]" * 64), True, "[" * 64 + "]" * 64, ""),
        (Reply(200, b"\xff\xfe"), False, "\ufffd\ufffd", ""),
        (Reply(200, gzip.compress(b"{}"), (("Content-Encoding", "gzip"),)), False, "", "encoded as gzip"),
        (Reply(204, b""), False, "", ""),
        (Reply(200, b'"' + b"x" * (5 * 1024 * 1024) + b'"'), False, None, "larger than 5 MiB"),
    ],
)
def test_an_answer_is_read_within_its_bounds(
    desk: Desk, service: Receiver, reply: Reply, is_json: bool, text: str | None, note: str
) -> None:
    service.behaviour = lambda _: reply
    body = desk.run(desk.define()).body
    assert body.is_json is is_json
    assert text is None or body.text == text
    assert note in body.note
    assert len(body.text) <= 5 * 1024 * 1024


def echo(received: Received) -> Reply:
    """Answer with everything that was sent, as some services do, and as JSON that spells it otherwise."""
    sent = {"path": received.path, "headers": received.headers}
    spelled = "".join(f"\\u{ord(char):04x}" for char in json.dumps(sent)[1:-1].replace('"', "'"))
    body = json.dumps(sent)[:-1] + f', "spelled": "{spelled}", "key {SECRET}": 1}}'
    return Reply(200, body.encode(), (("X-Echo", received.headers.get("authorization", "")),))


@pytest.mark.parametrize("auth_method", ["bearer", "basic", "header", "query"])
def test_credentials_are_masked_wherever_they_come_back(
    desk: Desk, service: Receiver, auth_method: str
) -> None:
    service.behaviour = echo
    answers = {"header_name": "X-Key"} if auth_method == "header" else {}
    integration_id = desk.connect(auth_method, answers=answers)
    report = desk.run(desk.define(integration_id=integration_id, pagination={"records_at": "/list"}))
    assert report.body.is_json
    shown = json.dumps(report.body.value) + report.body.text + repr(report.headers) + report.url + report.curl
    pair = base64.b64encode(f"ann:{SECRET}".encode()).decode()
    for secret in (SECRET, pair, "s3cret%2Fof", "s3cret/of"):
        assert secret not in shown
        assert secret not in shown.encode().decode("unicode_escape")


def test_credentials_in_records_are_masked(desk: Desk, service: Receiver) -> None:
    service.behaviour = always(200, body=json.dumps({"items": [{"echo": f"Bearer {SECRET}"}]}).encode())
    report = desk.run(desk.define(pagination={"records_at": "/items"}))
    assert report.records == [{"echo": "Bearer ••••••"}]


@pytest.mark.parametrize("auth_method", ["bearer", "basic", "header", "query"])
def test_the_command_line_sends_the_same_request(desk: Desk, service: Receiver, auth_method: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: the package curl of the distribution has it")
    answers = {"header_name": "X-Key"} if auth_method == "header" else {}
    integration_id = desk.connect(auth_method, answers=answers)
    endpoint_id = desk.define(
        "/notes/{id}",
        Parameter(name="id"),
        Parameter(name="text"),
        integration_id=integration_id,
        method="PUT",
        headers=[("X-Note", "{{text}}")],
        body='{"text": "{{text}}"}',
    )
    report = desk.run(endpoint_id, id="it's $HOME", text='it\'s "$HOME" `id` \\ !')
    token = "s3cret%2Fof%20the%2Bservice" if auth_method == "query" else SECRET
    subprocess.run(
        ["/bin/sh", "-c", f"{report.curl} -sS --noproxy '*'"],
        env={"TOKEN": token, "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        timeout=30,
    )
    ours, theirs = service.received
    assert (theirs.method, theirs.path, theirs.body) == (ours.method, ours.path, ours.body)
    for name in ("authorization", "x-key", "x-note", "content-type", "accept"):
        assert theirs.headers.get(name) == ours.headers.get(name), name


def test_the_key_is_passed_on_where_the_endpoint_says_so(desk: Desk, service: Receiver) -> None:
    endpoint_id = desk.define(method="POST", idempotency_header="Idempotency-Key")
    desk.run(endpoint_id, RunOrder(idempotency_key="mine"))
    desk.run(endpoint_id)
    desk.run(desk.define(method="POST"), RunOrder(idempotency_key="mine"))
    desk.run(desk.define(idempotency_header="Idempotency-Key"), RunOrder(idempotency_key="mine"))
    keys = [one.headers.get("idempotency-key") for one in service.received]
    assert keys[0] == "mine"
    assert keys[1]
    assert keys[2:] == [None, None]


def test_no_session_is_open_while_the_service_takes_its_time(desk: Desk, service: Receiver) -> None:
    endpoint_id = desk.define(pagination={"records_at": ""})
    open_now: list[object] = []
    seen: list[int] = []

    def behaviour(_: Received) -> Reply:
        seen.append(len(open_now))
        return Reply(200, b"[1]")

    service.behaviour = behaviour
    with desk.app.app_context():
        engine = db.engine
    listeners = (
        ("checkout", lambda raw, record, proxy: open_now.append(raw)),
        ("checkin", lambda raw, record: open_now.pop()),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    desk.run(endpoint_id)
    for name, listener in listeners:
        event.remove(engine, name, listener)
    assert seen == [0]


def test_only_the_own_team_runs_it_and_only_while_the_integration_is_on(
    desk: Desk, service: Receiver, people: People
) -> None:
    endpoint_id = desk.define()
    with desk.app.app_context():
        set_enabled(desk.team_id, desk.integration_id, is_enabled=False)
    with pytest.raises(Conflict):
        desk.run(endpoint_id)
    desk.team_id = people.other.id
    with pytest.raises(NotFound):
        desk.run(endpoint_id)
    assert service.received == []


def test_an_address_that_is_a_secret_takes_no_path(desk: Desk, service: Receiver) -> None:
    url = f"{desk.base_url}/hooks/T0/{SECRET.replace(' ', '-')}"
    integration_id = desk.connect(
        "secret_address", provider="webhook", answers={"secret_address": url, "base_url": "", "token": ""}
    )
    whole = desk.define("", integration_id=integration_id, method="POST", body="{}")
    report = desk.run(whole)
    assert report.succeeded
    assert "s3cret" not in report.url + report.curl
    with pytest.raises(Conflict):
        desk.run(desk.define("/more", integration_id=integration_id, method="POST", body="{}"))
    assert len(service.received) == 1


def test_deleting_the_integration_deletes_its_endpoints(desk: Desk) -> None:
    endpoint_id = desk.define()
    with desk.app.app_context():
        delete_integration(desk.team_id, desk.integration_id)
    with pytest.raises(NotFound):
        desk.run(endpoint_id)


def test_a_definition_is_checked_when_it_is_changed(desk: Desk, service: Receiver) -> None:
    endpoint_id = desk.define()
    wrong: dict[str, Any] = {"headers": [("Authorization", "Bearer x")]}
    with desk.app.app_context(), pytest.raises(Invalid):
        update_endpoint(desk.team_id, endpoint_id, wrong)
    with desk.app.app_context():
        db.session.rollback()
    desk.run(endpoint_id)
    assert service.received[0].headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("base", "path"), [("/ü", "/%C3%BC/x"), ("/v1?key=ü", "/v1/x?key=%C3%BC"), ("/a%20b", "/a%20b/x")]
)
def test_a_base_address_beyond_ascii_is_encoded(desk: Desk, service: Receiver, base: str, path: str) -> None:
    integration_id = desk.connect(answers={"base_url": desk.base_url + base})
    desk.run(desk.define("/x", integration_id=integration_id))
    assert [one.path for one in service.received] == [path]
