"""Disconnecting: at the provider where it can be asked to, and here in any case."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.integrations.models import Integration
from app.integrations.services import disconnecting
from app.integrations.services.registrations import OAuthSetup, setup_of
from app.integrations.spec import Refused, RevocationRequest
from tests.integrations.oauth.conftest import Connecting
from tests.oauth.authorization_server import CLIENT_ID, CLIENT_SECRET
from tests.page import Page
from tests.webhooks.dispatch.receivers import Receiver, Reply


def disconnect(connected: Connecting, page: Page) -> Any:
    confirm = page.get(f"{connected.path}/disconnect", connected.people.bob)
    assert confirm.has_text("Disconnect Desk?")
    answer = connected.people.bob.visitor.post(f"{connected.path}/disconnect")
    assert answer.status_code == 303
    return page.get(answer.location, connected.people.bob)


def test_both_tokens_are_revoked_and_deleted(connected: Connecting, page: Page) -> None:
    tokens = connected.tokens()
    shown = disconnect(connected, page)
    assert shown.has_text("Custom OAuth 2.0 ended the grant. The tokens were deleted here.")
    assert connected.row() is None
    assert connected.authority.by_access_token(tokens.access_token) is None
    assert [form["token_type_hint"] for path, form in connected.authority.seen if path == "/revoke"] == [
        "refresh_token",
        "access_token",
    ]
    assert connected.trail() == ["connected", "disconnected"]
    assert shown.has_text("Nobody has connected it yet.")


@pytest.mark.parametrize("instead", [(503, b"<html>", 0), (400, b'{"error": "invalid_request"}', 0)])
def test_whatever_the_provider_answers_the_tokens_are_deleted(
    connected: Connecting, page: Page, instead: tuple[int, bytes, float]
) -> None:
    connected.authority.instead = instead
    shown = disconnect(connected, page)
    assert shown.has_text("did not end the grant")
    assert shown.has_text("End it by hand")
    assert shown.has_text("The tokens were deleted here.")
    assert connected.row() is None


def test_tokens_that_cannot_be_read_are_deleted(connected: Connecting, page: Page) -> None:
    connected.change(tokens_sealed="v1.00000000.AAAA")
    assert disconnect(connected, page).has_text("The tokens cannot be read.")
    assert connected.row() is None


def test_an_integration_that_is_not_connected_cannot_be_disconnected(connecting: Connecting) -> None:
    assert connecting.people.bob.visitor.post(f"{connecting.path}/disconnect").status_code == 404
    assert connecting.people.bob.visitor.get(f"{connecting.path}/disconnect").status_code == 303


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def fail(_answer: object) -> None:
    raise Refused("not ok")


@pytest.mark.parametrize(
    ("more", "body", "header"),
    [
        ({"body": {"access_token": "{token}"}, "credentials": "client_basic"}, "json", "basic"),
        ({"body": {"token": "{token}"}, "encoding": "form", "revokes": "refresh_token"}, "form", "bearer"),
        ({"method": "DELETE"}, "", "bearer"),
        ({"credentials": "none"}, "", ""),
    ],
)
def test_a_providers_own_way_is_one_request(
    connected: Connecting,
    page: Page,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    body: str,
    header: str,
) -> None:
    tokens = connected.tokens()
    use(monkeypatch, RevocationRequest(url=receiver.url, **more))
    assert disconnect(connected, page).has_text("ended the grant")
    (received,) = receiver.received
    assert received.method == more.get("method", "POST")
    if body == "json":
        assert json.loads(received.body) == {"access_token": tokens.access_token}
    if body == "form":
        assert received.body.decode() == f"token={tokens.refresh_token}"
    pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    expected = {"basic": f"Basic {pair}", "bearer": f"Bearer {tokens.access_token}", "": None}
    assert received.headers.get("authorization") == expected[header]


@pytest.mark.parametrize(
    ("reply", "read"), [(Reply(500), None), (Reply(200, b"{}"), fail), (Reply(200, b"<"), fail)]
)
def test_a_providers_refusal_is_seen(
    connected: Connecting,
    page: Page,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    read: Any,
) -> None:
    receiver.behaviour = lambda _request: reply
    use(monkeypatch, RevocationRequest(url=receiver.url, read=read))
    assert disconnect(connected, page).has_text("did not end the grant")
    assert connected.row() is None


def use(monkeypatch: pytest.MonkeyPatch, revocation: RevocationRequest) -> None:
    """Let the provider of the integration have a way of its own to end grants."""

    def other_setup(integration: Integration) -> OAuthSetup:
        setup = setup_of(integration)
        return replace(setup, oauth=replace(setup.oauth, revocation=revocation))

    monkeypatch.setattr(disconnecting, "setup_of", other_setup)
