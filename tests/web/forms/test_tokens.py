"""One-time tokens: which form is the same one sent again, and what its sender gets."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select

from app.accounts.models import Membership, Team
from app.events.models import Event
from app.extensions import REDIS, db
from app.webhooks.models import Delivery, Webhook
from tests import slots
from tests.page import Page
from tests.people import People
from tests.web.forms.sending import KEY, WEBHOOK, copy_of, hidden_fields, send

PERSON = {"name": "Nora", "email": "nora@example.com", "password": "seven slow herons"}


@pytest.fixture
def count(app: Flask) -> Callable[[type[Any]], int]:
    """Return a function that counts the rows of a table."""

    def rows_of(model: type[Any]) -> int:
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(model)) or 0

    return rows_of


def test_second_click_shows_the_key_that_the_first_made(people: People, page: Page) -> None:
    hidden = hidden_fields(page, "/t/acme/api-keys/new", "/t/acme/api-keys/new", people.bob)
    second_click = copy_of(people.bob.visitor)

    send(people.bob, "/t/acme/api-keys/new", KEY, hidden)
    shown = page.get(send(second_click, "/t/acme/api-keys/new", KEY, hidden).location, second_click)

    assert shown.by_id("api-key").get("value", "").startswith("sb_test_")


@pytest.mark.parametrize("fragment", [None, "webhook-form"])
def test_other_input_is_another_form(
    people: People, page: Page, count: Callable[[type[Any]], int], fragment: str | None
) -> None:
    path = "/t/acme/webhooks/new"
    hidden = hidden_fields(page, path, path, people.bob)

    for name in ("One", "One", "Two"):
        people.bob.post(path, {**WEBHOOK, "name": name, **hidden}, fragment=fragment)

    assert count(Webhook) == 2


def test_token_of_one_user_means_nothing_for_another(
    people: People, page: Page, count: Callable[[type[Any]], int]
) -> None:
    path = "/t/acme/webhooks/new"
    token = hidden_fields(page, path, path, people.bob)["form_token"]

    first = people.bob.post(path, {**WEBHOOK, "form_token": token})
    second = people.alice.post(path, {**WEBHOOK, "form_token": token})

    assert first.location != second.location
    assert count(Webhook) == 2


def test_refused_form_is_sent_again_corrected_or_not(
    people: People, page: Page, count: Callable[[type[Any]], int]
) -> None:
    path = "/t/acme/webhooks/new"
    hidden = hidden_fields(page, path, path, people.bob)

    answers = [
        send(people.bob, path, {**WEBHOOK, "url": url}, hidden) for url in ("no", "no", WEBHOOK["url"])
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 303]
    assert count(Webhook) == 1


def test_what_was_refused_on_the_way_back_to_its_page_can_be_sent_again(
    people: People, page: Page, count: Callable[[type[Any]], int]
) -> None:
    webhook = people.bob.post("/t/acme/webhooks/new", WEBHOOK).location
    hidden = hidden_fields(page, webhook, f"{webhook}/test", people.bob)
    people.bob.post(f"{webhook}/pause")
    refused = send(people.bob, f"{webhook}/test", {"event_type": ""}, hidden)
    assert page.get(refused.location, people.bob).has_text("Resume it, then send the test")

    people.bob.post(f"{webhook}/resume", {"backlog": "send"})
    sent = send(people.bob, f"{webhook}/test", {"event_type": ""}, hidden)

    assert "/deliveries/" in sent.location
    assert count(Event) == 1


def test_test_event_is_sent_once_and_again_from_a_fresh_page(
    people: People, page: Page, count: Callable[[type[Any]], int]
) -> None:
    webhook = people.bob.post("/t/acme/webhooks/new", WEBHOOK).location

    for _ in range(2):
        hidden = hidden_fields(page, webhook, f"{webhook}/test", people.bob)
        first, second = (send(people.bob, f"{webhook}/test", {"event_type": ""}, hidden) for _ in range(2))
        assert first.location == second.location

    assert (count(Event), count(Delivery)) == (2, 2)


def test_invitation_is_joined_once(people: People, page: Page, count: Callable[[type[Any]], int]) -> None:
    made = people.bob.post("/t/acme/invitations/new", {"role": "viewer", "email": ""})
    link = page.get(made.location, people.bob).by_id("invitation-link").get("value", "")
    path = link[link.index("/invitations/") :]
    visitor = people.anybody()
    hidden = hidden_fields(page, path, f"{path}/join", visitor)
    clicked_twice, before = copy_of(visitor), count(Membership)

    first = send(visitor, f"{path}/join", PERSON, hidden)
    second = send(clicked_twice, f"{path}/join", PERSON, hidden)

    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert count(Membership) == before + 1
    assert page.get("/account", clicked_twice).has_text(PERSON["email"])


def test_form_sent_again_later_says_that_nothing_was_done(
    people: People, page: Page, advance_clock: Callable[[float], None]
) -> None:
    path = "/t/acme/event-types/new"
    typed = {"name": "order.sent", "example": "{}"}
    hidden = hidden_fields(page, path, path, people.bob)
    first = send(people.bob, path, typed, hidden)
    assert page.get(first.location, people.bob).has_text("was added")

    advance_clock(60)
    again = page.get(send(people.bob, path, typed, hidden).location, people.bob)

    assert again.has_text("nothing was done again")
    assert not again.has_text("was added")


def test_one_time_token_is_no_csrf_token(
    people: People, page: Page, count: Callable[[type[Any]], int]
) -> None:
    path = "/t/acme/webhooks/new"
    hidden = hidden_fields(page, path, path, people.bob)
    stranger = people.charlie.visitor.csrf_token()
    forged = ({"csrf_token": ""}, {"csrf_token": stranger}, {"csrf_token": hidden["form_token"]})

    answers = [send(people.bob, path, WEBHOOK, {**hidden, **other}) for other in forged]

    assert all(answer.location in (None, path) for answer in answers)
    assert count(Webhook) == 0
    sent = send(people.bob, path, WEBHOOK, hidden)
    assert sent.status_code == 303
    assert send(people.bob, path, WEBHOOK, {**hidden, "csrf_token": stranger}).location in (None, path)


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "\x00", "é"])
def test_token_that_is_none_does_no_harm(
    people: People, token: str, count: Callable[[type[Any]], int]
) -> None:
    answer = people.bob.post("/t/acme/webhooks/new", {**WEBHOOK, "form_token": token})

    assert answer.status_code == 303
    assert count(Webhook) == 1


def test_without_redis_forms_work_each_for_itself(
    app: Flask, people: People, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/teams/new"
    hidden = hidden_fields(page, path, path, people.bob)
    with monkeypatch.context() as patch:
        slots.put(patch, app, REDIS, Redis.from_url("redis://127.0.0.1:1/0", retry=None))
        answer = send(people.bob, path, {"name": "Third"}, hidden)

    assert answer.status_code == 303
    assert answer.location == "/t/third/"


def test_second_click_says_so_while_the_first_is_still_running(
    people: People, page: Page, count: Callable[[type[Any]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.forms.tokens.WAITS_AT_MOST_S", 0.0)
    running, finish = threading.Event(), threading.Event()
    path = "/teams/new"
    hidden = hidden_fields(page, path, path, people.bob)
    clicked_twice = copy_of(people.bob.visitor)
    from app.accounts.services import teams

    create_team = teams.create_team

    def slow(*arguments: Any) -> str:
        running.set()
        finish.wait()
        return create_team(*arguments)

    monkeypatch.setattr(teams, "create_team", slow)
    first = threading.Thread(target=send, args=(people.bob, path, {"name": "Third"}, hidden))
    first.start()
    try:
        assert running.wait(120)
        second = send(clicked_twice, path, {"name": "Third"}, hidden)
    finally:
        finish.set()
        first.join()

    assert second.status_code == 409
    assert second.headers["Retry-After"] == "2"
    assert "still being carried out" in second.get_data(as_text=True)
    assert count(Team) == 3
