"""The page of an event: what is sent, who received it, and why others did not."""

from flask import Flask
from sqlalchemy import event

from app.extensions import db
from tests.api_client import Api
from tests.page import Page
from tests.people import People

LIST = "/t/acme/events/"


def test_event_page_shows_who_received_it_and_who_did_not(people: People, page: Page, api: Api) -> None:
    api.new_webhook(name="Wants it")
    api.new_webhook(name="Other types", event_types=["campaign.*"])
    event_id = api.emit().get_json()["id"]
    api.new_webhook(name="Too late")

    document = page.get(LIST + event_id, people.vic)

    assert document.has_text("Wants it")
    assert document.has_text("It does not subscribe to post.published, only to: campaign.*.")
    assert document.has_text("after the event")
    assert '"timestamp"' in document.text(document.by_id("event-body"))


def test_event_without_webhooks_says_so(people: People, page: Page, api: Api) -> None:
    event_id = api.emit().get_json()["id"]

    assert page.get(LIST + event_id, people.vic).has_text("There was no webhook to send it to")


def test_hostile_data_is_shown_as_text(people: People, page: Page, api: Api) -> None:
    event_id = api.emit(data={"a": "<script>alert(1)</script>"}).get_json()["id"]

    assert "<script>alert" not in page.get(LIST + event_id, people.vic).html


def test_number_of_queries_does_not_grow_with_deliveries_and_webhooks(
    app: Flask, people: People, page: Page, api: Api
) -> None:
    people.vic.visitor.csrf_token()
    statements: list[str] = []
    with app.app_context():
        engine = db.engine
    counts = []
    for webhooks in (1, 5):
        for number in range(webhooks):
            api.new_webhook(name=f"Wants it {number}")
            api.new_webhook(name=f"Another type {number}", event_types=["campaign.*"])
        event_id = api.emit().get_json()["id"]
        event.listen(engine, "before_cursor_execute", note := lambda *a: statements.append(a[2]))
        try:
            page.get(LIST + event_id, people.vic)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        counts.append(len(statements))
        statements.clear()

    assert counts[0] == counts[1]
