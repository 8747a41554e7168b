"""Lists as people use them: by keyboard, back and forward, by clicking rows, in their own time zone, on a telephone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.running import signalbox_running
from tests.browser.test_accessibility import WIDE, Demo, Watched, filled

pytestmark = pytest.mark.slow

ZONE = "Asia/Dubai"
#: What is cut off at the right or lies beyond it, and would have to be scrolled to.
CLIPPED = """() => [...document.querySelectorAll(
    ".sb-filters input:not([type=hidden]), .sb-filters select, .sb-chip, .sb-list-bar .btn, .sb-list-news")]
    .filter((element) => element.offsetParent)
    .filter((element) => element.getBoundingClientRect().right > innerWidth)
    .map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Yield a Signalbox of its own, full of demo data."""
    with signalbox_running(tmp_path_factory.mktemp("lists")) as signalbox:
        yield filled(signalbox)


@pytest.fixture(scope="module")
def watched(browser: Browser, demo: Demo) -> Iterator[Watched]:
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce", timezone_id=ZONE)
    page = context.new_page()
    page.goto(demo.home)
    page.get_by_label("Email").fill(demo.email)
    page.get_by_label("Password", exact=True).fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(demo.home)
    yield Watched(page)
    context.close()


@pytest.fixture
def deliveries(watched: Watched, demo: Demo) -> Page:
    """Return the page of deliveries, freshly opened."""
    watched.page.set_viewport_size(WIDE)
    watched.page.goto(demo.url("deliveries/?paused=1"))
    return watched.page


def chips(page: Page) -> list[str]:
    """Return what the list says it is filtered by."""
    return [
        words.partition("Remove the filter")[2].strip()
        for words in page.locator(".sb-chip").all_inner_texts()
    ]


def test_back_and_forward_go_through_the_filters(deliveries: Page) -> None:
    page = deliveries
    page.get_by_label("State").select_option("failed")
    expect(page.locator(".sb-chip")).to_have_count(1)
    page.get_by_label("HTTP status").fill("5xx")
    page.get_by_label("HTTP status").press("Tab")
    expect(page.locator(".sb-chip")).to_have_count(2)
    both = page.url

    page.go_back()
    expect(page.locator(".sb-chip")).to_have_count(1)
    expect(page.get_by_label("State")).to_have_value("failed")
    expect(page.get_by_label("HTTP status")).to_have_value("")
    page.go_back()
    expect(page.locator(".sb-chip")).to_have_count(0)
    expect(page.get_by_label("State")).to_have_value("")
    page.go_forward()
    page.go_forward()
    expect(page.locator(".sb-chip")).to_have_count(2)
    expect(page.get_by_label("HTTP status")).to_have_value("5xx")
    assert page.url == both
    # The restored page goes on working.
    page.get_by_label("State").select_option("")
    expect(page.locator(".sb-chip")).to_have_count(1)


def test_list_is_filtered_opened_and_cleared_by_keyboard(deliveries: Page) -> None:
    page = deliveries
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("State")).to_be_focused()
    page.keyboard.type("Fail")
    expect(page.locator(".sb-chip")).to_have_count(1)
    expect(page.get_by_label("State")).to_be_focused()

    page.get_by_role("link", name="Clear").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".sb-chip")).to_have_count(0)
    assert page.url.endswith("/deliveries/?paused=1")
    row = page.locator("a.sb-row-link").first
    row.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/deliveries/dlv_"))


def test_error_stands_beside_its_field_until_it_is_mended(deliveries: Page) -> None:
    page = deliveries
    status = page.get_by_label("HTTP status")
    status.fill("6xx")
    status.press("Enter")
    expect(status).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#filter-status-error")).to_contain_text("HTTP status: choose one of 2xx")
    expect(status).to_have_value("6xx")

    status.fill("5xx")
    status.press("Enter")

    expect(page.locator("#filter-status-error")).to_be_empty()
    expect(status).not_to_have_attribute("aria-invalid", "true")


def test_row_is_followed_where_it_is_clicked_and_its_text_can_be_selected(deliveries: Page) -> None:
    page = deliveries
    row = page.locator("tbody tr").first
    place = row.bounding_box()
    assert place
    webhook = row.locator("td[data-label=Webhook] span").first
    text = webhook.bounding_box()
    assert text
    page.mouse.move(text["x"] + 1, text["y"] + text["height"] / 2)
    page.mouse.down()
    page.mouse.move(text["x"] + text["width"] - 1, text["y"] + text["height"] / 2, steps=5)
    page.mouse.up()
    assert page.evaluate("getSelection().toString()").strip()
    assert page.url.endswith("/deliveries/?paused=1"), "selecting is not following"
    page.evaluate("getSelection().removeAllRanges()")

    with page.context.expect_page() as opened:
        page.mouse.click(place["x"] + place["width"] - 4, place["y"] + place["height"] / 2, button="middle")
    opened.value.close()
    with page.context.expect_page() as opened:
        webhook.click(button="middle")
    opened.value.close()

    page.locator("tbody tr").first.locator("td[data-label=Attempts] span").click()
    page.wait_for_url(re.compile(r"/deliveries/dlv_"))
    page.go_back()
    page.mouse.click(place["x"] + place["width"] - 4, place["y"] + place["height"] / 2)
    page.wait_for_url(re.compile(r"/deliveries/dlv_"))


def test_times_are_typed_in_the_zone_of_the_reader(deliveries: Page) -> None:
    page = deliveries
    time = page.get_by_label("Time", exact=True)
    expect(page.locator("#filter-from")).to_be_hidden()
    time.select_option(label="Last 24 hours")
    expect(page.locator(".sb-chip")).to_contain_text("Time: Last 24 hours")

    time.select_option(label="Custom…")
    expect(page.get_by_label("From")).to_be_visible()
    expect(page.locator(".sb-filter", has=page.locator("#filter-from"))).to_contain_text(f"({ZONE})")
    page.get_by_label("From").fill("2026-01-02T04:00:00")
    page.get_by_label("From").press("Enter")

    page.wait_for_url(re.compile(r"from=2026-01-02T00:00:00"))
    assert "period" not in page.url
    page.reload()
    expect(page.get_by_label("From")).to_have_value(re.compile(r"2026-01-02T04:00"))
    time.select_option(label="Any time")
    expect(page.locator(".sb-chip")).to_have_count(0)
    assert page.url.endswith("/deliveries/?paused=1")


def test_older_rows_come_when_they_are_scrolled_to(deliveries: Page) -> None:
    page = deliveries
    before = page.locator("a.sb-row-link").count()
    page.get_by_role("link", name="Older").scroll_into_view_if_needed()
    expect(page.locator("[data-older]").first).to_be_attached()
    assert page.locator("a.sb-row-link").count() > before


@pytest.mark.parametrize("width", [360, 390])
@pytest.mark.parametrize(
    "path",
    [
        "deliveries/",
        "audit/",
        "requests/",
        "events/",
        "api-keys/",
        "webhooks/",
        "usage/",
        "members",
        "invitations",
    ],
)
def test_nothing_is_clipped_on_a_telephone(watched: Watched, demo: Demo, path: str, width: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 780})
    page.goto(demo.url(f"{path}?from=2026-01-02T00:00&to=2026-12-30T00:00"))

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CLIPPED) == []


@pytest.mark.parametrize(
    "path", ["deliveries/?state=failed&status=5xx&from=2026-01-01", "deliveries/?status=6xx"]
)
def test_filters_that_are_set_have_no_barrier(watched: Watched, demo: Demo, path: str) -> None:
    found = watched.problems(demo.url(path))

    assert [problem for problem in found if "status of 422" not in problem] == []


def test_lists_work_without_script(browser: Browser, watched: Watched, demo: Demo) -> None:
    state = watched.page.context.storage_state()
    context = browser.new_context(java_script_enabled=False, storage_state=state, viewport=WIDE)
    page = context.new_page()
    page.goto(demo.url("deliveries/"))
    page.get_by_label("From (UTC)").fill("2026-01-02T05:30:00")
    page.get_by_label("HTTP status").fill("none")
    page.get_by_role("button", name="Filter").click()
    assert chips(page) == ["HTTP status: No answer", "From: 2026-01-02 05:30:00 UTC"]
    page.locator(".sb-chip").first.click()
    assert chips(page) == ["From: 2026-01-02 05:30:00 UTC"]
    place = page.locator("tbody tr").first.bounding_box()
    assert place
    page.mouse.click(place["x"] + place["width"] - 4, place["y"] + place["height"] / 2)
    page.wait_for_url(re.compile(r"/deliveries/dlv_"))
    context.close()
