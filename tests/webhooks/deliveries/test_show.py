"""The page of one delivery."""

from datetime import timedelta
from typing import Any

import pytest

from app.lib import clock
from app.webhooks.explanations import ERROR_KINDS, explain
from tests.page import Page
from tests.people import People
from tests.webhooks.deliveries.factories import Factories


def url_of(delivery_id: str) -> str:
    return f"/t/acme/deliveries/{delivery_id}"


def test_every_attempt_is_shown_newest_open(people: People, page: Page, factories: Factories) -> None:
    [delivery] = factories.deliveries(
        factories.webhook("Orders"), 1, body='{"id":1,"data":{"big":12345678901234567890.10}}'
    )
    first = factories.attempt(
        delivery, 1, status_code=503, error_kind="http_5xx", response_body="<h1>no</h1>"
    )
    second = factories.attempt(delivery, 2, trigger="manual", response_truncated=True)

    document = page.get(url_of(delivery), people.vic)

    assert document.by_id(second).get("open") is not None
    assert document.by_id(first).get("open") is None
    for text in (
        "Unavailable",
        "by hand",
        "<h1>no</h1>",
        "cut off here",
        "203.0.113.9",
        "••••••",
        '"ok": true',
    ):
        assert document.has_text(text), text
    # As it is sent: no digit of a large number is lost.
    assert document.has_text("12345678901234567890.10")


def test_timings_fill_the_bar(people: People, page: Page, factories: Factories) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1)
    factories.attempt(delivery)

    document = page.get(url_of(delivery), people.vic)
    # html5lib names the elements of SVG with their namespace.
    bars = [element for element in document.root.iter() if str(element.tag).endswith("}rect")]

    assert [bar.get("width") for bar in bars] == ["2.0", "10.0", "20.0", "60.0", "8.0"]
    assert [bar.get("x") for bar in bars] == ["0.0", "2.0", "12.0", "32.0", "92.0"]
    assert document.has_text("Total 100 ms")


@pytest.mark.parametrize("kind", ERROR_KINDS)
def test_every_error_is_explained(people: People, page: Page, factories: Factories, kind: str) -> None:
    [delivery] = factories.deliveries(
        factories.webhook(), 1, state="failed", last_error=kind, last_status=None
    )
    timings = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms")
    nothing: dict[str, Any] = dict.fromkeys(
        (*timings, "status_code", "remote_address", "response_headers", "response_body")
    )
    factories.attempt(delivery, error_kind=kind, error_detail="what libcurl said", **nothing)

    document = page.get(url_of(delivery), people.vic)
    explanation = explain(kind)

    assert explanation is not None
    for text in (
        explanation.words,
        explanation.meaning,
        explanation.advice,
        "what libcurl said",
        "never connected",
    ):
        assert document.has_text(text)


def test_unknown_delivery_and_stranger_get_404(people: People, factories: Factories) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1)

    assert people.charlie.get(f"/t/other/deliveries/{delivery}").status_code == 404
    assert people.charlie.get(url_of(delivery)).status_code == 404
    assert people.alice.get(url_of("dlv_nonsense")).status_code == 404


def test_page_refreshes_until_it_is_final(people: People, page: Page, factories: Factories) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1, state="pending")
    live = page.get(url_of(delivery), people.vic).by_id("delivery-live")
    assert live.get("hx-trigger") == "every 1s"
    assert people.vic.get(live.get("hx-get", ""), fragment="delivery-live").status_code == 204

    factories.attempt(delivery)
    factories.change(delivery, state="succeeded", due_at=None, attempt_count=1, finished_at=clock.now())
    fragment = page.fragment(live.get("hx-get", ""), "delivery-live", people.vic)

    assert fragment.has_text("Delivered")
    assert fragment.by_id("delivery-live").get("hx-trigger") is None


@pytest.mark.parametrize(("wait_s", "trigger"), [(5, "every 1s"), (60, "every 5s"), (7200, "every 15s")])
def test_page_refreshes_less_often_for_a_later_retry(
    people: People, page: Page, factories: Factories, wait_s: int, trigger: str
) -> None:
    due_at = clock.now() + timedelta(seconds=wait_s)
    [delivery] = factories.deliveries(
        factories.webhook(), 1, state="pending", due_at=due_at, attempt_count=1, round_attempt_count=1
    )

    document = page.get(url_of(delivery), people.vic)

    assert document.by_id("delivery-live").get("hx-trigger") == trigger
    assert document.has_text("Attempt 2 is due")


@pytest.mark.parametrize(
    ("values", "status", "words", "label"),
    [
        ({"state": "succeeded"}, "active", "Nothing is left to do", "Send again"),
        ({"state": "failed"}, "active", "Repair the receiver", "Retry"),
        ({"state": "cancelled"}, "active", "unless you send it by hand", "Send after all"),
        ({"state": "pending"}, "paused", "once the webhook is resumed", "Send now"),
        ({"state": "pending"}, "active", "in a moment", "Send now"),
    ],
)
def test_next_step_is_said_in_words(
    people: People,
    page: Page,
    factories: Factories,
    values: dict[str, Any],
    status: str,
    words: str,
    label: str,
) -> None:
    [delivery] = factories.deliveries(factories.webhook(status=status), 1, **values)

    document = page.get(url_of(delivery), people.mel)

    assert document.has_text(words)
    assert document.text(document.form(f"{url_of(delivery)}/retry")) == label


def test_viewer_sees_no_retry_button(people: People, page: Page, factories: Factories) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1, state="failed")

    assert not page.get(url_of(delivery), people.vic).all("form", action=f"{url_of(delivery)}/retry")
