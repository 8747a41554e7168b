"""Connecting an integration as a newcomer does: from the catalogue to the provider and back, broken, and mended."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.running import signalbox_running
from tests.integrations.oidc.provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    NodeMissing,
    OidcProvider,
    provider_running,
)
from tests.webhooks.dispatch.programs import free_port

PASSWORD = "correct horse battery staple"


class Providers:
    """A provider that can be restarted, and forgets its grants then."""

    def __init__(self, redirect_uri: str) -> None:
        self._redirect_uri, self._port = redirect_uri, free_port()
        self._stack = ExitStack()
        self.start()

    def start(self) -> OidcProvider:
        """Start it; one that runs is stopped first."""
        self._stack.close()
        return self._stack.enter_context(provider_running(self._redirect_uri, self._port))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture
def owner(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Yield a page of the first owner of an empty installation."""
    with signalbox_running(tmp_path / "data") as signalbox:
        context = browser.new_context(base_url=signalbox.address, viewport={"width": 1440, "height": 900})
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(signalbox.setup_link)
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Team").fill("Analytical Engines")
        page.locator("main form button[type=submit]").click()
        page.wait_for_url("**/t/*/")
        yield page
        context.close()


@pytest.fixture
def providers(owner: Page) -> Iterator[Providers]:
    base = re.match(r"http://[^/]+", owner.url)
    assert base
    try:
        started = Providers(f"{base[0]}/integrations/callback/custom")
    except NodeMissing as missing:
        pytest.skip(str(missing))
    yield started
    started.stop()


def consent(page: Page) -> None:
    """Sign in at the provider and agree, on its own pages."""
    page.wait_for_url("**/interaction/**")
    page.locator("input[name=login]").fill("alice")
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


def define_and_run(page: Page) -> None:
    """Define an endpoint of the integration whose page is open, and try it: the service answers who is connected."""
    page.get_by_role("link", name="New endpoint").click()
    form = page.locator("main form")
    form.get_by_label("Name", exact=True).first.fill("Who am I")
    form.get_by_label(re.compile("^Path")).first.fill("/me")
    form.get_by_role("button", name="Define endpoint").click()
    page.wait_for_url("**/endpoints/ept_*")
    page.locator("#try").get_by_role("button", name="Run").click()
    answer = page.locator("#try")
    expect(answer.get_by_role("button", name="Run again")).to_be_visible()
    expect(answer.get_by_text('"alice"').first).to_be_visible()
    look(page, "connection-call")


def look(page: Page, name: str) -> None:
    """Take pictures, where somebody wants to look at them."""
    directory = os.environ.get("SCREENSHOTS")
    if directory is None:
        return
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for width in (1440, 360):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{directory}/{name}-{theme}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})


def test_an_integration_is_connected_breaks_and_is_reconnected(owner: Page, providers: Providers) -> None:
    page, url = owner, providers.url
    page.goto(f"{page.url}integrations/new/custom")
    for label, text in {
        "Name": "Directory",
        "Base address": url,
        "Path for the test": "/me",
        "Authorization endpoint": f"{url}/auth",
        "Token endpoint": f"{url}/token",
        "Client id": CLIENT_ID,
        "Client secret": CLIENT_SECRET,
        "Revocation endpoint": f"{url}/token/revocation",
        "Issuer": url,
        "Scopes": "openid offline_access",
    }.items():
        page.get_by_label(re.compile(f"^{label}")).first.fill(text)
    page.get_by_role("button", name="Create integration").click()
    expect(page.get_by_text("Nobody has connected it yet.")).to_be_visible()
    integration_url = page.url
    look(page, "connection-none")

    page.get_by_role("button", name="Connect", exact=True).click()
    consent(page)
    page.wait_for_url(re.compile(re.escape(integration_url) + "#connection"))
    card = page.locator("#connection")
    expect(card.get_by_text("Connected", exact=True).first).to_be_visible()
    expect(card.get_by_text("openid", exact=True)).to_be_visible()
    expect(
        page.get_by_text("The last call succeeded.").or_(page.get_by_text("Active").first).first
    ).to_be_visible()
    look(page, "connection-connected")

    define_and_run(page)
    page.goto(integration_url)

    providers.start()
    page.get_by_role("button", name="Refresh now").click()
    expect(card.get_by_text("It has to be reconnected")).to_be_visible()
    expect(card.get_by_text(re.compile("ended the connection: invalid_grant"))).to_be_visible()
    look(page, "connection-ended")

    card.get_by_role("button", name="Reconnect").click()
    consent(page)
    page.wait_for_url(re.compile(re.escape(integration_url) + "#connection"))
    expect(card.get_by_text("Connected", exact=True).first).to_be_visible()

    card.get_by_role("link", name="Disconnect").click()
    dialog = page.get_by_role("dialog")
    look(page, "connection-disconnect")
    dialog.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("ended the grant. The tokens were deleted here.").first).to_be_visible()
    expect(page.get_by_text("Nobody has connected it yet.")).to_be_visible()
