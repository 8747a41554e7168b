"""The table of addresses that are never called, applied to every address that somebody can type for a call."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import update

from app.calls.rest.definition import Definition, Pagination
from app.calls.rest.services.endpoints import create_endpoint
from app.calls.rest.services.reports import RunReport, Stop
from app.calls.rest.services.running import RunOrder, run_endpoint
from app.extensions import OUTBOUND_CLIENT, db
from app.integrations.models import Integration
from app.integrations.services.integrations import create_integration, update_integration
from app.integrations.services.settings import IntegrationSettings
from app.lib.errors import Invalid
from app.webhooks.services.settings import WebhookSettings
from app.webhooks.services.webhooks import create_webhook
from tests import slots
from tests.lib.outbound.test_verdicts import (
    ADDRESSES_REFUSED,
    SPELLINGS_REFUSED,
    Trap,
    assert_untouched,
)
from tests.lib.outbound.test_verdicts import trap as trap
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, Reply

OAUTH = {
    "client_id": "client",
    "client_secret": "secret",
    "authorization_url": "https://auth.example.com/authorize",
    "token_url": "https://auth.example.com/token",
    "client_auth": "client_secret_basic",
}
GOOD = "https://api.example.com/v1"
OPTIONAL = {"revocation_url", "issuer"}
#: Provider, way to authenticate, its answers, and which of them is an address that is typed.
TYPED: list[tuple[str, str, dict[str, str], str]] = [
    ("rest", "bearer", {"token": "t", "base_url": GOOD}, "base_url"),
    ("graphql", "bearer", {"token": "t", "base_url": GOOD}, "base_url"),
    ("webhook", "bearer", {"token": "t", "base_url": GOOD}, "base_url"),
    ("webhook", "secret_address", {"secret_address": GOOD}, "secret_address"),
    *(
        ("custom", "oauth", {"base_url": GOOD, **OAUTH, "revocation_url": GOOD, "issuer": GOOD}, name)
        for name in ("base_url", "authorization_url", "token_url", "revocation_url", "issuer")
    ),
]


@pytest.fixture
def allow(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that sets OUTBOUND_ALLOWED_NETWORKS; nothing is allowed before."""

    def set_networks(networks: str) -> None:
        settings = app.config["SETTINGS"].model_copy(update={"outbound_allowed_networks": networks})
        monkeypatch.setitem(app.config, "SETTINGS", settings)
        slots.put(monkeypatch, app, OUTBOUND_CLIENT, None)

    set_networks("")
    return set_networks


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def table(port: int) -> list[str]:
    # White space around an address is removed before it is looked at.
    spellings = [url for url in SPELLINGS_REFUSED if url == url.strip()]
    return [f"http://{host}:{port}/" for host in ADDRESSES_REFUSED] + spellings


def not_refused(urls: list[str], take: Callable[[str], object]) -> list[str]:
    """Return the addresses that were taken."""
    taken = []
    for url in urls:
        try:
            take(url)
        except Invalid:
            db.session.rollback()
        else:
            taken.append(url)
    return taken


@pytest.mark.usefixtures("context", "allow")
@pytest.mark.parametrize(("provider", "method", "answers", "field"), TYPED)
def test_no_address_of_an_integration_is_taken(
    people: People, provider: str, method: str, answers: dict[str, str], field: str
) -> None:
    team_id = people.acme.id

    def create(url: str) -> str:
        settings = IntegrationSettings(name="x", auth_method=method, answers={**answers, field: url})
        return create_integration(team_id, provider, settings)

    integration_id = create(answers[field])
    required = [url for url in table(8080) if url or field not in OPTIONAL]
    assert not_refused(required, create) == []
    # Nor later: an empty answer keeps what is stored where that is a secret.
    changed = [url for url in required if url]
    assert not_refused(changed, lambda url: change(team_id, integration_id, answers, field, url)) == []


def change(team_id: str, integration_id: str, answers: dict[str, str], field: str, url: str) -> None:
    update_integration(team_id, integration_id, {"answers": {**answers, field: url}})


@pytest.mark.usefixtures("context", "allow")
def test_no_address_of_a_webhook_is_taken(people: People) -> None:
    def create(url: str) -> object:
        return create_webhook(people.acme.id, WebhookSettings(name="x", url=url, event_types=["*"]))

    create(GOOD)
    assert not_refused(table(8080), create) == []


@pytest.mark.usefixtures("context", "allow")
def test_an_address_that_is_stored_all_the_same_is_refused_at_the_socket(people: People, trap: Trap) -> None:
    port, listeners = trap
    team_id = people.acme.id
    settings = IntegrationSettings(name="x", auth_method="none", answers={"base_url": GOOD})
    integration_id = create_integration(team_id, "rest", settings)
    endpoint_id = create_endpoint(team_id, integration_id, Definition(name="x", path="/"))
    kinds = {}
    for host in ADDRESSES_REFUSED:
        config = {"base_url": f"http://{host}:{port}", "check_path": "/"}
        db.session.execute(update(Integration).where(Integration.id == integration_id).values(config=config))
        db.session.commit()
        kinds[host] = run_endpoint(team_id, endpoint_id, RunOrder()).error_kind
    # To the team an address that is refused looks like one that does not exist.
    assert set(kinds.values()) <= {"address_refused", "dns_failed"}, kinds
    assert_untouched(listeners)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("place", ["body", "header"])
def test_no_next_page_leads_there(
    people: People, allow: Callable[[str], None], trap: Trap, place: str
) -> None:
    port, listeners = trap
    team_id = people.acme.id
    with Receiver() as service:
        base_url = service.url.removesuffix("/hook")
        allow(f"127.0.0.1/32:{base_url.rpartition(':')[2]}")
        settings = IntegrationSettings(name="x", auth_method="none", answers={"base_url": base_url})
        integration_id = create_integration(team_id, "rest", settings)
        pagination = (
            Pagination(strategy="next_url", next_at="/next")
            if place == "body"
            else Pagination(strategy="link_header")
        )
        definition = Definition(name="x", path="/list", pagination=pagination)
        endpoint_id = create_endpoint(team_id, integration_id, definition)
        reports: dict[str, RunReport] = {}
        for url in table(port):
            is_header_value = url.isascii() and url.isprintable()
            headers = (("Link", f'<{url}>; rel="next"'),) if is_header_value else ()
            service.behaviour = answering(service, {"next": url}, headers)
            reports[url] = run_endpoint(team_id, endpoint_id, RunOrder(pages_max=3))
        # Every call that was made arrived at the service.
        assert len(service.received) == sum(len(report.pages) for report in reports.values())
    followed = {url for url, report in reports.items() if len(report.pages) > 1}
    # Without a host an address is a path of the same server.
    assert not any(urlsplit(url).netloc for url in followed), followed
    refused = {reports[f"http://{host}:{port}/"].stop for host in ADDRESSES_REFUSED}
    assert refused <= {Stop.OTHER_SERVER, Stop.UNREADABLE}
    assert_untouched(listeners)


def answering(service: Receiver, body: Any, headers: tuple[tuple[str, str], ...]) -> Callable[[Any], Reply]:
    """Return a behaviour that names the next page once."""
    first = len(service.received) + 1
    return lambda _: (
        Reply(200, json.dumps(body).encode(), headers)
        if len(service.received) == first
        else Reply(200, b"{}")
    )
