"""Endpoints over the API: defined, listed, changed, run, deleted."""

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.extensions import db
from app.idempotency.models import IdempotencyRecord
from app.integrations.services.integrations import update_integration
from tests.api_client import Api, messages
from tests.calls.conftest import SECRET, Desk
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, Reply, always

NOTE: dict[str, Any] = {
    "name": "Add a note",
    "method": "POST",
    "path": "/contacts/{contact_id}/notes",
    "query": [["notify", "{{notify}}"]],
    "headers": [["X-Source", "desk"]],
    "body": {"text": "{{text}}"},
    "parameters": [
        {"name": "contact_id"},
        {"name": "text", "note": "What was said."},
        {"name": "notify", "type": "boolean", "is_required": False},
    ],
}
VALUES = {"contact_id": "4711", "text": "Called back."}


@pytest.fixture
def path(desk: Desk) -> str:
    return f"/integrations/{desk.integration_id}/endpoints"


def test_an_endpoint_is_defined_shown_changed_and_deleted(api: Api, path: str, app: Flask) -> None:
    made = api("POST", path, NOTE)
    assert made.status_code == 201, made.get_data(as_text=True)
    one = f"{path}/{made.get_json()['id']}"
    shown = api("GET", one)
    assert shown.get_json() == made.get_json()
    assert {name: shown.get_json()[name] for name in ("query", "headers", "body")} == {
        name: NOTE[name] for name in ("query", "headers", "body")
    }
    changed = api("PATCH", one, {"name": "Note", "body": None}, headers={"If-Match": shown.headers["ETag"]})
    assert messages(changed) == {"parameters": "text is not used anywhere. Use it, or remove it."}
    changed = api(
        "PATCH",
        one,
        {"name": "Note", "body": None, "parameters": [NOTE["parameters"][0], NOTE["parameters"][2]]},
        headers={"If-Match": shown.headers["ETag"]},
    )
    assert changed.status_code == 200, changed.get_data(as_text=True)
    assert (changed.get_json()["name"], changed.get_json()["body"]) == ("Note", None)
    assert changed.get_json()["path"] == NOTE["path"]
    stale = api("PATCH", one, {"name": "Mine"}, headers={"If-Match": shown.headers["ETag"]})
    assert stale.status_code == 412
    assert api("DELETE", one).status_code == 204
    assert api("GET", one).status_code == 404
    with app.app_context():
        actions = db.session.scalars(
            select(AuditEntry.action).where(AuditEntry.object_type == "endpoint").order_by(AuditEntry.id)
        ).all()
        assert actions == ["endpoint.created", "endpoint.updated", "endpoint.deleted"]


def test_endpoints_of_an_integration_are_listed_and_filtered(api: Api, path: str, desk: Desk) -> None:
    ids = [api("POST", path, {"name": f"List {n}", "path": f"/{n}"}).get_json()["id"] for n in range(3)]
    desk.define("/elsewhere", integration_id=desk.connect())
    answer = api("GET", path)
    assert [one["id"] for one in answer.get_json()["data"]] == ids[::-1]
    assert [one["id"] for one in api("GET", f"{path}?q=/1").get_json()["data"]] == [ids[1]]
    assert api("GET", f"{path}?method=POST").get_json()["data"] == []
    page = api("GET", f"{path}?limit=2").get_json()
    rest = api("GET", f"{path}?limit=2&cursor={page['next_cursor']}").get_json()
    assert [one["id"] for one in page["data"] + rest["data"]] == ids[::-1]


def test_what_is_wrong_is_named(api: Api, path: str) -> None:
    answer = api("POST", path, {**NOTE, "path": "/a/../b", "headers": [["Host", "evil.example"]]})
    assert answer.status_code == 422
    assert {"path", "headers", "parameters"} <= messages(answer).keys()


def test_an_endpoint_is_run(api: Api, path: str, service: Receiver) -> None:
    service.behaviour = always(
        201, body=json.dumps({"id": 9, "echo": SECRET}).encode(), headers=(("Set-Cookie", "a=b"),)
    )
    endpoint_id = api("POST", path, NOTE).get_json()["id"]
    answer = api("POST", f"{path}/{endpoint_id}/run", {"parameters": VALUES})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    report = answer.get_json()
    assert (report["succeeded"], report["stop"], report["status_code"]) == (True, "COMPLETE", 201)
    assert report["body"] == {"id": 9, "echo": "••••••"}
    assert ["Set-Cookie", "••••••"] in report["headers"]
    assert report["pages"][0]["size_bytes"] > 20
    assert (service.received[0].path, service.received[0].method) == ("/contacts/4711/notes", "POST")
    wrong = api("POST", f"{path}/{endpoint_id}/run", {"parameters": {"contact_id": "../x", "textt": "a"}})
    assert messages(wrong).keys() == {"parameters.text", "parameters.textt"}
    assert len(service.received) == 1


def test_the_limits_left_are_told(api: Api, path: str, desk: Desk, app: Flask) -> None:
    with app.app_context():
        update_integration(desk.team_id, desk.integration_id, {"hourly_limit": 5, "daily_limit": 2})
    run = f"{path}/{desk.define()}/run"
    limits = api("POST", run, {}).get_json()["limits"]
    assert [(one["name"], one["quota"], one["remaining"]) for one in limits] == [
        ("integration-hour", 5, 4),
        ("integration-day", 2, 1),
    ]
    api("POST", run, {})
    refused = api("POST", run, {})
    assert (refused.status_code, refused.get_json()["violated-policies"]) == (429, ["integration-day"])
    assert int(refused.headers["Retry-After"]) > 0


def test_a_service_that_fails_is_no_error_of_the_api(api: Api, path: str, service: Receiver) -> None:
    service.behaviour = always(500, body=b"oops")
    endpoint_id = api("POST", path, {"name": "List", "path": "/list"}).get_json()["id"]
    report = api("POST", f"{path}/{endpoint_id}/run", {}).get_json()
    assert (report["succeeded"], report["stop"], report["status_code"]) == (False, "FAILED", 500)
    assert (report["body"], report["text"]) == (None, "oops")


def test_under_one_key_it_is_sent_once(api: Api, path: str, service: Receiver) -> None:
    service.behaviour = lambda _: Reply(200, json.dumps({"n": len(service.received)}).encode())
    endpoint_id = api("POST", path, {**NOTE, "idempotency_header": "Idempotency-Key"}).get_json()["id"]
    headers = {"Idempotency-Key": "order-17"}
    first, second = (
        api("POST", f"{path}/{endpoint_id}/run", {"parameters": VALUES}, headers=headers) for _ in range(2)
    )
    assert first.get_json() == second.get_json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert [one.headers["idempotency-key"] for one in service.received] == ["order-17"]


def test_a_run_that_was_cut_off_is_not_sent_again(api: Api, path: str, service: Receiver, app: Flask) -> None:
    endpoint_id = api("POST", path, NOTE).get_json()["id"]
    marked: list[bool] = []

    def behaviour(_: object) -> Reply:
        with app.app_context(), db.engine.connect() as connection:
            marked.append(connection.scalar(select(IdempotencyRecord.committed_at)) is not None)
        return Reply()

    service.behaviour = behaviour
    headers = {"Idempotency-Key": "order-18"}
    order = {"parameters": VALUES}
    assert api("POST", f"{path}/{endpoint_id}/run", order, headers=headers).status_code == 200
    # Before the service saw it: a process that dies from here on leaves the mark.
    assert marked == [True]
    with app.app_context():
        db.session.execute(db.update(IdempotencyRecord).values(status=None, body_sealed=None))
        db.session.commit()
    again = api("POST", f"{path}/{endpoint_id}/run", order, headers=headers)
    assert again.status_code == 409
    assert len(service.received) == 1


def test_a_run_that_the_limit_refuses_keeps_its_key(
    api: Api, path: str, desk: Desk, app: Flask, service: Receiver
) -> None:
    endpoint_id = api("POST", path, NOTE).get_json()["id"]
    with app.app_context():
        update_integration(desk.team_id, desk.integration_id, {"hourly_limit": 1})
    desk.run(desk.define())
    headers, order = {"Idempotency-Key": "order-19"}, {"parameters": VALUES}
    run = f"{path}/{endpoint_id}/run"
    assert api("POST", run, order, headers=headers).status_code == 429
    with app.app_context():
        update_integration(desk.team_id, desk.integration_id, {"hourly_limit": None})
    assert api("POST", run, order, headers=headers).status_code == 200
    assert len(service.received) == 2


def test_another_team_and_another_integration_find_nothing(
    api: Api, other_api: Api, path: str, desk: Desk, service: Receiver
) -> None:
    endpoint_id = desk.define()
    elsewhere = f"/integrations/{desk.connect()}/endpoints/{endpoint_id}"
    for method, suffix in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/run")):
        body: dict[str, Any] | None = None if method in ("GET", "DELETE") else {}
        assert other_api(method, f"{path}/{endpoint_id}{suffix}", body).status_code == 404
        assert api(method, elsewhere + suffix, body).status_code == 404
    assert other_api("GET", path).status_code == 404
    assert service.received == []


@pytest.mark.parametrize(("scope", "may_run"), [("integrations:read", False), ("integrations:call", True)])
def test_running_needs_its_own_permission(
    app: Flask, people: People, path: str, desk: Desk, scope: str, may_run: bool
) -> None:
    key = Api(app, people.acme.id, people.alice.id, [scope])
    assert (key("POST", f"{path}/{desk.define()}/run", {}).status_code == 200) is may_run
    assert key("POST", path, NOTE).status_code == 403
