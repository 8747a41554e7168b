"""Accessibility of every page: no violation of axe, no sideways scrolling, no error in the console.

axe-core is the file that `axe-playwright-python` ships; only the file is used.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.running import Signalbox, signalbox_running

pytestmark = pytest.mark.slow

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """async (tags) => {
    const { violations } = await axe.run(document, {
        runOnly: tags, resultTypes: ["violations"], preload: false, iframes: false,
    });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => (
        `${id} at ${node.target.join(" ")}: ${node.failureSummary.replace(/\\s+/g, " ")}`
    )));
}"""
# Rows repeat themselves, and axe takes its time for each. A clone is nothing to htmx: it asks for no more rows.
TRIM = """() => {
    document.querySelectorAll("tbody tr:nth-child(n + 11)").forEach((row) => row.remove());
    document.querySelectorAll("[hx-get]").forEach((element) => element.replaceWith(element.cloneNode(true)));
}"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]  # all that another theme can change
WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 360, "height": 780}

PAGES = (
    "", "webhooks/", "webhooks/new", "webhooks/wh_none", "deliveries/", "deliveries/?q=nothing+like+this", "events/",
    "event-types/", "api-keys/", "api-keys/new", "usage/", "audit/", "requests/", "jobs/", "endpoints/", "endpoints/new", "calls/graphql/",
    "calls/graphql/schemas/", "calls/graphql/operations/new", "integrations/",
    "integrations/?view=table", "integrations/activity", "integrations/health", "integrations/health?range=30d",
    "integrations/catalogue/", "integrations/catalogue/?q=nothing+like+this", "integrations/catalogue/hubspot",
    "integrations/notifications/", "integrations/notifications/new", "integrations/templates/",
    "integrations/templates/slack-integration-fails",
    "integrations/new/github", "integrations/new/rest", "integrations/apps/",
    "integrations/apps/github", "integrations/installation-apps/", "members", "invitations", "settings", "/account", "/account/sessions",
    "/account/sessions/end-all", "/account/second-factor", "/teams",
)  # fmt: skip
LINKED = {
    "webhooks/": "/webhooks/wh_",
    "events/": "/events/evt_",
    "deliveries/?state=failed": "/deliveries/dlv_",
    "deliveries/?state=pending": "/deliveries/dlv_",
    "api-keys/": "/api-keys/key_",
    "integrations/?status=ACTIVE": "/integrations/int_",
    "integrations/?status=ERROR": "/integrations/int_",
    "integrations/?status=PENDING_SETUP": "/integrations/int_",
    "integrations/activity": "/integrations/activity/req_",
    "endpoints/": "/endpoints/ept_",
    "calls/graphql/": "/operations/gop_",
    "calls/graphql/schemas/": "/schemas/int_",
}
SIGNED_OUT = ("/sign-in", "/forgot-password", "/no-such-page")


@dataclass(frozen=True, slots=True)
class Demo:
    """A Signalbox filled by `flask demo fill`, and who signs in there."""

    address: str
    home: str
    email: str
    password: str

    def url(self, path: str) -> str:
        """The address of a page: from the root with a leading slash, else inside the team."""
        return f"{self.address}{path}" if path.startswith("/") else f"{self.home}{path}"


class Watched:
    """A page that records the errors of the browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))

    def problems(self, url: str) -> list[str]:
        """The problems of the page at `url`, in both themes and both sizes."""
        self._complaints.clear()
        self.page.goto(url)
        assert self.page.url == url
        found = [
            f"[{size['width']} px] {problem}" for size in (WIDE, NARROW) for problem in self._sideways(size)
        ]
        self.page.evaluate(AXE)
        self.page.evaluate(TRIM)
        for size in (WIDE, NARROW):
            found += [
                f"[light, {size['width']} px] {problem}" for problem in self._barriers(size, "light", TAGS)
            ]
            found += [
                f"[dark, {size['width']} px] {problem}" for problem in self._barriers(size, "dark", COLOURS)
            ]
        found += [f"console: {complaint}" for complaint in self._complaints]
        return [f"{url} {problem}" for problem in found]

    def _sideways(self, size: ViewportSize) -> list[str]:
        self.page.set_viewport_size(size)
        # A chart notices the new width a moment later, and a busy machine makes it two.
        with contextlib.suppress(PlaywrightTimeout):
            self.page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=30_000)
        excess = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return [f"{excess} px to scroll sideways"] if excess > 0 else []

    def _barriers(self, size: ViewportSize, theme: Literal["light", "dark"], rules: list[str]) -> list[str]:
        self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=theme)
        expect(self.page.locator("html")).to_have_attribute("data-bs-theme", theme)
        return list(self.page.evaluate(RUN_AXE, rules))

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium logs every 4xx answer as an error; the pages that are not there are looked at too.
        if message.type in ("error", "warning") and "status of 404" not in message.text:
            self._complaints.append(message.text)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Yield a Signalbox of its own, full of demo data."""
    with signalbox_running(tmp_path_factory.mktemp("demo")) as signalbox:
        yield filled(signalbox)


@pytest.fixture(scope="module")
def signed_in(browser: Browser, demo: Demo) -> Iterator[Watched]:
    """Yield one page for all, signed in to the demo; motion is reduced so that colours stand still."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    page = context.new_page()
    page.goto(demo.home)
    page.get_by_label("Email").fill(demo.email)
    page.get_by_label("Password", exact=True).fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(demo.home)
    yield Watched(page)
    context.close()


@pytest.fixture
def signed_out(browser: Browser) -> Iterator[Watched]:
    """Yield a page without a session."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    yield Watched(context.new_page())
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_page_has_no_barrier(signed_in: Watched, demo: Demo, path: str) -> None:
    assert signed_in.problems(demo.url(path)) == []


@pytest.mark.parametrize(("path", "part"), LINKED.items())
def test_page_of_one_thing_has_no_barrier(signed_in: Watched, demo: Demo, path: str, part: str) -> None:
    signed_in.page.goto(demo.url(path))
    link = signed_in.page.locator(f"main a[href*='{part}']").first.get_attribute("href")
    assert link

    assert signed_in.problems(demo.url(link)) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_refused_form_leads_to_what_was_wrong(signed_in: Watched, demo: Demo, size: ViewportSize) -> None:
    page = signed_in.page
    page.set_viewport_size(size)
    page.goto(demo.url("api-keys/new"))
    page.get_by_role("button", name="Create API key").click()

    summary = page.get_by_role("alert").filter(has_text="Nothing was saved")
    expect(summary).to_be_focused()
    below = page.evaluate("() => document.querySelector('.sb-topbar').getBoundingClientRect().bottom")
    top = summary.evaluate("element => element.getBoundingClientRect().top")
    assert max(0, below) <= top < size["height"] / 2


@pytest.mark.parametrize("path", SIGNED_OUT)
def test_page_for_strangers_has_no_barrier(signed_out: Watched, demo: Demo, path: str) -> None:
    assert signed_out.problems(demo.url(path)) == []


def filled(signalbox: Signalbox) -> Demo:
    """Fill it with demo data; returns what the command printed."""
    printed = signalbox.flask("demo", "fill")
    found = [
        re.search(pattern, printed)
        for pattern in (r"http://\S+/t/\S+/", r"Sign in as\s+(\S+)", r"Password\s+(\S+)")
    ]
    assert all(found), printed
    home, email, password = (match.group(match.lastindex or 0) for match in found if match)
    signalbox.flask("accounts", "operator", email)
    return Demo(signalbox.address, home, email, password)
