"""Forms whose session ended before they were sent: the input comes back after signing in, secrets do not."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select

from app.extensions import REDIS, db
from app.web.forms.drafts import SIZE_MAX_BYTES
from app.webhooks.models import Webhook
from tests import slots
from tests.page import Document, Page
from tests.people import PASSWORD, People, Person, Visitor
from tests.web.forms.sending import hidden_fields, send

NEW = "/t/acme/webhooks/new"
WEBHOOK: dict[str, Any] = {
    "name": "Order desk",
    "url": "https://orders.example.com/hooks",
    "event_types": ["post.*"],
    "headers": "Authorization: Bearer very-secret",
    "max_retries": "7",
    "first_retry_s": "10",
    "retry_multiplier": "2",
    "timeout_s": "15",
}
SECRET = "very-secret"


def signed_out_elsewhere(person: Person) -> None:
    """End the person's session from their other browser."""
    person.new_visitor().post("/account/end-sessions")


def signed_out_in_another_tab(person: Person) -> None:
    person.visitor.post("/sign-out")


def cookie_gone(person: Person) -> None:
    person.visitor.client.delete_cookie("signalbox_session")


ENDINGS = [
    pytest.param(signed_out_elsewhere, id="ended from another browser"),
    pytest.param(signed_out_in_another_tab, id="signed out in another tab"),
    pytest.param(cookie_gone, id="expired"),
]


@pytest.fixture
def webhook_count(app: Flask) -> Callable[[], int]:
    def count() -> int:
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(Webhook)) or 0

    return count


def sign_in_page(page: Page, person: Person, location: str) -> Document:
    assert urlsplit(location).path == "/sign-in"
    return page.get(location, person.visitor)


def signed_in_again(page: Page, person: Person, location: str, *, email: str | None = None) -> Document:
    """Sign in on the page that the form was answered with; return the page where that leads."""
    action = sign_in_page(page, person, location).form("/sign-in").get("action", "")
    answer = person.visitor.post(action, {"email": email or person.email, "password": PASSWORD})
    assert answer.status_code == 303
    return page.get(answer.location, person.visitor)


def typed_into(document: Document) -> dict[str, Any]:
    form = document.form(NEW)
    values: dict[str, Any] = {
        control.get("name", ""): control.get("value", "")
        for control in form.iter("input")
        if control.get("type") != "checkbox"
    }
    values["event_types"] = [
        control.get("value")
        for control in form.iter("input")
        if control.get("name") == "event_types" and control.get("checked") is not None
    ]
    values["headers"] = next(
        area.text or "" for area in form.iter("textarea") if area.get("name") == "headers"
    )
    return values


@pytest.mark.parametrize("end", ENDINGS)
def test_input_is_back_after_signing_in(
    people: People, page: Page, end: Callable[[Person], None], webhook_count: Callable[[], int]
) -> None:
    bob = people.bob
    hidden = hidden_fields(page, NEW, NEW, bob)
    end(bob)

    answer = send(bob, NEW, WEBHOOK, hidden)

    assert answer.status_code == 303
    assert sign_in_page(page, bob, answer.location).has_text("your input is kept for 30 minutes")
    back = signed_in_again(page, bob, answer.location)
    typed = typed_into(back)
    assert {name: typed[name] for name in ("name", "url", "max_retries")} == {
        name: WEBHOOK[name] for name in ("name", "url", "max_retries")
    }
    assert "post.*" in typed["event_types"]
    assert back.has_text("Your input is back.")
    assert back.has_text("fill in again: Headers.")
    assert SECRET not in back.html
    assert webhook_count() == 0
    assert send(bob, NEW, WEBHOOK, hidden_fields(page, NEW, NEW, bob)).status_code == 303
    assert webhook_count() == 1


def test_input_is_back_through_htmx(people: People, page: Page) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)
    headers = {"HX-Request": "true", "HX-Target": "webhook-form", "HX-Current-URL": f"http://localhost{NEW}"}

    answer = people.bob.visitor.client.post(NEW, data={**WEBHOOK, **hidden}, headers=headers)

    assert answer.status_code == 401
    back = signed_in_again(page, people.bob, answer.headers["HX-Redirect"])
    assert typed_into(back)["name"] == WEBHOOK["name"]


def test_who_signed_in_again_in_another_tab_gets_the_form_back_at_once(
    people: People, page: Page, webhook_count: Callable[[], int]
) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    signed_out_in_another_tab(people.bob)
    people.bob.visitor.sign_in(people.bob.email)

    answer = send(people.bob, NEW, WEBHOOK, hidden)

    assert (answer.status_code, answer.location) == (303, NEW)
    assert typed_into(page.get(NEW, people.bob))["name"] == WEBHOOK["name"]
    assert webhook_count() == 0


def test_input_comes_back_once(people: People, page: Page) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)
    answer = send(people.bob, NEW, WEBHOOK, hidden)
    kept = people.bob.visitor.client.get_cookie("signalbox_draft", path=NEW)
    assert kept is not None
    signed_in_again(page, people.bob, answer.location)

    assert people.bob.visitor.client.get_cookie("signalbox_draft", path=NEW) is None
    people.bob.visitor.client.set_cookie("signalbox_draft", kept.value, path=NEW)
    assert typed_into(page.get(NEW, people.bob))["name"] == ""


def test_another_user_on_that_browser_gets_nothing(people: People, page: Page) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)
    answer = send(people.bob, NEW, WEBHOOK, hidden)

    back = signed_in_again(page, people.bob, answer.location, email=people.alice.email)

    assert typed_into(back)["name"] == ""
    assert WEBHOOK["url"] not in back.html


def test_that_user_in_another_browser_gets_nothing(people: People, page: Page) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)
    send(people.bob, NEW, WEBHOOK, hidden)

    assert typed_into(page.get(NEW, people.bob.new_visitor()))["name"] == ""


def test_passwords_are_not_kept(people: People, page: Page) -> None:
    action = "/account/email"
    hidden = hidden_fields(page, "/account", action, people.bob)
    cookie_gone(people.bob)
    typed = {"email-email": "robert@example.com", "email-current_password": PASSWORD}
    answer = people.bob.visitor.client.post(
        action, data={**typed, **hidden}, headers={"Referer": "http://localhost/account"}
    )

    back = signed_in_again(page, people.bob, answer.location)

    assert back.by_id("email-email").get("value") == typed["email-email"]
    assert PASSWORD not in back.html
    assert back.by_id("name-name").get("value") == "Bob"


def test_nothing_readable_is_kept(people: People, page: Page, redis_url: str) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)
    send(people.bob, NEW, WEBHOOK, hidden)

    with Redis.from_url(redis_url) as redis:
        (name,) = redis.keys("signalbox:draft:*")
        assert 0 < redis.ttl(name) <= 1800
        assert b"orders.example.com" not in redis.get(name)


@pytest.mark.parametrize("token", ["", "forged", "of charlie"])
def test_form_that_was_not_shown_to_the_user_is_not_kept(
    people: People, page: Page, redis_url: str, token: str
) -> None:
    theirs = hidden_fields(page, "/teams/new", "/teams/new", people.charlie)["form_token"]
    visitor = people.anybody()
    hidden = {"csrf_token": visitor.csrf_token(), "form_token": theirs if token == "of charlie" else token}

    answer = send(visitor, NEW, WEBHOOK, hidden)

    assert urlsplit(answer.location).path == "/sign-in"
    visitor.sign_in(people.bob.email)
    assert typed_into(page.get(NEW, visitor))["name"] == ""


def test_input_that_is_too_large_is_not_kept_and_that_is_said(people: People, page: Page) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)

    answer = send(people.bob, NEW, {**WEBHOOK, "name": "x" * SIZE_MAX_BYTES}, hidden)

    assert sign_in_page(page, people.bob, answer.location).has_text("what you sent was not done")
    assert signed_in_again(page, people.bob, answer.location).form(NEW) is not None


def test_without_redis_the_form_still_leads_to_the_sign_in_page(
    app: Flask, people: People, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)
    slots.put(monkeypatch, app, REDIS, Redis.from_url("redis://127.0.0.1:1/0", retry=None))

    answer = send(people.bob, NEW, WEBHOOK, hidden)

    assert parse_qs(urlsplit(answer.location).query) == {"next": [NEW], "reason": ["not_sent"]}


@pytest.mark.parametrize(
    "came_from",
    ["http://[", "http://localhost//elsewhere.example/", "https://elsewhere.example/account", "no address"],
)
def test_only_a_page_of_ours_is_returned_to(people: People, page: Page, came_from: str) -> None:
    hidden = hidden_fields(page, "/account", "/account/name", people.bob)
    cookie_gone(people.bob)

    answer = people.bob.visitor.client.post(
        "/account/name", data={"name-name": "Robert", **hidden}, headers={"Referer": came_from}
    )

    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.location).query) == {"reason": ["not_sent"]}


def test_forged_request_is_refused_as_before(people: People, page: Page, visitor: Visitor) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    del hidden["form_token"]

    assert send(people.bob, NEW, WEBHOOK, {**hidden, "csrf_token": "forged"}).status_code == 400
    assert send(visitor, NEW, WEBHOOK, {"csrf_token": "forged"}).status_code == 400
