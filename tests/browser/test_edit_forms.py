"""Forms that change something, in a real browser, with script and without: two clicks, two editors, a session that ends."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.running import signalbox_running
from tests.browser.test_accessibility import filled
from tests.browser.test_forms import Visitors, fill_key, fill_type, fill_webhook, sign_in

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Edited:
    """A form that changes something: its page, the field that is changed there, and its button."""

    page: str
    label: str | re.Pattern[str]
    submit: str
    is_versioned: bool = True

    def fill(self, page: Page, value: str) -> None:
        page.get_by_label(self.label, exact=True).fill(value)

    def save(self, page: Page) -> None:
        self.button(page).click()

    def button(self, page: Page) -> Locator:
        return page.get_by_role("main").get_by_role("button", name=self.submit, exact=True).first


@pytest.fixture(scope="module")
def visitors(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitors]:
    with signalbox_running(tmp_path_factory.mktemp("edit-forms")) as signalbox:
        yield Visitors(browser, filled(signalbox))


@pytest.fixture(scope="module", params=[True, False], ids=["with script", "without script"])
def has_script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=["webhook", "API key", "event type", "team", "account"])
def edited(request: pytest.FixtureRequest, visitors: Visitors, has_script: bool) -> Edited:
    """Return a form that changes something of its own."""
    name = f"edited.{'scripted' if has_script else 'plain'}.{request.node.originalname[-8:]}"
    match request.param:
        case "team":
            return Edited(visitors.demo.url("settings"), "Team name", "Save name")
        case "account":
            return Edited(visitors.demo.url("/account"), "Your name", "Save name", is_versioned=False)
        case "webhook":
            made = create(visitors, "webhooks/new", fill_webhook, name, "Create webhook", "/webhooks/wh_")
            return Edited(f"{made}/edit", "Timeout", "Save changes")
        case "API key":
            made = create(visitors, "api-keys/new", fill_key, name, "Create API key", "/api-keys/key_")
            return Edited(f"{made}/edit", "Requests per hour", "Save changes")
        case _:
            made = create(
                visitors, "event-types/new", fill_type, name, "Add event type", "/event-types/edited"
            )
            return Edited(f"{made}/edit", re.compile("^Description"), "Save changes")


def create(
    visitors: Visitors, path: str, fill: Callable[[Page, str], None], name: str, submit: str, result: str
) -> str:
    page = visitors.signed_in()
    page.goto(visitors.demo.url(path))
    fill(page, name)
    page.get_by_role("button", name=submit).click()
    page.wait_for_url(re.compile(result))
    url = page.url
    page.context.close()
    return url


@pytest.fixture
def page(visitors: Visitors, has_script: bool) -> Iterator[Page]:
    opened = visitors.signed_in(has_script=has_script)
    yield opened
    opened.context.close()


def expect_saved(page: Page) -> None:
    expect(page.get_by_text(re.compile("(was|is) (changed|renamed)")).first).to_be_visible()


def test_double_click_saves_once(page: Page, edited: Edited) -> None:
    page.goto(edited.page)
    edited.fill(page, "17")

    edited.button(page).dblclick()

    expect_saved(page)
    expect(page.get_by_text("Changed meanwhile")).to_have_count(0)
    page.goto(edited.page)
    expect(page.get_by_label(edited.label, exact=True)).to_have_value("17")


def test_second_editor_is_told_and_saves_over_it(visitors: Visitors, page: Page, edited: Edited) -> None:
    other = visitors.signed_in()
    for editor in (page, other):
        editor.goto(edited.page)
    edited.fill(other, "18")
    edited.save(other)
    expect_saved(other)

    edited.fill(page, "19")
    edited.save(page)

    if edited.is_versioned:
        expect(page.get_by_text("Changed meanwhile by")).to_be_visible()
        expect(page.get_by_label(edited.label, exact=True)).to_have_value("19")
        page.get_by_role("button", name="Save mine over it").click()
    expect_saved(page)
    page.goto(edited.page)
    expect(page.get_by_label(edited.label, exact=True)).to_have_value("19")
    other.context.close()


def test_input_outlives_the_session(visitors: Visitors, page: Page, edited: Edited) -> None:
    page.goto(edited.page)
    edited.fill(page, "20")
    page.context.clear_cookies(name="signalbox_session")

    edited.save(page)

    expect(page.get_by_text("Your session ended before the form was sent")).to_be_visible()
    sign_in(page, visitors.demo)
    expect(page.get_by_text("Your input is back.")).to_be_visible()
    expect(page.get_by_label(edited.label, exact=True)).to_have_value("20")
    edited.save(page)
    expect_saved(page)
    page.goto(edited.page)
    expect(page.get_by_label(edited.label, exact=True)).to_have_value("20")
