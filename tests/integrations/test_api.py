"""Integrations over the API."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.integrations.models import Connection, Integration
from app.integrations.services.settings import stored_secrets
from app.lib.redact import MASK
from app.request_log.models import LoggedRequest
from tests.api_client import Api, messages
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, always

SECRET = "s3cret-of-the-service"


def body_for(service: Receiver, **more: Any) -> dict[str, Any]:
    base_url = service.url.removesuffix("/hook")
    return {
        "provider": "rest",
        "name": "Desk",
        "auth_method": "bearer",
        "config": {"base_url": base_url, "check_path": "/me"},
        "credentials": {"token": SECRET},
        **more,
    }


def test_an_integration_is_created_listed_changed_and_deleted(
    app: Flask, api: Api, service: Receiver
) -> None:
    answer = api("POST", "/integrations", body_for(service, hourly_limit=100, metadata={"owner": "support"}))
    assert answer.status_code == 201, answer.get_data(as_text=True)
    created = answer.get_json()
    path = f"/integrations/{created['id']}"
    assert created["credentials"] == {"token": MASK}
    assert (created["status"], created["next_step"], created["type"]) == ("ACTIVE", "test", "rest")
    assert created["metadata"] == {"owner": "support"}
    assert [one["id"] for one in api("GET", "/integrations?status=ACTIVE").get_json()["data"]] == [
        created["id"]
    ]
    assert api("GET", "/integrations?type=crm").get_json()["data"] == []

    changed = api("PATCH", path, {"name": "Renamed", "hourly_limit": 0, "daily_limit": 50}).get_json()
    assert (changed["name"], changed["hourly_limit"], changed["daily_limit"]) == ("Renamed", None, 50)
    assert (changed["config"]["check_path"], changed["credentials"]) == ("/me", {"token": MASK})
    with app.app_context():
        assert stored_secrets(db.session.scalars(select(Integration)).one()) == {"token": SECRET}

    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404


def test_secrets_are_in_no_answer_and_in_no_log(app: Flask, api: Api, service: Receiver) -> None:
    refused = api("POST", "/integrations", body_for(service, name=""))
    misplaced = body_for(service, config={"base_url": "x", "token": SECRET}, credentials={})
    assert refused.status_code == api("POST", "/integrations", misplaced).status_code == 422
    created = api("POST", "/integrations", body_for(service)).get_json()
    answers = [api("GET", path) for path in ("/integrations", f"/integrations/{created['id']}")]
    assert SECRET not in "".join(answer.get_data(as_text=True) for answer in (refused, *answers))
    with app.app_context():
        assert SECRET not in repr([vars(row) for row in db.session.scalars(select(LoggedRequest))])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"provider": "nowhere"}, "provider"),
        ({"auth_method": "telepathy"}, "auth_method"),
        ({"credentials": {}}, "token"),
        ({"config": {"base_url": "http://10.0.0.1/"}}, "base_url"),
        ({"config": {"base_url": "http://169.254.169.254/latest"}}, "base_url"),
        ({"config": {"base_url": "ftp://example.com"}}, "base_url"),
        ({"config": {"base_url": "https://a.example/", "unknown": "x"}}, "config"),
        ({"config": {"base_url": "https://a.example/", "check_path": "//evil.example"}}, "check_path"),
        ({"logo": "nobody"}, "logo"),
        ({"hourly_limit": 10_000_001}, "hourly_limit"),
        ({"metadata": {"a:b": "x"}}, "metadata"),
        ({"metadata": {str(n): "x" for n in range(21)}}, "metadata"),
        ({"name": "a\x00b"}, "name"),
        ({"description": "x" * 501}, "description"),
    ],
)
def test_what_is_wrong_is_named(api: Api, service: Receiver, wrong: dict[str, Any], field: str) -> None:
    answer = api("POST", "/integrations", body_for(service, **wrong))
    assert answer.status_code == 422, answer.get_data(as_text=True)
    assert field in messages(answer)


def test_creating_under_one_key_twice_creates_once(api: Api, service: Receiver) -> None:
    headers = {"Idempotency-Key": "desk-1"}
    first, again = (api("POST", "/integrations", body_for(service), headers=headers) for _ in range(2))
    assert first.get_json() == again.get_json()
    assert len(api("GET", "/integrations").get_json()["data"]) == 1


def test_a_change_expects_the_version_that_was_read(api: Api, service: Receiver) -> None:
    created = api("POST", "/integrations", body_for(service)).get_json()
    path = f"/integrations/{created['id']}"
    version = api("GET", path).headers["ETag"]
    assert api("PATCH", path, {"name": "One"}, headers={"If-Match": version}).status_code == 200
    assert api("PATCH", path, {"name": "Two"}, headers={"If-Match": version}).status_code == 412
    assert api("DELETE", path, headers={"If-Match": version}).status_code == 412
    assert api("GET", path).get_json()["name"] == "One"


def test_the_status_is_set_and_told(api: Api, service: Receiver) -> None:
    created = api("POST", "/integrations", body_for(service)).get_json()
    path = f"/integrations/{created['id']}/status"
    off = api("PUT", path, {"status": "INACTIVE"}).get_json()
    assert (off["status"], off["next_step"]) == ("INACTIVE", "enable")
    assert api("PUT", path, {"status": "ACTIVE"}).get_json()["status"] == "ACTIVE"
    assert api("PUT", path, {"status": "ERROR"}).status_code == 422


def test_a_test_returns_the_real_answer(api: Api, service: Receiver) -> None:
    created = api("POST", "/integrations", body_for(service)).get_json()
    path = f"/integrations/{created['id']}/test"
    service.behaviour = always(200, body=f'{{"name": "ann", "seen": "{SECRET}"}}'.encode())
    worked = api("POST", path).get_json()
    assert (worked["succeeded"], worked["status_code"], worked["status"]) == (True, 200, "ACTIVE")
    assert worked["body"] == f'{{"name": "ann", "seen": "{MASK}"}}'
    assert service.received[0].path == "/me"
    service.behaviour = always(401, body=b"no")
    failed = api("POST", path)
    assert failed.status_code == 200
    assert (failed.get_json()["succeeded"], failed.get_json()["status"]) == (False, "ERROR")
    assert "Write them again" in failed.get_json()["advice"]


def test_tests_are_limited(api: Api, service: Receiver) -> None:
    created = api("POST", "/integrations", body_for(service)).get_json()
    statuses = [api("POST", f"/integrations/{created['id']}/test").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert len(service.received) == 10


def test_the_catalogue_says_what_each_provider_asks_for(api: Api) -> None:
    found = {one["slug"]: one for one in api("GET", "/integrations/catalogue").get_json()["data"]}
    rest = found["rest"]
    assert [asked["name"] for asked in rest["fields"]] == ["base_url", "check_path"]
    assert {method["slug"] for method in rest["auth_methods"]} >= {"bearer", "basic", "oauth"}
    assert found["github"]["uses_apps"]
    assert not rest["uses_apps"]
    assert any(scope["name"] == "repo" for scope in found["github"]["scopes"])


def test_apps_over_the_api(api: Api) -> None:
    path = "/integrations/apps/github"
    stored = api("PUT", path, {"client_id": "Iv1.acme", "client_secret": "hush-hush"}).get_json()
    assert stored["redirect_uri"].endswith("/integrations/callback/github")
    listed = api("GET", "/integrations/apps")
    assert [one["client_id"] for one in listed.get_json()["data"]] == ["Iv1.acme"]
    assert "hush-hush" not in listed.get_data(as_text=True)
    assert "client_secret" in messages(api("PUT", path, {"client_id": "Iv1.other"}))
    assert "provider" in messages(api("PUT", "/integrations/apps/rest", {"client_id": "x"}))
    assert (api("DELETE", path).status_code, api("DELETE", path).status_code) == (204, 404)


def test_strangers_and_narrow_keys_are_refused(
    app: Flask, people: People, api: Api, service: Receiver
) -> None:
    created = api("POST", "/integrations", body_for(service)).get_json()
    path = f"/integrations/{created['id']}"
    stranger = Api(app, people.other.id, people.charlie.id, ["admin:full"])
    reader = Api(app, people.acme.id, people.alice.id, ["integrations:read"])
    for method, one in (("GET", path), ("PATCH", path), ("DELETE", path), ("POST", path + "/test")):
        assert stranger(method, one, {} if method == "PATCH" else None).status_code == 404
    assert reader("GET", path).status_code == 200
    for method, one in (
        ("PATCH", path),
        ("DELETE", path),
        ("POST", path + "/test"),
        ("PUT", path + "/status"),
    ):
        assert reader(method, one, {"status": "ACTIVE"} if method == "PUT" else {}).status_code == 403
    assert service.received == []


MOVES = [
    ({"base_url": "https://elsewhere.example"}, True),
    ({"token_url": "https://elsewhere.example/token"}, True),
    ({"check_path": "/other"}, False),
]


@pytest.mark.parametrize(("config", "is_moved"), MOVES)
def test_tokens_do_not_follow_an_integration_that_moves(
    app: Flask, people: People, api: Api, service: Receiver, config: dict[str, str], is_moved: bool
) -> None:
    addresses = {name: f"https://auth.example/{name}" for name in ("authorization_url", "token_url")}
    body = body_for(service, auth_method="oauth", credentials={})
    body["config"] |= {**addresses, "client_id": "mine"}
    created = api("POST", "/integrations", body).get_json()
    with app.app_context():
        connection = Connection(
            integration_id=created["id"],
            team_id=people.acme.id,
            tokens_sealed="x",
            details={},
            lease="running",
        )
        db.session.add(connection)
        db.session.commit()
    changed = api("PATCH", f"/integrations/{created['id']}", {"config": config}).get_json()
    assert changed["connection"]["state"] == ("needs_reconnect" if is_moved else "connected")
    assert changed["status"] == ("ERROR" if is_moved else "ACTIVE")
    with app.app_context():
        connection = db.session.scalars(select(Connection)).one()
        # A refresh that runs meanwhile writes nothing any more.
        assert (connection.lease, connection.token_version) == ((None, 2) if is_moved else ("running", 1))
