"""Changing the address to sign in with: confirmed at the new one, notified at the old one."""

import re

import pytest
from flask import Flask
from redis import Redis

from app.accounts.models import User
from app.accounts.services import email_change, users
from app.accounts.tokens import email_token, reset_token
from app.extensions import REDIS, db
from app.lib.errors import NotFound
from tests import slots
from tests.page import Page
from tests.people import PASSWORD, People, Visitor
from tests.waiting_jobs import run_waiting_jobs, waiting_mails


def ask(people: People, email: str = "al@example.com", password: str = PASSWORD) -> object:
    return people.alice.post("/account/email", {"email-email": email, "email-current_password": password})


@pytest.fixture
def link(app: Flask, people: People, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the path of the link that was mailed to Alice's new address."""
    ask(people)
    run_waiting_jobs(app)
    printed = capsys.readouterr().out
    assert "Mail to al@example.com" in printed
    found = re.search(r"http://[^/]+(/account/email/\S+)", printed)
    assert found, printed
    return found[1]


def test_address_changes_once_the_link_is_used(
    people: People, page: Page, link: str, visitor: Visitor
) -> None:
    assert page.get("/account", people.alice).has_text("Waiting for you to confirm al@example.com")
    assert people.anybody().sign_in("alice@example.com").status_code == 303, "not yet"

    shown = page.get(link)
    answer = visitor.post(link)

    assert shown.has_text("You sign in with al@example.com instead of alice@example.com once you confirm.")
    assert answer.location == "/account"
    assert people.anybody().sign_in("al@example.com").status_code == 303
    assert people.anybody().sign_in("alice@example.com").status_code == 422
    assert page.get(link, status=404).has_text("This link does not work any more")
    assert visitor.post(link).status_code == 404


def test_old_address_gets_a_notice(app: Flask, people: People, capsys: pytest.CaptureFixture[str]) -> None:
    ask(people)
    run_waiting_jobs(app)

    printed = capsys.readouterr().out
    assert "Mail to alice@example.com" in printed
    assert "to al@example.com" in printed


def test_both_mails_are_stored_with_the_change(app: Flask, people: People) -> None:
    ask(people)

    assert waiting_mails(app) == ["accounts.email_notice", "accounts.email_confirmation"]


@pytest.mark.parametrize("way", ["cancel", "password"])
def test_link_ends_when_the_change_is_cancelled(
    people: People, link: str, visitor: Visitor, way: str
) -> None:
    if way == "cancel":
        assert people.alice.post("/account/email/cancel").status_code == 303
    else:
        people.alice.post(
            "/account/password",
            {"password-current_password": PASSWORD, "password-new_password": "seven brown herons"},
        )

    assert visitor.get(link).status_code == 404
    assert visitor.post(link).status_code == 404


def test_only_the_newest_link_counts(people: People, link: str, visitor: Visitor) -> None:
    ask(people, "ally@example.com")

    assert visitor.post(link).status_code == 404


def test_address_taken_meanwhile_stays_with_its_account(
    app: Flask, people: People, link: str, visitor: Visitor
) -> None:
    with app.app_context():
        db.session.get_one(User, people.bob.id).email = "al@example.com"
        db.session.commit()

    assert visitor.post(link).status_code == 409
    assert people.anybody().sign_in("alice@example.com").status_code == 303


def test_change_ends_reset_links_to_the_old_address(
    app: Flask, people: People, link: str, visitor: Visitor
) -> None:
    with app.app_context():
        reset_path = "/reset-password/" + reset_token(db.session.get_one(User, people.alice.id))
        db.session.remove()

    visitor.post(link)

    assert visitor.get(reset_path).status_code == 404


def test_wrong_requests_are_refused(people: People, page: Page) -> None:
    taken, wrong, same = (
        page.read(ask(people, *arguments))
        for arguments in (
            ("bob@example.com",),
            ("al@example.com", "wrong one"),
            ("Alice@Example.com",),
        )
    )

    assert "There is an account" in taken.error_of("email-email")
    assert "not your password" in wrong.error_of("email-current_password")
    assert "the address you have" in same.error_of("email-email")


def test_without_redis_both_mails_wait_in_the_database(
    app: Flask, people: People, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.alice.get("/account")
    with monkeypatch.context() as without:
        slots.put(without, app, REDIS, Redis.from_url("redis://127.0.0.1:1/0"))
        ask(people)

    assert page.get("/account", people.alice).has_text("Waiting for you")
    assert len(waiting_mails(app)) == 2


def test_change_that_a_new_password_stops_at_the_last_moment_is_not_confirmed(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads that an address counts from now on signs in with it."""
    find_change = email_change.find_change
    with app.app_context():
        user = db.session.get_one(User, people.alice.id)
        user.new_email = "alice@new.example"
        token = email_token(user)
        db.session.commit()

        def find_and_change_password(token: str) -> User | None:
            found = find_change(token)
            users.change_password(people.alice.id, current=PASSWORD, new="four quiet otters")
            return found

        monkeypatch.setattr(email_change, "find_change", find_and_change_password)
        with pytest.raises(NotFound):
            email_change.confirm_change(token)

        assert db.session.get_one(User, people.alice.id).email == "alice@example.com"
