"""Calls through an integration: what is sent, where to, and what is left behind."""

import base64
import socket

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.extensions import db
from app.integrations.models import CallCount, Integration
from app.integrations.services.access import open_access
from app.integrations.services.calling import send_call
from app.integrations.services.integrations import create_integration, set_enabled, update_integration
from app.integrations.services.outgoing import OutgoingCall
from app.integrations.services.settings import IntegrationSettings
from app.lib.errors import Conflict, Invalid, NotFound
from app.web.limits import QuotaExceeded
from tests import hostile_receivers as hostile
from tests.integrations.callers import SECRET, Caller
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, Reply, always, in_turn


def test_a_call_carries_the_bearer_token(caller: Caller, service: Receiver) -> None:
    outcome = caller.call(caller.add(), headers=[("Accept", "application/json")])
    assert (outcome.result.status_code, outcome.result.body) == (200, b"ok")
    (received,) = service.received
    assert (received.method, received.path) == ("GET", "/tickets")
    assert received.headers["authorization"] == f"Bearer {SECRET}"
    assert received.headers["accept"] == "application/json"


def test_a_call_carries_user_and_password(caller: Caller, service: Receiver) -> None:
    caller.call(caller.add("basic"), method="POST", body=b"{}")
    (received,) = service.received
    pair = base64.b64encode(f"ann:{SECRET}".encode()).decode()
    assert (received.headers["authorization"], received.body) == (f"Basic {pair}", b"{}")


@pytest.mark.parametrize(
    ("path", "sent"), [("/a", f"/a?api_key={SECRET}"), ("/a?b=c", f"/a?b=c&api_key={SECRET}")]
)
def test_a_call_carries_the_token_in_its_query(
    caller: Caller, service: Receiver, path: str, sent: str
) -> None:
    caller.call(caller.add("query"), path)
    assert service.received[0].path == sent


def test_a_call_carries_the_token_in_the_header_that_was_named(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add("header", more_answers={"header_name": "X-Api-Key"})
    caller.call(integration_id)
    assert service.received[0].headers["x-api-key"] == SECRET
    with pytest.raises(Invalid, match="X-API-KEY"):
        caller.call(integration_id, headers=[("X-API-KEY", "mine")])


def test_an_address_that_is_the_secret_is_called_to_the_letter(caller: Caller, service: Receiver) -> None:
    address = f"{caller.base_url}/hooks/catch/1/"
    settings = IntegrationSettings(name="Zap", auth_method="webhook", answers={"webhook_url": address})
    with caller.app.app_context():
        access = open_access(caller.team_id, create_integration(caller.team_id, "zapier", settings))
        send_call(access, OutgoingCall(url=access.base_url, purpose="rest", method="POST", body=b"{}"))
    assert service.received[0].path == "/hooks/catch/1/"
    assert any("/hooks/catch/1/" in secret for secret in access.secret_values)


def test_a_way_to_authenticate_can_lead_elsewhere(caller: Caller) -> None:
    address = f"{caller.base_url}/webhook/1"
    settings = IntegrationSettings(name="n8n", auth_method="webhook", answers={"webhook_url": address})
    with caller.app.app_context():
        access = open_access(caller.team_id, create_integration(caller.team_id, "n8n", settings))
    assert access.base_url == address


@pytest.mark.parametrize(
    ("provider", "auth_method", "answers"),
    [
        ("zapier", "webhook", {"webhook_url": "hooks.zapier.com/hooks/catch/1"}),
        ("rest", "header", {"header_name": "X Key"}),
        ("rest", "header", {"header_name": "X-Key:"}),
        ("rest", "header", {"header_name": "Content-Length"}),
        ("rest", "none", {"check_path": "me"}),
        ("rest", "none", {"check_path": "//evil.example/"}),
        ("rest", "none", {"check_path": "/{token}"}),
    ],
    ids=str,
)
def test_answers_that_do_not_fit_their_field_are_refused(
    caller: Caller, provider: str, auth_method: str, answers: dict[str, str]
) -> None:
    others = {"base_url": caller.base_url, "token": SECRET} if provider == "rest" else {}
    wanted = others if auth_method != "none" else {"base_url": caller.base_url}
    settings = IntegrationSettings(name="Desk", auth_method=auth_method, answers=wanted | answers)
    with caller.app.app_context(), pytest.raises(Invalid) as raised:
        create_integration(caller.team_id, provider, settings)
    assert [error.field for error in raised.value.errors] == list(answers)


@pytest.mark.parametrize("name", ["Authorization", "host", "Content-Length", "Cookie"])
def test_a_call_cannot_set_what_the_credentials_and_the_connection_write(
    caller: Caller, service: Receiver, name: str
) -> None:
    integration_id = caller.add()
    with pytest.raises(Invalid):
        caller.call(integration_id, headers=[(name, "x")])
    assert service.received == []


@pytest.mark.parametrize("path", ["@evil.example/", ".evil.example/", ":1@evil.example/", "\\@evil.example/"])
def test_credentials_stay_with_their_server(caller: Caller, service: Receiver, path: str) -> None:
    integration_id = caller.add()
    with pytest.raises(Invalid):
        caller.call(integration_id, path)
    assert service.received == []


def test_an_integration_that_moves_needs_its_secret_again(caller: Caller) -> None:
    integration_id = caller.add()
    with caller.app.app_context():
        with pytest.raises(Invalid) as raised:
            update_integration(
                caller.team_id, integration_id, {"answers": {"base_url": "https://other.example"}}
            )
        assert [error.field for error in raised.value.errors] == ["token"]
        db.session.rollback()
        moved = {"base_url": "https://other.example", "token": "another"}
        update_integration(caller.team_id, integration_id, {"answers": moved})


def test_strangers_and_switched_off_integrations_are_not_called(
    caller: Caller, service: Receiver, people: People
) -> None:
    integration_id = caller.add()
    with caller.app.app_context():
        with pytest.raises(NotFound):
            open_access(people.other.id, integration_id)
        set_enabled(caller.team_id, integration_id, is_enabled=False)
        with pytest.raises(Conflict):
            open_access(caller.team_id, integration_id)
    assert service.received == []


def test_limits_are_taken_all_or_nothing(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add(hourly_limit=5, daily_limit=2)
    caller.call(integration_id)
    left = [status.remaining for status in caller.call(integration_id).limits]
    assert left == [3, 0]
    for _ in range(2):
        with pytest.raises(QuotaExceeded) as raised:
            caller.call(integration_id)
        assert raised.value.violated == ("integration-day",)
    with caller.app.app_context():
        update_integration(caller.team_id, integration_id, {"daily_limit": 100})
    # The refused calls took nothing of the hour; a higher limit keeps what is used.
    assert [status.remaining for status in caller.call(integration_id).limits] == [2, 97]
    assert len(service.received) == 3


def test_safe_calls_are_repeated_once_and_others_never(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add()
    service.behaviour = in_turn(Reply(503), Reply(200))
    outcome = caller.call(integration_id)
    assert (outcome.result.status_code, outcome.tries) == (200, 2)
    service.behaviour = always(503)
    outcome = caller.call(integration_id, method="POST", body=b"{}")
    assert (outcome.result.status_code, outcome.tries) == (503, 1)


def test_failures_are_counted_and_stand_on_the_integration_until_a_call_succeeds(
    caller: Caller, service: Receiver
) -> None:
    integration_id = caller.add()
    service.behaviour = always(500)
    for _ in range(2):
        caller.call(integration_id, method="POST")
    assert caller_state(caller, integration_id) == ("http_5xx", 2, 2)
    service.behaviour = always(404)
    caller.call(integration_id)
    assert caller_state(caller, integration_id) == (None, 3, 2)


def test_credentials_that_are_refused_stand_on_the_integration(caller: Caller, service: Receiver) -> None:
    integration_id = caller.add()
    service.behaviour = always(401)
    caller.call(integration_id)
    assert caller_state(caller, integration_id) == ("http_401", 1, 1)
    with caller.app.app_context():
        update_integration(caller.team_id, integration_id, {"answers": {"token": "a new one"}})
    assert caller_state(caller, integration_id) == (None, 1, 1)


def caller_state(caller: Caller, integration_id: str) -> tuple[str | None, int, int]:
    """Return what failed, the count of calls and that of failures."""
    with caller.app.app_context():
        kind = db.session.scalar(select(Integration.error_kind).where(Integration.id == integration_id))
        calls, failures = db.session.execute(
            select(func.sum(CallCount.calls), func.sum(CallCount.failures)).where(
                CallCount.integration_id == integration_id
            )
        ).one()
        db.session.rollback()
    return kind, calls, failures


@pytest.mark.parametrize(("headers", "arrivals"), [([], 1), ([("Idempotency-Key", "k1")], 2)])
def test_what_acts_is_not_sent_again_where_a_kept_connection_dies(
    app: Flask, people: People, headers: list[tuple[str, str]], arrivals: int
) -> None:
    def answer_one(connection: socket.socket, receiver: hostile.Receiver) -> None:
        """Answer the first request on a connection; take a second one and hang up."""
        if hostile.read_request(connection, receiver):
            connection.sendall(hostile.OK)
            hostile.read_request(connection, receiver)

    with hostile.Receiver(answer_one) as service:
        caller = Caller(app, people, service)
        integration_id = caller.add()
        assert caller.call(integration_id).result.status_code == 200
        outcome = caller.call(integration_id, method="POST", body=b"{}", headers=headers)

    assert outcome.result.status_code == 200
    assert sum(request.startswith(b"POST") for request in service.requests) == arrivals


def test_an_address_is_stored_as_it_is_called(caller: Caller) -> None:
    integration_id = caller.add(more_answers={"base_url": "https://bücher.example/v1"})
    with caller.app.app_context():
        assert open_access(caller.team_id, integration_id).base_url == "https://xn--bcher-kva.example/v1"
