"""What a newcomer does in the first two minutes, in a real browser, on the product as `make run` starts it."""

import json
import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.running import Signalbox
from tests.webhooks.dispatch.scene import wait_until

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def owner(signalbox: Signalbox) -> dict[str, str]:
    """Return who signs up first; filled in by `signed_in`."""
    return {"email": "ada@example.com", "team": ""}


@pytest.fixture
def signed_in(page: Page, context: BrowserContext, signalbox: Signalbox, owner: dict[str, str]) -> Page:
    """Return a page signed in as the owner; the first test signs up through the printed link."""
    if owner["team"]:
        page.goto("/sign-in")
        page.get_by_label("Email").fill(owner["email"])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    else:
        page.goto(signalbox.setup_link)
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Email").fill(owner["email"])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Team").fill("Analytical Engines")
        page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/t/*/")
    owner["team"] = page.url.rstrip("/").rpartition("/")[2]
    return page


def test_newcomer_gets_from_the_link_to_a_green_delivery(signed_in: Page, signalbox: Signalbox) -> None:
    page, home = signed_in, signed_in.url
    create_webhook(page, home, name="Demo receiver", url=f"{signalbox.receiver}/ok")
    secret = page.get_by_label("Signing secret", exact=True)
    expect(secret).to_have_value(re.compile(r"whsec_\S{40,}"))
    page.reload()
    expect(secret).to_have_count(0)
    key = create_key(page, home)

    event_id = emit(signalbox, key, idempotency_key="first")
    reload_until(page, f"{home}deliveries/", "Succeeded")
    assert emit(signalbox, key, idempotency_key="first") == event_id
    page.get_by_role("row").filter(has_text="Succeeded").first.get_by_role("link").first.click()
    expect(page.get_by_text("post.published").first).to_be_visible()


def test_failing_delivery_is_retried_and_can_be_retried_by_hand(
    signed_in: Page, signalbox: Signalbox
) -> None:
    page, home = signed_in, signed_in.url
    create_webhook(page, home, name="Broken receiver", url=f"{signalbox.receiver}/status/500")
    key = create_key(page, home)
    emit(signalbox, key, idempotency_key="second")

    reload_until(page, f"{home}deliveries/", "Retrying")
    row = page.get_by_role("row").filter(has_text="Broken receiver").first
    expect(row).to_contain_text("Retrying")
    row.get_by_role("link").first.click()
    expect(page.get_by_text("500").first).to_be_visible()
    page.get_by_role("button", name=re.compile("Retry|Send")).first.click()

    expect(page.get_by_text(re.compile(r"Attempt 2|#2")).first).to_be_visible()


def reload_until(page: Page, address: str, text: str) -> None:
    """Look at a list again and again until one of its rows has this text."""

    def is_there() -> bool:
        page.goto(address)
        return page.get_by_role("row").filter(has_text=text).count() > 0

    wait_until(is_there)


def create_webhook(page: Page, home: str, *, name: str, url: str) -> None:
    page.goto(f"{home}webhooks/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("URL").fill(url)
    page.locator("input[value='post.published']").check()
    page.get_by_role("button", name=re.compile("Create")).click()
    page.wait_for_url(re.compile(r"/webhooks/wh_"))


def create_key(page: Page, home: str) -> str:
    page.goto(f"{home}api-keys/new")
    page.get_by_label("Name").fill("Quick start")
    page.locator("input[value='events:write']").check()
    page.get_by_role("button", name=re.compile("Create")).click()
    page.wait_for_url(re.compile(r"/api-keys/key_"))
    return page.locator("input[data-secret]").input_value()


def emit(signalbox: Signalbox, key: str, *, idempotency_key: str) -> str:
    """Do what the quick start's curl does; returns the event's id."""
    body = {"type": "post.published", "data": {"text": "Hello"}, "idempotency_key": idempotency_key}
    request = urllib.request.Request(
        f"{signalbox.address}/api/v1/events",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return str(json.load(response)["id"])
