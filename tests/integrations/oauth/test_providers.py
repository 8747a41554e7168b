"""Every provider of the catalogue that is connected by OAuth, from consent to a refresh, with its recorded answers."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from app.extensions import db
from app.integrations.apps import uses_apps
from app.integrations.facts import fields_of
from app.integrations.models import Connection
from app.integrations.providers import get_provider, providers
from app.integrations.services import registrations
from app.integrations.services.access import open_access
from app.integrations.services.apps import set_app
from app.integrations.services.integrations import create_integration
from app.integrations.services.refreshing import refresh_version
from app.integrations.services.settings import IntegrationSettings
from app.integrations.services.tokens import access_token_of
from app.integrations.spec import Pkce, Provider
from tests.api_client import Api
from tests.integrations.providers.recorded import recorded, values_of
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, Reply

WITH_OAUTH = [provider for provider in providers().values() if provider.oauth]
CLIENT_ID = "made-up-client-id"


@pytest.fixture
def endpoints() -> Iterator[Receiver]:
    """Yield a server in place of the provider's token endpoint, and of where it says what addresses need."""
    with Receiver() as running:
        yield running


@pytest.mark.parametrize("provider", WITH_OAUTH, ids=lambda provider: provider.slug)
def test_a_provider_is_connected_and_refreshed(
    app: Flask,
    people: People,
    api: Api,
    endpoints: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    provider: Provider,
) -> None:
    fixture, oauth = recorded(provider), provider.oauth
    assert oauth is not None
    secret = fixture.get("client_secret", "made-up-client-secret")
    endpoints.behaviour = lambda received: Reply(200, json.dumps(_answer(fixture, received.path)).encode())
    redirect_to(endpoints, provider, monkeypatch)
    integration_id = added(app, people, provider, secret)
    base = f"/integrations/{integration_id}/oauth"

    begun = api("POST", f"{base}/initiate").get_json()
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun["authorization_url"]).query).items()}
    assert (query["client_id"], query["redirect_uri"]) == (CLIENT_ID, begun["redirect_uri"])
    assert ("code_challenge" in query) == (oauth.pkce is not Pkce.OFF)
    assert query.get("code_challenge_method", oauth.challenge_method) == oauth.challenge_method
    assert "{" not in begun["authorization_url"]

    called_back = signed(
        {**fixture.get("callback", {"code": "made-up-code"}), "state": begun["state"]}, secret
    )
    body = {name: called_back.pop(name) for name in ("code", "state")}
    answer = api("POST", f"{base}/callback", {**body, "parameters": called_back})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    exchanged = endpoints.received[0]
    if oauth.sends_json:
        assert json.loads(exchanged.body)["code"] == body["code"]
    else:
        assert parse_qs(exchanged.body.decode())["code"] == [body["code"]]

    with app.app_context():
        connection = db.session.query(Connection).one()
        kept = {
            **fixture.get("kept", {}),
            **fixture.get("details", {}).get("kept", {}),
            "client_id": CLIENT_ID,
        }
        assert connection.details.items() >= kept.items()
        connection_id, version = connection.id, connection.token_version
        assert (connection.expires_at is None) == (
            oauth.lifetime_s is None and "expires_in" not in _standard(provider)
        )
        # Its addresses and headers are complete.
        access = open_access(people.acme.id, integration_id)
        assert "{" not in access.base_url + "".join(access.headers.values())
        assert access_token_of(connection_id).access_token == "made-up-access-token"

        if not oauth.has_refresh_tokens:
            return
        refresh_version(connection_id, version)
        tokens = access_token_of(connection_id)
        assert tokens.access_token == "made-up-access-token-2"
        assert tokens.refresh_token == fixture["refresh"].get("refresh_token", "made-up-refresh-token")


def redirect_to(endpoints: Receiver, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is sent to the provider's endpoints go to the test's server."""
    oauth, url = provider.oauth, endpoints.url.removesuffix("/hook")
    assert oauth is not None
    moved = replace(
        provider,
        oauth=replace(
            oauth,
            token_url=f"{url}/token",
            refresh_url=f"{url}/refresh",
            details_url=f"{url}/details" if oauth.details_url else "",
        ),
    )
    monkeypatch.setattr(
        registrations, "get_provider", lambda slug: moved if slug == provider.slug else get_provider(slug)
    )


def added(app: Flask, people: People, provider: Provider, secret: str) -> str:
    """Add an integration with the provider, and the app that it is connected through; return its id."""
    method = provider.auth_method("oauth")
    known = {**values_of(provider, method), "client_id": CLIENT_ID, "client_secret": secret}
    configuration = recorded(provider).get("configuration", {})
    given = {"client_id", "client_secret", *(name for name, value in configuration.items() if value)}
    fields = fields_of(provider, method.slug)
    answers = {one.name: known[one.name] for one in fields if one.is_required or one.name in given}
    if any(one.name == "issuer" for one in fields):
        answers["issuer"] = recorded(provider)["callback"]["iss"]
    answers = {name: value for name, value in answers.items() if value}
    with app.app_context():
        if uses_apps(provider):
            set_app(people.acme.id, provider.slug, CLIENT_ID, secret)
        settings = IntegrationSettings(name="Desk", auth_method="oauth", answers=answers)
        return create_integration(people.acme.id, provider.slug, settings)


def signed(query: dict[str, str], secret: str) -> dict[str, str]:
    """Return the callback's query, signed anew where the provider signs it: its state is the test's."""
    if "hmac" in query:
        message = "&".join(f"{name}={query[name]}" for name in sorted(query) if name != "hmac")
        query["hmac"] = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return query


def _standard(provider: Provider) -> dict[str, Any]:
    assert provider.oauth is not None
    answer = recorded(provider)["token"]
    return dict(provider.oauth.read_answer(answer)) if provider.oauth.read_answer else answer


def _answer(fixture: dict[str, Any], path: str) -> Any:
    if path.startswith("/details"):
        return fixture["details"]["answer"]
    return fixture["refresh" if path.startswith("/refresh") else "token"]
