"""Pages of events and event types."""

import tracemalloc

import pytest
from flask import Flask
from sqlalchemy import select

from app.events.models import EventType
from app.extensions import db
from tests.api_client import Api
from tests.page import Page
from tests.people import People

EVENTS, TYPES = "/t/acme/events/", "/t/acme/event-types/"


def test_empty_list_shows_how_to_emit(people: People, page: Page) -> None:
    document = page.get(EVENTS, people.vic)

    assert document.has_text("No events yet")
    assert "/api/v1/events" in document.text(document.by_id("emit-example"))


def test_list_filters_and_pages(people: People, page: Page, api: Api) -> None:
    event_id = api.emit(idempotency_key="order-1").get_json()["id"]
    api.emit("post.failed")

    assert page.get(f"{EVENTS}?q={event_id}", people.vic).has_text("order-1")
    assert page.get(f"{EVENTS}?q=order-1", people.vic).has_text(event_id)
    assert not page.get(f"{EVENTS}?type=post.failed", people.vic).has_text(event_id)
    assert page.get(f"{EVENTS}?kind=test", people.vic).has_text("No event matches")
    unreadable = page.get(f"{EVENTS}?q=%00&cursor=%00", people.vic, status=422)
    assert unreadable.has_text("Event id or idempotency key: leave out control characters.")
    assert page.get(f"{EVENTS}?type=%00", people.vic, status=422).error_of("filter-type")
    page.fragment(EVENTS, "event-list", people.vic)


def test_sixty_events_have_an_older_page(people: People, page: Page, api: Api) -> None:
    for number in range(60):
        api.emit(data={"n": number})

    document = page.get(EVENTS, people.vic)
    older = next(link for link in document.links() if "cursor=" in link)
    assert len(page.get(older, people.vic).all("tr")) == 1 + 10


@pytest.mark.parametrize("path", [EVENTS, f"{EVENTS}export.csv"])
def test_lists_of_events_do_not_load_their_data(people: People, api: Api, path: str) -> None:
    count, chars = 40, 200_000
    for _ in range(count):
        assert api.emit(data={"text": "x" * chars}).status_code == 202
    people.vic.get(path)

    tracemalloc.start()
    try:
        answer = people.vic.get(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.status_code == 200
    assert answer.get_data(as_text=True).count("evt_") >= count
    assert peak_bytes < count * chars / 2


@pytest.mark.parametrize("path", [EVENTS, TYPES, TYPES + "post.published"])
def test_stranger_gets_404(people: People, path: str) -> None:
    assert people.charlie.get(path).status_code == 404
    assert people.anybody().get(path).status_code == 303


def test_viewer_sees_types_and_changes_none(people: People, page: Page) -> None:
    document = page.get(TYPES, people.vic)

    assert document.has_text("approval.completed")
    assert TYPES + "new" not in document.links()
    assert people.vic.get(TYPES + "new").status_code == 403
    assert people.vic.post(TYPES + "new", {"name": "order.shipped"}).status_code == 403


def test_member_adds_changes_and_deletes_a_type(app: Flask, people: People, page: Page) -> None:
    page.get(TYPES + "new", people.mel)
    answer = people.mel.post(
        TYPES + "new", {"name": "order.shipped", "description": "Gone.", "example": '{"a": 1}'}
    )
    assert answer.status_code == 303
    assert page.get(TYPES, people.mel).has_text("order.shipped")
    assert page.get(TYPES + "order.shipped", people.mel).has_text("Emit it")

    page.get(TYPES + "order.shipped/edit", people.mel)
    people.mel.post(TYPES + "order.shipped/edit", {"description": "New words.", "example": ""})
    assert page.get(TYPES + "order.shipped", people.mel).has_text("New words.")

    assert page.get(TYPES + "order.shipped/delete", people.mel).has_text("Delete event type order.shipped?")
    page.fragment(TYPES + "order.shipped/delete", "delete-type", people.mel)
    assert people.mel.post(TYPES + "order.shipped/delete").status_code == 303
    with app.app_context():
        assert db.session.scalars(select(EventType)).all() == []


def test_bad_form_comes_back_with_what_was_typed(people: People, page: Page) -> None:
    answer = people.mel.post(TYPES + "new", {"name": "Nope", "description": "kept", "example": "{nope"})

    assert answer.status_code == 422
    document = page.read(answer)
    assert "line 1" in document.error_of("example")
    assert "kept" in document.html

    answer = people.mel.post(TYPES + "new", {"name": "signalbox.x", "example": "{}"})
    assert "belong to Signalbox" in page.read(answer).error_of("name")


def test_built_in_type_has_no_edit_page(people: People) -> None:
    assert people.mel.get(TYPES + "post.published/edit").status_code == 404
    assert people.mel.post(TYPES + "post.published/delete").status_code == 404
