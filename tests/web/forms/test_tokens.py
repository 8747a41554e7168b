"""What a form creates it creates once: a double click, a form sent again, two at the same moment."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.accounts.models import Invitation, Membership, Team, User
from app.api_keys.models import ApiKey
from app.config import SignUp
from app.events.models import Event, EventType
from app.extensions import REDIS, db
from app.web.schemes import SESSION, scheme_of
from app.webhooks.models import Delivery, Webhook
from tests import slots
from tests.page import Page
from tests.people import People, Visitor
from tests.web.forms.sending import hidden_fields, send

#: What no form creates: each of these changes or ends something, signs in or out, or hands out what is there. Sent twice
#: it does the same as once, or is refused.
NOT_CREATING = {
    "jobs.dismiss",
    "jobs.retry",
    "accounts.cancel_email_change",
    "accounts.change_name",
    "accounts.change_password",
    "accounts.confirm_email_change",
    "accounts.disable_second_factor",
    "accounts.download_recovery_codes",
    "accounts.end_other_sessions",
    "accounts.end_all_sessions",
    "accounts.end_one_session",
    "accounts.finish_with_code",
    "accounts.finish_with_recovery_code",
    "accounts.openid_link",
    "accounts.openid_unlink",
    "accounts.request_reset",
    "accounts.request_sign_in_link",
    "accounts.sign_out",
    "accounts.start_signed_in_session",
    "accounts.store_new_password",
    "accounts.switch_team",
    "accounts.theme",
    "accounts.use_sign_in_link",
    "api_keys.end_grace",
    "api_keys.keep",
    "api_keys.revoke",
    "api_keys.update",
    "event_types.delete",
    "event_types.update",
    "teams.change_role",
    "teams.leave",
    "teams.remove_member",
    "teams.rename",
    "teams.revoke_invitation",
    "teams.transfer",
    "webhooks.delete",
    "webhooks.pause",
    "webhooks.resume",
    "webhooks.update",
}
WEBHOOK = {
    "name": "Order desk",
    "url": "https://orders.example.com/hooks",
    "event_types": ["post.*"],
    "headers": "",
    "max_retries": "3",
    "first_retry_s": "10",
    "retry_multiplier": "2",
    "timeout_s": "15",
}
KEY = {
    "name": "orders",
    "kind": "test",
    "scopes": ["events:write"],
    "expiry": "30",
    "per_hour": "1000",
    "per_day": "10000",
}
PERSON = {"name": "Nora", "email": "nora@example.com", "password": "seven slow herons"}


@dataclass(frozen=True)
class Creating:
    """A form that creates: where it is, what is typed, and what there is one more of afterwards."""

    path: str
    typed: dict[str, Any]
    model: type[Any]
    page: str = ""
    is_public: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def opened_at(self) -> str:
        return self.page or self.path


FORMS = [
    pytest.param(Creating("/t/acme/api-keys/new", KEY, ApiKey), id="API key"),
    pytest.param(Creating("/t/acme/webhooks/new", WEBHOOK, Webhook), id="webhook"),
    pytest.param(
        Creating("/t/acme/event-types/new", {"name": "order.sent", "example": "{}"}, EventType),
        id="event type",
    ),
    pytest.param(
        Creating("/t/acme/invitations/new", {"role": "viewer", "email": ""}, Invitation), id="invitation"
    ),
    pytest.param(Creating("/teams/new", {"name": "Third"}, Team), id="team"),
    pytest.param(
        Creating(
            "/sign-up",
            {**PERSON, "team_name": "Fourth"},
            User,
            is_public=True,
            settings={"sign_up": SignUp.OPEN},
        ),
        id="account",
    ),
]


@pytest.fixture
def with_settings(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Return what gives the app other settings for one test."""

    def change(values: dict[str, Any]) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", app.config["SETTINGS"].model_copy(update=values))

    return change


@pytest.fixture
def count(app: Flask) -> Callable[[type[Any]], int]:
    """Return what counts the rows of a table."""

    def rows_of(model: type[Any]) -> int:
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(model)) or 0

    return rows_of


def creating_views(app: Flask) -> Iterator[tuple[str, bool]]:
    """Yield the endpoint of each form on a page, and whether it creates once."""
    with app.app_context():
        for rule in app.url_map.iter_rules():
            if "POST" in (rule.methods or ()) and scheme_of(rule.endpoint) is SESSION:
                yield rule.endpoint, bool(getattr(app.view_functions[rule.endpoint], "creates_once", False))


def copy_of(visitor: Visitor) -> Visitor:
    """Return another browser with a copy of the session cookie: what a browser sends while it waits for an answer."""
    copy = Visitor(visitor.client.application.test_client())
    cookie = visitor.client.get_cookie("signalbox_session")
    assert cookie is not None
    copy.client.set_cookie("signalbox_session", cookie.value)
    return copy


def test_every_form_creates_once_or_is_known_to_create_nothing(app: Flask) -> None:
    endpoints = dict(creating_views(app))

    assert {name for name, is_once in endpoints.items() if not is_once} == NOT_CREATING


@pytest.mark.parametrize("form", FORMS)
def test_form_sent_twice_creates_one_and_leads_there_twice(
    people: People,
    page: Page,
    form: Creating,
    count: Callable[[type[Any]], int],
    with_settings: Callable[[dict[str, Any]], None],
) -> None:
    with_settings(form.settings)
    visitor = people.anybody() if form.is_public else people.bob.visitor
    hidden = hidden_fields(page, form.opened_at, form.path, visitor)
    clicked_twice = copy_of(visitor)
    before = count(form.model)

    first = send(visitor, form.path, form.typed, hidden)
    second = send(clicked_twice, form.path, form.typed, hidden)

    assert first.status_code == second.status_code == 303, first.get_data(as_text=True)
    assert first.location == second.location
    assert count(form.model) == before + 1
    assert page.get(second.location, clicked_twice).status == 200


@pytest.mark.postgresql
@pytest.mark.parametrize("form", FORMS)
def test_form_sent_twice_at_once_creates_one(
    people: People,
    page: Page,
    form: Creating,
    count: Callable[[type[Any]], int],
    with_settings: Callable[[dict[str, Any]], None],
) -> None:
    with_settings(form.settings)
    visitor = people.anybody() if form.is_public else people.bob.visitor
    hidden = hidden_fields(page, form.opened_at, form.path, visitor)
    before = count(form.model)
    start, answers = threading.Barrier(2), list[TestResponse]()

    def click(browser: Visitor) -> None:
        start.wait()
        answers.append(send(browser, form.path, form.typed, hidden))

    clicks = [threading.Thread(target=click, args=(copy_of(visitor),)) for _ in range(2)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()

    # On a machine so busy that the first takes seconds, the second says that it runs.
    assert sorted(answer.status_code for answer in answers) in ([303, 303], [303, 409])
    assert len({answer.location for answer in answers if answer.status_code == 303}) == 1
    assert count(form.model) == before + 1


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
