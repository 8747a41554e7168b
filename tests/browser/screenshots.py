"""`make screenshots`: pictures of the product with its demo data, for the documentation and for looking at.

Without arguments it renews `docs/screenshots/`. With a directory it takes every page there, light and dark, 360
and 1440 pixels wide.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests import servers
from tests.browser.chrome import LAUNCH_OPTIONS
from tests.browser.running import PROJECT_DIR, Signalbox, signalbox_running

DOCS_DIR = PROJECT_DIR / "docs" / "screenshots"
WIDE, NARROW = (1440, 900), (360, 780)


@dataclass(frozen=True, slots=True)
class Visitor:
    """The demo account, and where its team is."""

    email: str
    password: str
    home: str


def main() -> int:
    """Take the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, help="take every page into this directory")
    arguments = parser.parse_args()
    chromium = servers.find_chromium()
    if chromium is None:
        sys.stderr.write(f"No Chromium found: {servers.HOW_TO_GET_CHROMIUM}.\n")
        return 1
    with (
        tempfile.TemporaryDirectory() as data_dir,
        signalbox_running(Path(data_dir) / "data") as signalbox,
        sync_playwright() as playwright,
    ):
        visitor = _fill(signalbox)
        browser = playwright.chromium.launch(executable_path=str(chromium), args=LAUNCH_OPTIONS)
        if arguments.directory:
            _take_all(browser, visitor, arguments.directory)
        else:
            _take_for_docs(browser, visitor)
        browser.close()
    return 0


def _fill(signalbox: Signalbox) -> Visitor:
    printed = signalbox.flask("demo", "fill")
    home = re.search(r"http://\S+/t/\S+/", printed)
    email = re.search(r"Sign in as\s+(\S+)", printed)
    password = re.search(r"Password\s+(\S+)", printed)
    assert home, printed
    assert email, printed
    assert password, printed
    signalbox.flask("accounts", "operator", email.group(1))
    return Visitor(email.group(1), password.group(1), home.group())


def _signed_in(browser: Browser, visitor: Visitor, *, size: tuple[int, int], theme: str) -> Page:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(visitor.home)
    page.get_by_label("Email").fill(visitor.email)
    page.get_by_label("Password", exact=True).fill(visitor.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(visitor.home)
    return page


def _take_for_docs(browser: Browser, visitor: Visitor) -> None:
    DOCS_DIR.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        page = _signed_in(browser, visitor, size=WIDE, theme=theme)
        page.wait_for_timeout(1000)
        page.screenshot(path=DOCS_DIR / f"home-{theme}.png")
        page.goto(f"{visitor.home}deliveries/")
        page.screenshot(path=DOCS_DIR / f"deliveries-{theme}.png")
        page.goto(_href(page, f"{visitor.home}deliveries/?state=failed", "/deliveries/dlv_"))
        page.screenshot(path=DOCS_DIR / f"delivery-{theme}.png")
        page.context.close()


def _take_all(browser: Browser, visitor: Visitor, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        for size in (WIDE, NARROW):
            page = _signed_in(browser, visitor, size=size, theme=theme)
            for name, address in _pages(page, visitor):
                page.goto(address)
                page.wait_for_timeout(300)
                page.screenshot(path=directory / f"{name}-{theme}-{size[0]}.png", full_page=True)
            page.context.close()


def _pages(page: Page, visitor: Visitor) -> Iterator[tuple[str, str]]:
    home = visitor.home
    origin = home.partition("/t/")[0]
    yield from (
        ("home", home),
        ("webhooks", f"{home}webhooks/"),
        ("webhook-new", f"{home}webhooks/new"),
        ("deliveries", f"{home}deliveries/"),
        ("events", f"{home}events/"),
        ("event-types", f"{home}event-types/"),
        ("api-keys", f"{home}api-keys/"),
        ("api-key-new", f"{home}api-keys/new"),
        ("usage", f"{home}usage/"),
        ("integrations", f"{home}integrations/"),
        ("integrations-table", f"{home}integrations/?view=table"),
        ("integrations-catalogue", f"{home}integrations/catalogue/"),
        ("integrations-catalogue-entry", f"{home}integrations/catalogue/hubspot"),
        ("integrations-templates", f"{home}integrations/templates/"),
        ("integrations-template", f"{home}integrations/templates/hubspot-new-contact"),
        ("integrations-notifications", f"{home}integrations/notifications/"),
        ("integrations-notification-new", f"{home}integrations/notifications/new"),
        ("integration-new-rest", f"{home}integrations/new/rest"),
        ("integration-new-github", f"{home}integrations/new/github"),
        ("integration-activity", f"{home}integrations/activity"),
        ("integration-health", f"{home}integrations/health?range=7d"),
        ("integration-apps", f"{home}integrations/apps/"),
        ("integration-app", f"{home}integrations/apps/github"),
        ("graphql", f"{home}calls/graphql/"),
        ("graphql-schemas", f"{home}calls/graphql/schemas/"),
        ("graphql-choose", f"{home}calls/graphql/operations/new"),
        ("audit", f"{home}audit/"),
        ("requests", f"{home}requests/"),
        ("jobs", f"{home}jobs/"),
        ("endpoints", f"{home}endpoints/"),
        ("endpoint-new", f"{home}endpoints/new"),
        ("members", f"{home}members"),
        ("invitations", f"{home}invitations"),
        ("settings", f"{home}settings"),
        ("account", f"{origin}/account"),
        ("sessions", f"{origin}/account/sessions"),
        ("second-factor", f"{origin}/account/second-factor"),
        ("teams", f"{origin}/teams"),
        ("not-found", f"{home}webhooks/wh_none"),
    )
    yield "webhook", _href(page, f"{home}webhooks/", "/webhooks/wh_")
    yield "event", _href(page, f"{home}events/", "/events/evt_")
    api_key = _href(page, f"{home}api-keys/", "/api-keys/key_")
    yield "api-key", api_key
    for name in ("edit", "regenerate", "revoke", "simulate"):
        yield f"api-key-{name}", f"{api_key}/{name}"
    for status in ("ACTIVE", "ERROR", "PENDING_SETUP"):
        integration = _href(page, f"{home}integrations/?status={status}", "/integrations/int_")
        yield f"integration-{status.lower()}", integration
    yield "integration-health-one", f"{integration}/health"
    yield (
        "integration-call",
        _href(page, f"{home}integrations/activity?status=failed", "/integrations/activity/req_"),
    )
    yield "integration-edit", f"{integration}/edit"
    yield "integration-publish", f"{integration}/publish"
    yield "integration-delete", f"{integration}/delete"
    yield "message", _href(page, f"{home}integrations/?provider=slack", "/integrations/int_") + "/message"
    yield "endpoint", _href(page, f"{home}endpoints/", "/endpoints/ept_")
    operation = _href(page, f"{home}calls/graphql/", "/operations/gop_")
    yield from (("graphql-operation", operation), ("graphql-edit", f"{operation}/edit"))
    yield "graphql-delete", f"{operation}/delete"
    schema = _href(page, operation, "/schemas/int_")
    yield from (("graphql-schema", schema), ("graphql-proposal", f"{schema}/proposal"))
    yield "graphql-version", f"{schema}/versions/1"
    for state in ("failed", "pending", "succeeded"):
        yield f"delivery-{state}", _href(page, f"{home}deliveries/?state={state}", "/deliveries/dlv_")


def _href(page: Page, address: str, part: str) -> str:
    """Return the first link on the page at `address` that contains `part`."""
    page.goto(address)
    link = page.locator(f"main a[href*='{part}']").first.get_attribute("href")
    assert link, f"no link to {part} on {address}"
    return address.partition("/t/")[0] + link


if __name__ == "__main__":
    raise SystemExit(main())
