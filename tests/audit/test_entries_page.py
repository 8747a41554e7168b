"""The page of the audit trail: filters, paging, links, refreshing."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db import pages as keyset_pages
from app.lib import clock
from tests.api_client import Api
from tests.audit.conftest import Trail
from tests.page import Document, Page
from tests.people import People

LIST = "/t/acme/audit/"


@pytest.fixture(autouse=True)
def _signed_in(people: People, trail: Trail) -> None:
    """Sign in before the test, and delete the entries that this leaves."""
    for person in (people.alice, people.bob):
        person.visitor.csrf_token()
    trail.delete_all()


def shown(document: Document) -> list[str]:
    """Return the ids of the entries in the order of the page."""
    return re.findall(r'<details id="(aud_\w+)"', document.html)


def test_newest_stand_first_and_nothing_of_other_teams(
    people: People, page: Page, trail: Trail, other_trail: Trail
) -> None:
    ids = trail.add_entries(3)
    other_trail.add_entries(2)

    document = page.get(LIST, people.bob)

    assert shown(document) == list(reversed(ids))
    assert document.has_text("Webhook updated Order desk")
    assert other_trail.team_id not in document.html


@pytest.mark.parametrize("person", ["mel", "vic"])
def test_only_admins_read_the_trail(people: People, person: str) -> None:
    assert getattr(people, person).get(LIST).status_code == 403
    assert people.charlie.get(LIST).status_code == 404


def test_entry_shows_before_after_address_and_request(people: People, page: Page, api: Api) -> None:
    webhook = api.new_webhook()
    answer = api("PATCH", f"/webhooks/{webhook['id']}", {"timeout_s": 20})

    document = page.get(f"{LIST}?action=webhook.updated", people.alice)

    assert document.has_text("timeout_s 15 20")
    assert document.has_text("Network address 127.0.0.1")
    assert document.has_text(answer.headers["X-Request-Id"])
    assert f"/t/acme/requests/?q={answer.headers['X-Request-Id']}" in document.links()


def test_object_is_linked_while_it_exists(people: People, page: Page, api: Api) -> None:
    webhook = api.new_webhook()
    link = f"/t/acme/webhooks/{webhook['id']}"
    api("POST", "/event-types", {"name": "order.paid", "example": {}})
    links = page.get(LIST, people.alice).links()
    assert link in links
    assert "/t/acme/event-types/order.paid" in links

    api("DELETE", f"/webhooks/{webhook['id']}")

    assert link not in page.get(LIST, people.alice).links()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("query", "action"),
    [
        ("actor_id=usr_b", "b.done"),
        ("action=c.done", "c.done"),
        ("object_type=delivery", "d.done"),
        ("object_id=obj_e", "e.done"),
        ("q=Bobby", "b.done"),
        ("q=order+77", "e.done"),
        ("q=C+DONE", "c.done"),
        ("q=c.done", "c.done"),
        ("q=obj_e", "e.done"),
        ("q=rid-12345", "f.done"),
        ("q=192.0.2.7", "f.done"),
    ],
)
def test_filters(people: People, page: Page, trail: Trail, query: str, action: str) -> None:
    trail.add_entries(3)
    special: dict[str, dict[str, Any]] = {
        "b.done": {"actor_id": "usr_b", "actor_name": "Bobby"},
        "c.done": {},
        "d.done": {"object_type": "delivery"},
        "e.done": {"object_id": "obj_e", "object_name": "Order 77"},
        "f.done": {"request_id": "rid-12345", "address": "192.0.2.7"},
    }
    now = clock.now()
    ids = {
        name: trail.add_entries(1, action=name, at=now - timedelta(seconds=number), **values)[0]
        for number, (name, values) in enumerate(special.items())
    }

    assert shown(page.get(f"{LIST}?{query}", people.alice)) == [ids[action]]


def test_filter_by_time(people: People, page: Page, trail: Trail) -> None:
    ids = trail.add_entries(5, at=datetime(2026, 3, 1, 12, tzinfo=UTC), apart=timedelta(hours=1))

    document = page.get(f"{LIST}?from=2026-03-01T09:30&to=2026-03-01T12:00", people.alice)

    assert shown(document) == [ids[3], ids[2]]


def test_entry_is_found_by_its_id(people: People, page: Page, trail: Trail) -> None:
    ids = trail.add_entries(3)

    assert shown(page.get(f"{LIST}?q={ids[1]}", people.alice)) == [ids[1]]


@pytest.mark.postgresql
@pytest.mark.parametrize("wildcard", ["%", "_"])
def test_wildcards_are_plain_text(people: People, page: Page, trail: Trail, wildcard: str) -> None:
    trail.add_entries(1, object_name="axb")
    hit = trail.add_entries(1, object_name=f"a{wildcard}b", at=clock.now())

    assert shown(page.read(people.alice.get(LIST, query_string={"q": f"a{wildcard}b"}))) == hit


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "write a time such as"),
        ("cursor=abc", "those look like aud_"),
        ("from=2026-03-02&to=2026-03-01", "must be earlier"),
        ("q=%00", "control characters"),
        ("q=" + "x" * 300, "200 characters"),
    ],
)
@pytest.mark.parametrize("path", ["", "export.csv"])
def test_unreadable_filters_are_explained(
    people: People, page: Page, trail: Trail, path: str, query: str, words: str
) -> None:
    document = page.get(f"{LIST}{path}?{query}", people.alice, status=422)

    assert document.has_text(words)
    assert document.by_id("list-news").get("hx-get") is None


def test_pages_are_complete_while_entries_arrive(people: People, page: Page, trail: Trail) -> None:
    ids = trail.add_entries(120, at=clock.now() - timedelta(hours=1))
    seen: list[str] = []
    url: str | None = LIST
    pages = 0
    while url:
        document = page.get(url, people.alice)
        seen += shown(document)
        pages += 1
        trail.add_entries(7, at=clock.now() + timedelta(seconds=pages), apart=timedelta(milliseconds=1))
        older = [a.get("href") for a in document.all("a") if document.text(a) == "Older"]
        url = older[0] if older else None

    assert seen == list(reversed(ids))


def test_older_entries_come_as_a_part_that_replaces_its_link(
    people: People, page: Page, trail: Trail
) -> None:
    ids = trail.add_entries(120)
    first = page.get(LIST, people.alice)
    [link] = [a for a in first.all("a") if first.text(a) == "Older"]
    target = link.get("hx-target", "").removeprefix("#")

    part = people.alice.get(link.get("hx-get", ""), fragment=target).get_data(as_text=True)

    assert re.findall(r' id="(older-\w+)"', part) == [target, f"older-{ids[20]}"]
    assert re.findall(r'<details id="(aud_\w+)"', part) == list(reversed(ids[20:70]))
    assert "<html" not in part


@pytest.mark.postgresql
def test_search_stops_at_its_window_and_goes_on(
    people: People, page: Page, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset_pages, "WINDOW", 30)
    [old] = trail.add_entries(1, object_name="needle", at=clock.now() - timedelta(hours=1))
    trail.add_entries(70)
    url: str | None = f"{LIST}?q=needle"
    pages, found = 0, []
    while url:
        document = page.get(url, people.alice)
        pages += 1
        found += shown(document)
        further = [a.get("href") for a in document.all("a") if document.text(a) == "Search further back"]
        assert bool(further) == document.has_text("Searched back to")
        url = further[0] if further else None

    assert (pages, found) == (3, [old])


def test_filtering_answers_with_the_list_and_its_bar(people: People, page: Page, trail: Trail) -> None:
    trail.add_entries(2)

    fragment = page.fragment(f"{LIST}?action=webhook.updated&paused=1", "audit-list", people.alice)

    assert len(shown(fragment)) == 2
    bar = fragment.by_id("list-bar")
    assert bar.get("hx-swap-oob") == "true"
    assert "/t/acme/audit/export.csv?action=webhook.updated" in fragment.links()


def test_page_refreshes_every_30_seconds_and_gets_204_without_new_rows(
    people: People, page: Page, trail: Trail
) -> None:
    trail.add_entries(2)
    news = page.get(LIST, people.alice).by_id("list-news")

    assert news.get("hx-trigger") == "every 30s"
    assert people.alice.get(news.get("hx-get", ""), fragment="list-news").status_code == 204


def test_new_rows_are_announced_while_somebody_reads(people: People, page: Page, trail: Trail) -> None:
    trail.add_entries(2)
    document = page.get(LIST, people.alice)
    assert document.root.find(".//div[@role='status']/div[@id='list-news']") is not None
    refresh = document.by_id("list-news").get("hx-get", "")
    trail.add_entries(1, at=clock.now())

    fragment = page.fragment(refresh, "list-news", people.alice)

    assert fragment.has_text("New rows arrived. Show them")
    assert shown(fragment) == []
    # Until something happens again, there is nothing more to say.
    again = fragment.by_id("list-news").get("hx-get", "")
    assert people.alice.get(again, fragment="list-news").status_code == 204


def test_new_rows_are_shown_while_nobody_reads(people: People, page: Page, trail: Trail) -> None:
    trail.add_entries(60)
    refresh = page.get(LIST, people.alice).by_id("list-news").get("hx-get", "")
    [new] = trail.add_entries(1, at=clock.now())

    fragment = page.fragment(f"{refresh}&idle=1", "list-news", people.alice)

    assert fragment.by_id("audit-list").get("hx-swap-oob") == "true"
    assert shown(fragment)[0] == new
    assert len(shown(fragment)) == 50


def test_refreshing_can_be_paused_and_filters_stay(people: People, page: Page, trail: Trail) -> None:
    trail.add_entries(2)
    form = page.get(f"{LIST}?object_type=webhook", people.alice).form(LIST)
    assert form.get("role") == "search"

    fragment = page.fragment(f"{LIST}?object_type=webhook&paused=1", "list-bar", people.alice)

    assert fragment.by_id("list-news").get("hx-get") is None
    assert fragment.has_text("Refreshing is paused.")
    assert fragment.has_text("Resume refreshing")
    kept = {i.get("name"): i.get("value") for i in fragment.all("input") if i.get("form") is None}
    assert kept == {"object_type": "webhook"}
    [carried] = [i for i in fragment.all("input") if i.get("form") == "list-filter"]
    assert (carried.get("name"), carried.get("value")) == ("paused", "1")


def test_older_pages_do_not_refresh(people: People, page: Page, trail: Trail) -> None:
    ids = trail.add_entries(60)

    document = page.get(f"{LIST}?cursor={ids[10]}", people.alice)

    assert document.by_id("list-news").get("hx-get") is None
    assert document.has_text("Back to the newest")


def test_empty_lists_say_what_to_do(people: People, page: Page, trail: Trail) -> None:
    assert page.get(LIST, people.alice).has_text("Nothing happened yet")
    assert page.get(f"{LIST}?q=x", people.alice).has_text("No entry matches")


def test_names_are_shown_as_text(people: People, page: Page, trail: Trail) -> None:
    trail.add_entries(1, object_name="<script>alert(1)</script>", changes={"<b>": [None, "<i>"]})

    assert page.get(LIST, people.alice).has_text("<script>alert(1)</script>")
