"""The page about the API: tried with a key, in both themes, on a wide screen and on a phone, without another host."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.running import Signalbox, signalbox_running
from tests.browser.test_accessibility import AXE, NARROW, RUN_AXE, TAGS, WIDE

pytestmark = pytest.mark.slow

ME = "#operations-About-get_me"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Signalbox, str]]:
    """Yield a Signalbox of its own and an API key of its demo team."""
    with signalbox_running(tmp_path_factory.mktemp("api-docs")) as signalbox:
        slug = re.search(r"/t/([a-z0-9-]+)/", signalbox.flask("demo", "fill"))
        assert slug
        printed = signalbox.flask(
            "keys", "create", "--team", slug[1], "--name", "docs", "--scope", "admin:full"
        )
        token = re.search(r"sb_live_\w+", printed)
        assert token, printed
        yield signalbox, token[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "phone"])
def test_operation_is_tried_with_a_key(
    browser: Browser, address: tuple[Signalbox, str], theme: Literal["light", "dark"], size: dict[str, int]
) -> None:
    signalbox, token = address
    context = browser.new_context(
        base_url=signalbox.address,
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: _note_other_host(request.url, signalbox.address, complaints))

    page.goto("/api/docs")
    expect(page.locator(ME)).to_be_visible()
    page.evaluate(AXE)
    assert _barriers(page) == []

    page.locator(f"{ME} .opblock-summary-control").first.click()
    page.locator("button.authorize").first.click()
    page.locator(".auth-container input").first.fill(token)
    assert _barriers(page) == []
    page.locator(".auth-container button.authorize").first.click()
    page.locator("button.btn-done").first.click()
    page.locator(f"{ME} .execute").click()
    expect(page.locator(f"{ME} .live-responses-table .response-col_status").nth(1)).to_contain_text("200")

    assert _barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert complaints == []
    context.close()


def _barriers(page: Page) -> list[str]:
    return list(page.evaluate(RUN_AXE, TAGS))


def _note_other_host(url: str, own: str, complaints: list[str]) -> None:
    if not url.startswith((own, "data:", "blob:")):
        complaints.append(f"asked for {url}")
