"""API keys in the browser: by keyboard only, accessible, shown once."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.running import signalbox_running
from tests.browser.test_accessibility import WIDE, Watched, filled

pytestmark = pytest.mark.slow

PARTS = (
    "",
    "?by=day",
    "/edit",
    "/simulate",
    "/simulate?method=POST&path=/api/v1/webhooks&address=203.0.113.7",
    "/simulate?method=POST&path=nowhere&address=here",
    "/regenerate",
    "/end-grace",
    "/revoke",
)


@pytest.fixture(scope="module")
def watched(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Watched, str]]:
    """Yield a page that is signed in, and the address of the list of keys."""
    with signalbox_running(tmp_path_factory.mktemp("keys")) as signalbox:
        demo = filled(signalbox)
        context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.goto(demo.home)
        page.get_by_label("Email").fill(demo.email)
        page.get_by_label("Password", exact=True).fill(demo.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(demo.home)
        yield Watched(page), demo.url("api-keys/")
        context.close()


def create(page: Page, keys: str, name: str) -> str:
    """Create a key as people do who use the keyboard only; returns the key."""
    page.goto(f"{keys}new")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type(name)
    page.get_by_role("group", name="Events and webhooks").get_by_role("button", name="Select all").press(
        "Enter"
    )
    page.get_by_role("button", name="Create API key").press("Enter")
    page.wait_for_url(re.compile(r"/api-keys/key_"))
    return page.get_by_label("API key", exact=True).input_value()


def test_key_is_made_by_keyboard_shown_once_and_copied(watched: tuple[Watched, str]) -> None:
    page, keys = watched[0].page, watched[1]

    key = create(page, keys, "By keyboard")

    assert re.fullmatch(r"sb_live_\w{12}_\w{43}_\w{6}", key)
    assert (
        page.get_by_role("listitem").filter(has_text=re.compile(r"^(events|event_types|webhooks):")).count()
        == 5
    )
    field = page.get_by_label("API key", exact=True)
    hidden = "getComputedStyle(document.getElementById('api-key')).webkitTextSecurity"
    assert page.evaluate(hidden) == "disc"
    page.get_by_role("button", name="Show API key").press("Enter")
    assert page.evaluate(hidden) == "none"
    page.get_by_role("button", name="Copy API key").press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    expect(field).to_be_visible()
    page.goto(keys)
    page.go_back()
    expect(field).to_have_count(0)
    assert key not in page.content()


def test_select_all_ticks_a_group_and_none_again(watched: tuple[Watched, str]) -> None:
    page, keys = watched[0].page, watched[1]
    page.goto(f"{keys}new")
    group = page.get_by_role("group", name="Your product")
    boxes = group.get_by_role("checkbox")

    group.get_by_role("button", name="Select all").click()
    assert all(box.is_checked() for box in boxes.all())
    boxes.first.uncheck()
    group.get_by_role("button", name="Select all").click()
    assert all(box.is_checked() for box in boxes.all())
    group.get_by_role("button", name="Select none").click()
    assert not any(box.is_checked() for box in boxes.all())
    assert not page.get_by_role("group", name="Team").get_by_role("checkbox").first.is_checked()


def test_writing_a_day_chooses_it(watched: tuple[Watched, str]) -> None:
    page, keys = watched[0].page, watched[1]
    page.goto(f"{keys}new")

    page.get_by_label("Last day").fill("2030-01-31")

    expect(page.get_by_label("On a date", exact=True)).to_be_checked()


def test_regenerating_in_the_dialog(watched: tuple[Watched, str]) -> None:
    page, keys = watched[0].page, watched[1]
    key = create(page, keys, "In the dialog")
    page.get_by_role("link", name="Regenerate").press("Enter")
    dialog = page.get_by_role("dialog", name="Regenerate API key In the dialog?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Regenerate")).to_be_focused()

    page.get_by_role("link", name="Regenerate").press("Enter")
    dialog.get_by_label("7 days").check()
    dialog.get_by_role("button", name="Regenerate API key").press("Enter")

    expect(page.get_by_text("The old key still works")).to_be_visible()
    assert page.get_by_label("API key", exact=True).input_value() != key


def test_pages_of_a_key_have_no_barrier(watched: tuple[Watched, str]) -> None:
    watching, keys = watched
    create(watching.page, keys, "Without barriers")
    address = watching.page.url
    watching.page.goto(f"{address}/regenerate")
    watching.page.get_by_role("button", name="Regenerate API key").click()
    watching.page.wait_for_url(address)

    found = [problem for part in PARTS for problem in watching.problems(address + part)]

    assert [problem for problem in found if "status of 422" not in problem] == []
