"""Forms in a real browser, with script and without: double clicks, two editors, a session that ends, keyboard only."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.running import signalbox_running
from tests.browser.test_accessibility import AXE, RUN_AXE, TAGS, WIDE, Demo, filled

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Visitors:
    """Browsers of the demo's owner. A new one has a session of its own."""

    browser: Browser
    demo: Demo

    def new(self, *, has_script: bool = True) -> BrowserContext:
        """Return a browser that nobody is signed in to."""
        opened = self.browser.new_context(
            viewport=WIDE, reduced_motion="reduce", java_script_enabled=has_script
        )
        opened.set_default_timeout(60_000)
        return opened

    def signed_in(self, *, has_script: bool = True) -> Page:
        """Return the first page of a browser that the owner is signed in to."""
        page = self.new(has_script=has_script).new_page()
        page.goto(self.demo.home)
        sign_in(page, self.demo)
        page.wait_for_url(self.demo.home)
        return page


def sign_in(page: Page, demo: Demo) -> None:
    page.get_by_label("Email").fill(demo.email)
    page.get_by_label("Password", exact=True).fill(demo.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.fixture(scope="module")
def visitors(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    with signalbox_running(tmp_path_factory.mktemp("forms")) as signalbox:
        yield Visitors(browser, filled(signalbox))


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def page(request: pytest.FixtureRequest, visitors: Visitors) -> Iterator[Page]:
    """Yield a page of the owner."""
    opened = visitors.signed_in(has_script=request.param)
    opened.has_script = request.param  # type: ignore[attr-defined]
    yield opened
    opened.context.close()


def fill_key(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("checkbox", name="events:read", exact=True).check()


def fill_webhook(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("URL", exact=True).fill("https://orders.example.com/hooks")
    page.get_by_role("checkbox", name="post.*", exact=True).check()


def fill_type(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Example data").fill("{}")


def fill_team(page: Page, name: str) -> None:
    page.get_by_label("Team name").fill(name)


def fill_invitation(page: Page, name: str) -> None:
    page.get_by_label("Email address").fill(name)


@dataclass(frozen=True, slots=True)
class Creating:
    """A form that creates, the list that its result stands in, and how the result is called there."""

    path: str
    fill: Callable[[Page, str], None]
    submit: str
    result: re.Pattern[str]
    listed_at: str
    name: str


FORMS = [
    pytest.param(
        Creating("api-keys/new", fill_key, "Create API key", re.compile("/api-keys/key_"), "api-keys/", "Key {}"),
        id="API key",
    ),
    pytest.param(
        Creating("webhooks/new", fill_webhook, "Create webhook", re.compile("/webhooks/wh_"), "webhooks/", "Hook {}"),
        id="webhook",
    ),
    pytest.param(
        Creating(
            "event-types/new", fill_type, "Add event type", re.compile("/event-types/made"), "event-types/", "made.{}"
        ),
        id="event type",
    ),
    pytest.param(
        Creating(
            "invitations/new", fill_invitation, "Create invitation", re.compile("/invitations/inv_"), "invitations",
            "{}@example.com",
        ),
        id="invitation",
    ),
    pytest.param(
        Creating("/teams/new", fill_team, "Create team", re.compile("/t/team-"), "/teams", "Team {}"), id="team"
    ),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_double_click_creates_one(visitors: Visitors, page: Page, form: Creating) -> None:
    name = form.name.format("scripted" if page.has_script else "plain")  # type: ignore[attr-defined]
    page.goto(visitors.demo.url(form.path))
    form.fill(page, name)

    page.get_by_role("button", name=form.submit).dblclick()

    page.wait_for_url(form.result)
    page.goto(visitors.demo.url(form.listed_at))
    rows = page.get_by_role("main").get_by_role("row").filter(has_text=name)
    expect(rows).to_have_count(1)


def test_double_click_shows_the_key_that_it_made(visitors: Visitors, page: Page) -> None:
    page.goto(visitors.demo.url("api-keys/new"))
    fill_key(page, "Shown once")

    page.get_by_role("button", name="Create API key").dblclick()

    page.wait_for_url(re.compile("/api-keys/key_"))
    assert page.get_by_label("API key", exact=True).input_value().startswith("sb_live_")


def test_double_click_on_send_test_event_sends_one(visitors: Visitors, page: Page) -> None:
    name = f"Tested {page.has_script}"  # type: ignore[attr-defined]
    page.goto(visitors.demo.url("webhooks/new"))
    fill_webhook(page, name)
    page.get_by_role("button", name="Create webhook").click()
    page.wait_for_url(re.compile("/webhooks/wh_"))
    webhook = page.url

    page.get_by_role("button", name=re.compile("^Send")).dblclick()

    page.wait_for_url(re.compile("/deliveries/dlv_"))
    page.goto(webhook)
    expect(page.get_by_role("main").locator("a[href*='/deliveries/dlv_']")).to_have_count(1)


def test_two_editors(visitors: Visitors, page: Page) -> None:
    name = f"Edited {page.has_script}"  # type: ignore[attr-defined]
    page.goto(visitors.demo.url("webhooks/new"))
    fill_webhook(page, name)
    page.get_by_role("button", name="Create webhook").click()
    page.wait_for_url(re.compile("/webhooks/wh_"))
    webhook = page.url
    other = visitors.signed_in()
    for editor in (page, other):
        editor.goto(f"{webhook}/edit")
    other.get_by_label("Timeout").fill("9")
    other.get_by_role("button", name="Save changes").click()
    other.wait_for_url(webhook)

    page.get_by_label("Timeout").fill("11")
    page.get_by_label("Name", exact=True).fill(f"{name} by me")
    page.get_by_role("button", name="Save changes").click()

    expect(page.get_by_text("Changed meanwhile by")).to_be_visible()
    expect(page.get_by_role("row", name="Timeout 9 11")).to_be_visible()
    expect(page.get_by_label("Timeout")).to_have_value("11")
    page.get_by_role("button", name="Save mine over it").click()
    page.wait_for_url(webhook)
    page.goto(f"{webhook}/edit")
    expect(page.get_by_label("Timeout")).to_have_value("11")
    other.context.close()


def test_session_that_ended_in_mid_form(visitors: Visitors, page: Page) -> None:
    new = visitors.demo.url("webhooks/new")
    page.goto(new)
    fill_webhook(page, "Typed for long")
    page.get_by_label("Headers").fill("Authorization: Bearer very-secret")
    page.context.clear_cookies(name="signalbox_session")

    page.get_by_role("button", name="Create webhook").click()

    expect(page.get_by_text("Your session ended before the form was sent")).to_be_visible()
    sign_in(page, visitors.demo)
    page.wait_for_url(new)
    expect(page.get_by_text("Your input is back.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Typed for long")
    expect(page.get_by_role("checkbox", name="post.*", exact=True)).to_be_checked()
    expect(page.get_by_label("Headers")).to_have_value("")
    page.get_by_role("button", name="Create webhook").click()
    page.wait_for_url(re.compile("/webhooks/wh_"))


def test_session_that_ended_while_the_form_asks_for_its_schedule_loses_nothing(visitors: Visitors) -> None:
    page = visitors.signed_in()
    page.goto(visitors.demo.url("webhooks/new"))
    fill_webhook(page, "Still typing")
    page.context.clear_cookies(name="signalbox_session")

    page.get_by_label("Retries", exact=True).fill("5")

    expect(page.get_by_text("Your session ended. Send the form when you are ready")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Still typing")
    page.context.close()


def test_by_keyboard_only_from_mistake_to_conflict_to_saved(visitors: Visitors, page: Page) -> None:
    name = f"typed.{'scripted' if page.has_script else 'plain'}"  # type: ignore[attr-defined]
    page.goto(visitors.demo.url("event-types/new"))
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("Not A Name")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was saved.")).to_be_visible()
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/event-types/{name}$"))
    address = page.url
    other = visitors.signed_in()
    for editor in (page, other):
        editor.goto(f"{address}/edit")
    other.get_by_label("Description").fill("Theirs")
    other.get_by_role("button", name="Save changes").click()
    other.wait_for_url(address)

    page.get_by_label("Description").focus()
    page.keyboard.type("Mine")
    page.get_by_role("button", name="Save changes").press("Enter")

    expect(page.get_by_role("row", name="Description Theirs Mine")).to_be_visible()
    page.get_by_role("button", name="Save mine over it").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(address)
    expect(page.get_by_role("main").get_by_text("Mine")).to_be_visible()
    other.context.close()


def test_button_of_a_plain_form_shows_that_it_works_until_the_page_is_back(visitors: Visitors) -> None:
    page = visitors.signed_in()
    page.goto(visitors.demo.url("/teams/new"))
    # Nothing to show: the browser stays where it is, as while it waits.
    page.route(re.compile("/teams/new"), lambda route: route.fulfill(status=204))
    button = page.get_by_role("main").locator("form button[type=submit]")

    button.click()

    expect(button).to_be_disabled()
    expect(button).to_have_text("Working…")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(button).to_be_enabled()
    expect(button).to_have_text("Create team")
    page.context.close()


def test_button_of_a_form_through_htmx_shows_that_it_works_until_the_answer(visitors: Visitors) -> None:
    page, waiting = visitors.signed_in(), list[Route]()
    page.goto(visitors.demo.url("webhooks/new"))
    page.route(
        re.compile("webhooks/new"),
        lambda route: waiting.append(route) if route.request.method == "POST" else route.continue_(),
    )
    button = page.get_by_role("main").locator("form button[type=submit]").last
    words = button.inner_text()

    button.click(no_wait_after=True)

    expect(button).to_be_disabled()
    expect(button).to_have_text("Working…")
    expect(page.get_by_role("main").locator("form")).to_have_attribute("aria-busy", "true")
    page.wait_for_timeout(0)
    waiting.pop().continue_()
    expect(button).to_be_enabled()
    expect(button).to_have_text(words)
    expect(page.get_by_text("Nothing was saved.")).to_be_visible()
    page.context.close()


def test_form_can_be_sent_again_when_the_server_was_not_reached(visitors: Visitors) -> None:
    page = visitors.signed_in()
    page.goto(visitors.demo.url("webhooks/new"))
    fill_webhook(page, "Second try")
    page.context.set_offline(True)
    button = page.get_by_role("button", name="Create webhook")
    button.press("Enter")
    expect(page.get_by_text("Signalbox could not be reached")).to_be_visible()
    expect(button).to_be_enabled()
    expect(button).to_be_focused()

    page.context.set_offline(False)
    button.press("Enter")

    page.wait_for_url(re.compile("/webhooks/wh_"))
    page.context.close()


def test_conflict_has_no_barrier(visitors: Visitors) -> None:
    page, other = visitors.signed_in(), visitors.signed_in()
    for editor in (page, other):
        editor.goto(visitors.demo.url("settings"))
    other.get_by_label("Team name").fill("Renamed by them")
    other.get_by_role("button", name="Save name").click()
    expect(other.get_by_text("The team is renamed.")).to_be_visible()
    page.get_by_label("Team name").fill("Renamed by me")
    page.get_by_role("button", name="Save name").click()
    expect(page.get_by_text("Changed meanwhile by")).to_be_visible()

    problems = axe_problems(page)

    assert problems == []
    for editor in (page, other):
        editor.context.close()


def axe_problems(page: Page) -> list[Any]:
    page.evaluate(AXE)
    return list(page.evaluate(RUN_AXE, TAGS))
