"""The list of deliveries: filters, paging, its bounded window and its live rows."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from app.db import pages as keyset_pages
from app.lib import clock
from app.webhooks.queries import deliveries as queries
from tests.page import Document, Page
from tests.people import People, Visitor
from tests.webhooks.deliveries.factories import Factories

pytestmark = pytest.mark.postgresql

LIST = "/t/acme/deliveries/"


def shown(document: Document) -> list[str]:
    """Return the delivery ids in the order of the page."""
    return re.findall(r'id="open-(dlv_\w+)"', document.html)


def test_newest_stand_first_and_nothing_of_other_teams(
    people: People, page: Page, factories: Factories, other_factories: Factories
) -> None:
    ids = factories.deliveries(factories.webhook("Orders"), 3)
    other_factories.deliveries(other_factories.webhook(), 2)

    document = page.get(LIST, people.vic)

    assert shown(document) == list(reversed(ids))
    assert document.has_text("Orders")


def test_stranger_gets_404_and_anonymous_signs_in(
    people: People, visitor: Visitor, factories: Factories
) -> None:
    assert people.charlie.get(LIST).status_code == 404
    assert visitor.get(LIST).status_code == 303


@pytest.mark.parametrize("state", ["pending", "succeeded", "failed", "cancelled"])
def test_filter_by_state(people: People, page: Page, factories: Factories, state: str) -> None:
    webhook = factories.webhook()
    ids = {
        each: factories.deliveries(webhook, 2, state=each)
        for each in ("pending", "succeeded", "failed", "cancelled")
    }

    assert set(shown(page.get(f"{LIST}?state={state}", people.vic))) == set(ids[state])


def test_filters_are_combined(people: People, page: Page, factories: Factories) -> None:
    orders, crm = factories.webhook("Orders"), factories.webhook("CRM")
    factories.deliveries(orders, 2, state="failed")
    wanted = factories.deliveries(crm, 1, state="failed", event_type="lead.created")
    factories.deliveries(crm, 1, state="failed")
    factories.deliveries(crm, 1, event_type="lead.created")

    document = page.get(f"{LIST}?state=failed&webhook_id={crm}&event_type=lead.created", people.vic)

    assert shown(document) == wanted


def test_filter_by_time(people: People, page: Page, factories: Factories) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ids = factories.deliveries(factories.webhook(), 5, at=noon, apart=timedelta(hours=1))

    document = page.get(f"{LIST}?from=2026-03-01T09:30&to=2026-03-01T12:00", people.vic)

    assert shown(document) == [ids[3], ids[2]]


@pytest.mark.parametrize("needle", ["Grüße", "NOTE", "order-77", "http_5XX", "ORDERS.example"])
def test_text_is_found_in_body_key_error_and_url(
    people: People, page: Page, factories: Factories, needle: str
) -> None:
    webhook = factories.webhook(url="https://orders.example.com/hooks")
    other = factories.webhook(url="https://elsewhere.test/")
    ids = factories.deliveries(
        webhook, 1, body='{"data":{"note":"grü Grüße"}}', idempotency_key="order-77", state="failed"
    )
    factories.deliveries(other, 3)

    assert shown(page.get(LIST, people.vic))[:1] != []
    assert shown(page.read(people.vic.get(LIST, query_string={"q": needle}))) == ids


@pytest.mark.parametrize("wildcard", ["%", "_", "/", "\\"])
def test_wildcards_are_plain_text(people: People, page: Page, factories: Factories, wildcard: str) -> None:
    factories.deliveries(factories.webhook(url="https:x"), 1, body="{}")
    hit = factories.deliveries(factories.webhook(url="https:x"), 1, body=f"a{wildcard}b")

    assert shown(page.read(people.vic.get(LIST, query_string={"q": f"a{wildcard}b"}))) == hit


def test_ids_jump_to_their_delivery(people: People, page: Page, factories: Factories) -> None:
    webhook = factories.webhook()
    ids = factories.deliveries(webhook, 4)
    event_id = factories.read(ids[1]).event_id

    assert shown(page.get(f"{LIST}?q={ids[2]}", people.vic)) == [ids[2]]
    assert shown(page.get(f"{LIST}?q={event_id}", people.vic)) == [ids[1]]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("state=broken", "State"),
        ("from=yesterday", "write a time such as"),
        ("webhook_id=orders", "those look like wh_"),
        ("cursor=abc", "those look like dlv_"),
        ("from=2026-03-02&to=2026-03-01", "must be earlier"),
        ("q=%00", "control characters"),
        ("q=" + "x" * 300, "200 characters"),
    ],
)
def test_unreadable_filters_are_explained(
    people: People, page: Page, factories: Factories, query: str, words: str
) -> None:
    document = page.get(f"{LIST}?{query}", people.vic, status=422)

    assert document.has_text(words)
    assert LIST in document.links()


def test_pages_are_complete_while_rows_arrive(people: People, page: Page, factories: Factories) -> None:
    webhook = factories.webhook()
    ids = factories.deliveries(webhook, 120)
    seen: list[str] = []
    url: str | None = LIST
    while url:
        document = page.get(url, people.vic)
        seen += shown(document)
        factories.deliveries(webhook, 7, apart=timedelta(milliseconds=1))
        older = [a.get("href") for a in document.all("a") if document.text(a) == "Older"]
        url = older[0] if older else None

    assert seen == list(reversed(ids))


def test_older_rows_come_as_a_part_that_replaces_its_link(
    people: People, page: Page, factories: Factories
) -> None:
    ids = factories.deliveries(factories.webhook(), 120)
    first = page.get(LIST, people.vic)
    [link] = [a for a in first.all("a") if first.text(a) == "Older"]
    target = link.get("hx-target", "").removeprefix("#")

    part = people.vic.get(link.get("hx-get", ""), fragment=target).get_data(as_text=True)

    # The rows stand where the link was; the link to what is older still follows them.
    assert re.findall(r'<tbody id="([^"]+)"', part) == [target, f"older-{ids[20]}"]
    assert re.findall(r'id="open-(dlv_\w+)"', part) == list(reversed(ids[20:70]))
    assert "<html" not in part


def test_filtering_answers_with_the_list_alone(people: People, page: Page, factories: Factories) -> None:
    factories.deliveries(factories.webhook(), 3, state="failed")

    fragment = page.fragment(f"{LIST}?state=failed", "delivery-list", people.vic)

    assert len(shown(fragment)) == 3


def test_search_stops_at_its_window_and_goes_on(
    people: People, page: Page, factories: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset_pages, "WINDOW", 30)
    webhook = factories.webhook()
    [old] = factories.deliveries(webhook, 1, body="needle", at=clock.now() - timedelta(hours=1))
    factories.deliveries(webhook, 70, body="{}")
    url: str | None = f"{LIST}?q=needle"
    pages = 0
    found: list[str] = []
    while url:
        document = page.get(url, people.vic)
        pages += 1
        found += shown(document)
        further = [a.get("href") for a in document.all("a") if document.text(a) == "Search further back"]
        assert bool(further) == document.has_text("Searched back to")
        url = further[0] if further else None

    assert (pages, found) == (3, [old])


def test_rows_refresh_only_while_something_is_pending(
    people: People, page: Page, factories: Factories
) -> None:
    webhook = factories.webhook()
    factories.deliveries(webhook, 2)
    assert page.get(LIST, people.vic).by_id("newest").get("hx-trigger") is None

    [pending] = factories.deliveries(webhook, 1, state="pending")
    rows = page.get(LIST, people.vic).by_id("newest")
    assert rows.get("hx-trigger") == "every 1s"
    assert people.vic.get(rows.get("hx-get", ""), fragment="newest").status_code == 204

    factories.change(pending, state="succeeded", due_at=None, attempt_count=1, last_status=200)
    final = page.fragment(rows.get("hx-get", ""), "newest", people.vic)

    assert final.by_id("newest").get("hx-trigger") is None
    assert len(shown(final)) == 3


def test_new_rows_are_announced_but_push_nothing(people: People, page: Page, factories: Factories) -> None:
    webhook = factories.webhook()
    ids = factories.deliveries(webhook, 3, state="pending", at=clock.now() - timedelta(seconds=5))
    document = page.get(LIST, people.vic)
    refresh = document.by_id("newest").get("hx-get", "")
    look = document.by_id("list-news").get("hx-get", "")
    factories.deliveries(webhook, 60, apart=timedelta(milliseconds=1))

    assert people.vic.get(refresh, fragment="newest").status_code == 204, "the same rows, as they were"
    factories.change(ids[0], attempt_count=1)
    fragment = page.fragment(refresh, "newest", people.vic)

    assert shown(fragment) == list(reversed(ids))
    assert page.fragment(look, "list-news", people.vic).has_text("New rows arrived. Show them")


def test_rows_that_come_to_fit_the_filter_between_others_push_none_out(
    people: People, page: Page, factories: Factories
) -> None:
    ids = factories.deliveries(factories.webhook(), 61, state="pending", last_status=503)
    behind, shown_first, fit_later = ids[0], ids[1:], ids[30:40]
    for delivery_id in fit_later:
        factories.change(delivery_id, last_status=None)
    document = page.get(f"{LIST}?status=5xx", people.vic)
    assert len(shown(document)) == 50
    assert shown(document)[-1] == ids[1]

    for delivery_id in fit_later:
        factories.change(delivery_id, last_status=503)
    refreshed = page.fragment(document.by_id("newest").get("hx-get", ""), "newest", people.vic)

    assert shown(refreshed) == list(reversed(shown_first)), f"only {behind} is behind the link to older ones"


def test_held_deliveries_say_so(people: People, page: Page, factories: Factories) -> None:
    factories.deliveries(factories.webhook(status="paused"), 1, state="pending")

    assert page.get(LIST, people.vic).has_text("Held")


def test_empty_lists_say_what_to_do(people: People, page: Page, factories: Factories) -> None:
    assert page.get(LIST, people.vic).has_text("Nothing was sent yet")
    assert page.get(f"{LIST}?state=failed", people.vic).has_text("No delivery matches")


def test_names_are_shown_as_text(people: People, page: Page, factories: Factories) -> None:
    factories.deliveries(factories.webhook("<script>alert(1)</script>"), 1, state="pending")

    assert page.get(LIST, people.vic).has_text("<script>alert(1)</script>")


def test_pending_count_is_bounded(
    people: People, page: Page, factories: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PENDING_COUNT_MAX", 3)
    factories.deliveries(factories.webhook(), 9, state="pending")

    assert page.get(LIST, people.vic).has_text("3+ pending")


@pytest.fixture
def by_status(factories: Factories) -> dict[int | None, str]:
    """Return a delivery for each last status."""
    webhook = factories.webhook()
    states = {
        200: "succeeded",
        204: "succeeded",
        302: "failed",
        404: "failed",
        503: "failed",
        None: "pending",
    }
    return {
        status: factories.deliveries(webhook, 1, state=state, last_status=status)[0]
        for status, state in states.items()
    }


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("2xx", {200, 204}),
        ("3xx", {302}),
        ("4xx", {404}),
        ("5xx", {503}),
        ("none", {None}),
        ("204", {204}),
        ("418", set()),
    ],
)
def test_filter_by_status_on_page_and_download(
    people: People, page: Page, by_status: dict[int | None, str], status: str, wanted: set[int | None]
) -> None:
    expected = {by_status[each] for each in wanted}

    assert set(shown(page.get(f"{LIST}?status={status}", people.vic))) == expected
    text = people.vic.get(f"{LIST}export.csv?status={status}").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {(row["id"], row["status"]) for row in rows} == {
        (by_status[each], "" if each is None else str(each)) for each in wanted
    }


@pytest.mark.parametrize("status", ["6xx", "99", "600", "20", "٢٠٠", "failed"])
def test_unreadable_status_is_explained_beside_its_field(people: People, page: Page, status: str) -> None:
    document = page.read(people.vic.get(LIST, query_string={"status": status}))

    assert document.status == 422
    assert document.error_of("filter-status") == (
        "HTTP status: choose one of 2xx, 3xx, 4xx, 5xx, none, or a status such as 429."
    )
    control = document.by_id("filter-status")
    assert (control.get("aria-invalid"), control.get("value")) == ("true", status)


def test_what_is_filtered_by_is_shown_and_taken_away_one_by_one(
    people: People, page: Page, factories: Factories
) -> None:
    webhook = factories.webhook("Order desk")
    factories.deliveries(webhook, 1, state="failed", last_status=503)

    document = page.get(f"{LIST}?status=5xx&webhook_id={webhook}&from=2026-01-01&paused=1", people.vic)

    chips = {document.text(a): a.get("href", "") for a in document.all("a", class_="sb-chip")}
    assert list(chips) == [
        "Remove the filter HTTP status: Failed (5xx)",
        "Remove the filter Webhook: Order desk",
        "Remove the filter From: 2026-01-01 00:00:00 UTC",
    ]
    assert chips["Remove the filter Webhook: Order desk"] == f"{LIST}?status=5xx&from=2026-01-01&paused=1"
    [clear] = [a.get("href") for a in document.all("a") if document.text(a) == "Clear"]
    assert clear == f"{LIST}?paused=1"
    assert document.by_id("filter-from").get("value") == "2026-01-01T00:00"


@pytest.mark.parametrize(("period", "count"), [("1h", 1), ("24h", 2), ("7d", 3), ("30d", 4), ("", 5)])
def test_periods_count_back_from_now(
    people: People, page: Page, factories: Factories, period: str, count: int
) -> None:
    webhook = factories.webhook()
    for hours in (0.5, 20, 100, 600, 2000):
        factories.deliveries(webhook, 1, at=clock.now() - timedelta(hours=hours))

    assert len(shown(page.get(f"{LIST}?period={period}", people.vic))) == count


def test_answer_to_the_form_clears_the_error_beside_a_field(
    people: People, page: Page, factories: Factories
) -> None:
    wrong = page.fragment(f"{LIST}?status=6xx", "delivery-list", people.vic, status=422)
    right = page.fragment(f"{LIST}?status=5xx", "delivery-list", people.vic)

    assert wrong.error_of("filter-status").startswith("HTTP status: choose one of")
    assert wrong.by_id("filter-status-error").get("hx-swap-oob") == "true"
    assert right.error_of("filter-status") == ""
