"""Lists that refresh themselves show new rows, and never disturb a reader."""

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.running import signalbox_running

pytestmark = pytest.mark.slow

REFRESH_MS = 31_000


class Open:
    """The audit trail on a screen, whose clock the test sets, and an API key that leaves entries there."""

    def __init__(self, page: Page, address: str, home: str, token: str) -> None:
        self.page = page
        self.trail = f"{home}audit/"
        self._address = address
        self._token = token

    def act(self, name: str) -> None:
        """Add an event type, as an integration does."""
        body = json.dumps({"name": name, "example": {}}).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        url = f"{self._address}/api/v1/event-types"
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)) as answer:
            assert answer.status == 201

    def turn_clock(self) -> None:
        """Let the time of one refresh pass in the browser."""
        self.page.clock.fast_forward(REFRESH_MS)

    def first_entry(self) -> str | None:
        """Return the id of the entry that stands first."""
        return self.page.locator(".sb-entry details").first.get_attribute("id")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str, str, str]]:
    with signalbox_running(tmp_path_factory.mktemp("data")) as running:
        printed = running.flask("demo", "fill")
        home = re.search(r"http://\S+/t/(\S+)/", printed)
        email = re.search(r"Sign in as\s+(\S+)", printed)
        password = re.search(r"Password\s+(\S+)", printed)
        assert home
        assert email
        assert password
        scope = ("--scope", "event_types:manage")
        token = running.flask("keys", "create", "--team", home[1], "--name", "importer", *scope).strip()
        yield running.address, home[0], email[1], password[1], token


@pytest.fixture
def trail(browser: Browser, demo: tuple[str, str, str, str, str]) -> Iterator[Open]:
    address, home, email, password, token = demo
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.clock.install()
    page.goto(home)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(home)
    opened = Open(page, address, home, token)
    page.goto(opened.trail)
    yield opened
    context.close()


def test_who_only_looks_on_sees_new_rows(trail: Open) -> None:
    trail.act("looked.on")

    trail.turn_clock()

    expect(trail.page.locator(".sb-entry").first).to_contain_text("looked.on")
    expect(trail.page.get_by_role("status").filter(has_text="New rows are shown")).to_be_visible()


def test_who_reads_an_entry_is_told_and_nothing_moves(trail: Open) -> None:
    entry = trail.page.locator(".sb-entry summary").nth(1)
    entry.click()
    before, place = trail.first_entry(), entry.bounding_box()
    trail.act("read.on")

    trail.turn_clock()

    expect(trail.page.get_by_role("status").filter(has_text="New rows arrived")).to_be_visible()
    assert trail.first_entry() == before
    assert entry.bounding_box() == place
    assert trail.page.evaluate("document.activeElement.tagName") == "SUMMARY"
    trail.page.get_by_role("link", name="Show them").click()
    expect(trail.page.locator(".sb-entry").first).to_contain_text("read.on")


def test_pause_stays_until_resumed_and_keeps_the_focus(trail: Open) -> None:
    trail.page.get_by_role("button", name="Pause refreshing").click()
    resume = trail.page.get_by_role("button", name="Resume refreshing")
    expect(resume).to_be_focused()
    assert "paused=1" in trail.page.url
    trail.act("added.meanwhile")
    asked: list[str] = []
    trail.page.on("request", lambda request: asked.append(request.url))

    trail.turn_clock()
    expect(resume).to_be_focused()
    assert asked == []
    trail.page.get_by_label("Search").fill("added.meanwhile")
    expect(trail.page.locator(".sb-entry").first).to_contain_text("added.meanwhile")
    assert "paused=1" in trail.page.url

    resume.click()
    expect(trail.page.locator("#list-news[hx-trigger]")).to_be_attached()
    expect(trail.page).not_to_have_url(re.compile("paused"))


def test_a_server_that_is_away_is_asked_no_more_often_than_one_that_is_there(trail: Open) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    trail.page.route("**/audit/**", refuse)
    step_ms, steps = 5_000, 60

    for _ in range(steps):
        trail.page.clock.run_for(step_ms)
        # What failed is heard of, and sets its timers, before the clock goes on.
        trail.page.evaluate("() => fetch('/healthz').then((answer) => answer.text())")

    assert 1 <= len(asked) <= steps * step_ms / 30_000
    trail.page.unroute("**/audit/**")
    trail.act("back.again")
    trail.turn_clock()
    expect(trail.page.locator(".sb-entry").first).to_contain_text("back.again")
