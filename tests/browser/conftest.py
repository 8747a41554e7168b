"""A real browser over the real product."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.chrome import LAUNCH_OPTIONS
from tests.browser.running import Signalbox, signalbox_running


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))
            # The tests of a file share a product that takes seconds to start.
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """Yield a headless browser."""
    # How long something may take to appear: it bounds a failure, and says nothing about speed.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=LAUNCH_OPTIONS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def signalbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signalbox]:
    """Yield a first start with an empty data directory, shared by the tests of one session."""
    with signalbox_running(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def context(browser: Browser, signalbox: Signalbox) -> Iterator[BrowserContext]:
    """Yield a fresh visitor."""
    opened = browser.new_context(base_url=signalbox.address, viewport={"width": 1440, "height": 900})
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Yield a page; any error in the browser fails the test."""
    complaints: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda message: _note(message, complaints))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    assert complaints == []


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    # Chromium logs every 4xx answer as an error: 422 is how a form comes back.
    if message.type in ("error", "warning") and "status of 422" not in message.text:
        complaints.append(message.text)
