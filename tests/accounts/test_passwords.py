"""Forgotten and changed passwords, changed names."""

import re
import time

import pytest
from flask import Flask
from redis import Redis
from werkzeug.test import TestResponse

from app.accounts.models import User
from app.accounts.services import users
from app.accounts.tokens import reset_token
from app.extensions import REDIS, db
from app.lib.timed_signer import TimedSigner
from tests import slots
from tests.page import Page
from tests.people import PASSWORD, People, Visitor
from tests.waiting_jobs import run_waiting_jobs, waiting_mails

NEW = "seven brown herons"


@pytest.fixture
def reset_path(app: Flask, people: People) -> str:
    with app.app_context():
        return "/reset-password/" + reset_token(db.session.get_one(User, people.alice.id))


def ask(visitor: Visitor, email: str) -> TestResponse:
    return visitor.post("/forgot-password", {"email": email}, follow_redirects=True)


def test_answer_is_the_same_whether_the_address_has_an_account(
    app: Flask, people: People, page: Page, visitor: Visitor
) -> None:
    known = page.read(ask(visitor, "alice@example.com"))
    unknown = page.read(ask(visitor, "nobodyxx@example.com"))

    assert known.status == unknown.status == 200
    assert known.text().replace("alice@", "nobodyxx@") == unknown.text()
    assert waiting_mails(app) == ["accounts.password_reset"] * 2, "both cause the same work"


def test_mail_carries_a_link_that_works(
    app: Flask, people: People, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    with app.app_context():
        users.request_password_reset("alice@example.com")
    run_waiting_jobs(app)

    printed = capsys.readouterr().out
    link = re.search(r"http\S+/reset-password/(\S+)", printed)
    assert link, printed
    assert "alice@example.com" in printed
    page.get(f"/reset-password/{link[1]}")


def test_an_address_without_an_account_gets_no_mail(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    with app.app_context():
        users.request_password_reset("nobody@example.com")
    run_waiting_jobs(app)

    assert capsys.readouterr().out == ""
    assert waiting_mails(app) == []


def test_reset_signs_in_and_ends_other_sessions(people: People, visitor: Visitor, reset_path: str) -> None:
    assert people.alice.get("/account").status_code == 200

    assert visitor.post(reset_path, {"password": NEW}).status_code == 303

    assert visitor.get("/account").status_code == 200
    assert people.alice.get("/account").status_code == 303
    assert people.anybody().sign_in("alice@example.com", PASSWORD).status_code == 422
    assert people.anybody().sign_in("alice@example.com", NEW).status_code == 303


def test_reset_link_works_once(people: People, page: Page, visitor: Visitor, reset_path: str) -> None:
    visitor.post(reset_path, {"password": NEW})

    assert page.get(reset_path, status=404).has_text("This link does not work any more")
    assert visitor.post(reset_path, {"password": "another fine one"}).status_code == 404
    assert people.anybody().sign_in("alice@example.com", NEW).status_code == 303


def test_reset_link_ends_after_an_hour(
    app: Flask, people: People, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = int(time.time()) - 3700
    with monkeypatch.context() as past, app.app_context():
        past.setattr(TimedSigner, "get_timestamp", lambda _self: long_ago)
        token = reset_token(db.session.get_one(User, people.alice.id))

    assert visitor.get(f"/reset-password/{token}").status_code == 404
    assert visitor.post(f"/reset-password/{token}", {"password": NEW}).status_code == 404


def test_weak_new_password_is_refused(people: People, page: Page, visitor: Visitor, reset_path: str) -> None:
    answer = page.read(visitor.post(reset_path, {"password": "short"}))

    assert answer.status == 422
    assert "at least 10 characters" in answer.error_of("password")


def test_nobody_can_fill_a_mailbox(app: Flask, people: People, page: Page, visitor: Visitor) -> None:
    for _ in range(5):
        visitor.post("/forgot-password", {"email": "alice@example.com"})

    refused = visitor.post("/forgot-password", {"email": "alice@example.com"})

    assert refused.status_code == 429
    assert "Retry-After" in refused.headers
    assert len(waiting_mails(app)) == 5


def test_without_redis_the_mail_waits_in_the_database(
    app: Flask, people: People, page: Page, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = Redis.from_url("redis://127.0.0.1:1/0")
    slots.put(monkeypatch, app, REDIS, unreachable)

    answer = page.read(ask(visitor, "alice@example.com"))

    assert answer.status == 200
    assert waiting_mails(app) == ["accounts.password_reset"]


def test_change_of_password_keeps_this_session_only(people: People) -> None:
    other = people.alice.new_visitor()

    answer = people.alice.post(
        "/account/password", {"password-current_password": PASSWORD, "password-new_password": NEW}
    )

    assert answer.status_code == 303
    assert people.alice.get("/account").status_code == 200
    assert other.get("/account").status_code == 303


def test_change_of_password_needs_the_current_one(people: People, page: Page) -> None:
    answer = page.read(
        people.alice.post(
            "/account/password", {"password-current_password": "wrong one", "password-new_password": NEW}
        )
    )

    assert answer.status == 422
    assert answer.error_of("password-current_password") == "This is not your password."


def test_stolen_session_cannot_guess_the_password(people: People) -> None:
    for _ in range(10):
        people.alice.post(
            "/account/password", {"password-current_password": "wrong one", "password-new_password": NEW}
        )

    answer = people.alice.post(
        "/account/password", {"password-current_password": PASSWORD, "password-new_password": NEW}
    )

    assert answer.status_code == 429


def test_change_of_name(people: People, page: Page) -> None:
    assert people.alice.post("/account/name", {"name-name": " Alice  the\tGreat "}).status_code == 303

    assert page.get("/account", people.alice).has_text("Alice the Great")
