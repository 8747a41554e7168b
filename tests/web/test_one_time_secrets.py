"""Secrets that pages show once: a copy of the cookie, a reload and another user get nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from redis import Redis
from werkzeug.test import TestResponse

from app.extensions import REDIS
from app.web.one_time_secrets import KEPT_S
from tests import slots
from tests.page import Page
from tests.people import People, Visitor

NAMES = "signalbox:once:*"


@dataclass(frozen=True)
class Making:
    """A form that makes a secret, the id of what shows it, and what its page says when it is shown no more."""

    path: str
    form: dict[str, object]
    shown_in: str
    said_afterwards: str
    form_id: str = ""


KEY = Making(
    "/t/acme/api-keys/new",
    {
        "name": "orders",
        "kind": "test",
        "scopes": ["events:write"],
        "expiry": "30",
        "per_hour": "1000",
        "per_day": "10000",
    },
    "api-key",
    "If it is lost, regenerate the key.",
    "key-form",
)
WEBHOOK = Making(
    "/t/acme/webhooks/new",
    {
        "name": "Order desk",
        "url": "https://orders.example.com/hooks",
        "event_types": ["post.*"],
        "headers": "",
        "max_retries": "3",
        "first_retry_s": "10",
        "retry_multiplier": "2",
        "timeout_s": "15",
    },
    "secret",
    "If it is lost, create the webhook again and delete this one.",
    "webhook-form",
)
INVITATION = Making(
    "/t/acme/invitations/new",
    {"role": "viewer", "email": ""},
    "invitation-link",
    "If the link is lost, revoke this invitation and create another one.",
)
MAKINGS = [
    pytest.param(KEY, id="API key"),
    pytest.param(WEBHOOK, id="webhook"),
    pytest.param(INVITATION, id="invitation"),
]


@pytest.fixture
def redis_away(app: Flask) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a function that makes Redis unavailable within a `monkeypatch.context()`."""

    def take_away(patch: pytest.MonkeyPatch) -> None:
        slots.put(patch, app, REDIS, Redis.from_url("redis://127.0.0.1:1/0", retry=None))

    return take_away


def make(visitor: Visitor, making: Making) -> str:
    """Send the form; return the path of the page that shows the secret."""
    answer = visitor.post(making.path, making.form)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.location)


def copy_of(visitor: Visitor) -> Visitor:
    """Return another browser with a copy of the session cookie."""
    copy = Visitor(visitor.client.application.test_client())
    cookie = visitor.client.get_cookie("signalbox_session")
    assert cookie is not None
    copy.client.set_cookie("signalbox_session", cookie.value)
    return copy


def shows(answer: TestResponse, making: Making) -> bool:
    assert answer.status_code == 200
    return f'id="{making.shown_in}"' in answer.get_data(as_text=True)


@pytest.mark.parametrize("making", MAKINGS)
def test_copied_cookie_shows_nothing_again(people: People, page: Page, making: Making) -> None:
    path = make(people.bob.visitor, making)
    copies = [copy_of(people.bob.visitor) for _ in range(2)]

    first = page.get(path, people.bob)

    assert first.by_id(making.shown_in).get("value")
    assert "no-store" in first.headers["Cache-Control"]
    for browser in (*copies, people.bob.visitor):
        again = page.get(path, browser)
        assert first.by_id(making.shown_in).get("value", "") not in again.html
        assert again.has_text(making.said_afterwards)


@pytest.mark.parametrize("making", MAKINGS)
def test_without_redis_the_answer_to_the_form_shows_it(
    people: People,
    page: Page,
    making: Making,
    redis_away: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert people.bob.get("/teams").status_code == 200, "signed in before Redis goes away"
    with monkeypatch.context() as patch:
        redis_away(patch)
        answer = people.bob.post(making.path, making.form)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert page.read(answer).by_id(making.shown_in).get("value")


@pytest.mark.parametrize("making", [KEY, WEBHOOK])
def test_without_redis_htmx_shows_that_page_instead_of_the_form(
    people: People,
    making: Making,
    redis_away: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert people.bob.get("/teams").status_code == 200
    with monkeypatch.context() as patch:
        redis_away(patch)
        answer = people.bob.post(making.path, making.form, fragment=making.form_id)

    assert shows(answer, making)
    assert answer.headers["HX-Retarget"] == "body"
    assert people.bob.get(answer.headers["HX-Push-Url"]).status_code == 200


@pytest.mark.parametrize("making", MAKINGS)
def test_what_waits_while_redis_is_away_is_shown_when_it_is_back(
    people: People,
    page: Page,
    making: Making,
    redis_away: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make(people.bob.visitor, making)
    with monkeypatch.context() as patch:
        redis_away(patch)
        delayed = page.get(path, people.bob)

    assert delayed.has_text("Reload this page in a moment.")
    assert shows(people.bob.get(path), making)


def test_it_waits_sealed_and_not_for_long(people: People, page: Page, redis_url: str) -> None:
    path = make(people.bob.visitor, KEY)
    with people.bob.visitor.client.session_transaction() as session:
        in_cookie = str(dict(session))
    with Redis.from_url(redis_url) as redis:
        names = list(redis.scan_iter(NAMES))
        assert len(names) == 1
        in_redis = str(redis.get(names[0]))
        seconds_left = redis.ttl(names[0])

    secret = page.get(path, people.bob).by_id("api-key").get("value", "").split("_")[3]

    assert secret not in in_cookie
    assert secret not in in_redis
    assert 0 < seconds_left <= KEPT_S
    with Redis.from_url(redis_url) as redis:
        assert not list(redis.scan_iter(NAMES))


def test_other_users_and_other_objects_get_nothing(people: People, page: Page) -> None:
    path = make(people.bob.visitor, KEY)
    other = make(people.alice.visitor, KEY)
    with people.bob.visitor.client.session_transaction() as session:
        about_id, token = session["shown_once"]
    with people.alice.visitor.client.session_transaction() as session:
        session["shown_once"] = [about_id, token]

    assert not shows(people.alice.get(path), KEY)
    with people.alice.visitor.client.session_transaction() as session:
        session["shown_once"] = [other.rpartition("/")[2], token]
    assert not shows(people.alice.get(other), KEY)
    assert shows(people.bob.get(path), KEY), "and nobody took it from whom it belongs to"


def test_asking_for_the_headers_only_takes_nothing(people: People) -> None:
    path = make(people.bob.visitor, KEY)

    assert people.bob.visitor.client.head(path).status_code == 200

    assert shows(people.bob.get(path), KEY)


def test_secret_of_another_browser_is_not_taken(people: People) -> None:
    path = make(people.bob.visitor, KEY)

    assert not shows(people.bob.new_visitor().get(path), KEY)
    assert shows(people.bob.get(path), KEY)
