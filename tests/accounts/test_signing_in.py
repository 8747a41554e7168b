"""Signing in and out, and what protects it."""

import time

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select

from app.accounts.models import User
from app.accounts.services import users as services
from app.extensions import db
from app.lib.passwords import hash_secret
from tests.page import Page
from tests.people import PASSWORD, People, Visitor


def test_anonymous_is_sent_to_sign_in_and_back(people: People, visitor: Visitor) -> None:
    asked = visitor.get("/t/acme/members?x=1")
    assert (asked.status_code, asked.location) == (303, "/sign-in?next=/t/acme/members?x%3D1")

    signed_in = visitor.post(asked.location, {"email": "ALICE@example.com ", "password": PASSWORD})

    assert (signed_in.status_code, signed_in.location) == (303, "/t/acme/members?x=1")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\\/evil.example",
        "javascript:alert(1)",
    ],
)
def test_next_leads_nowhere_else(people: People, visitor: Visitor, target: str) -> None:
    answer = visitor.client.post(
        "/sign-in",
        query_string={"next": target},
        data={"csrf_token": visitor.csrf_token(), "email": "alice@example.com", "password": PASSWORD},
    )

    assert answer.location == "/"


def test_wrong_password_and_unknown_address_read_the_same(
    people: People, page: Page, visitor: Visitor
) -> None:
    wrong = page.read(visitor.sign_in("alice@example.com", "wrong password"))
    unknown = page.read(visitor.sign_in("nobody@example.com", "wrong password"))

    assert wrong.status == unknown.status == 422
    assert wrong.text().replace("alice", "nobody") == unknown.text()
    assert wrong.has_text("Email address or password is wrong.")
    assert wrong.by_id("password").get("value", "") == ""


def test_unknown_address_takes_as_long_as_a_wrong_password(
    app: Flask, people: People, costly_bcrypt: None
) -> None:
    def seconds(email: str) -> float:
        """Return the least processor time of three tries: others on the machine do not count."""
        spent_s = []
        for _ in range(3):
            begun_s = time.thread_time()
            assert services.authenticate(email, "wrong password") is None
            spent_s.append(time.thread_time() - begun_s)
        return min(spent_s)

    with app.app_context():
        alice = db.session.scalars(select(User).where(User.email == "alice@example.com")).one()
        alice.password_hash = hash_secret("some password")
        db.session.commit()
        known, unknown = seconds("alice@example.com"), seconds("nobody@example.com")

    assert 0.5 < known / unknown < 2


def test_session_starts_fresh(people: People, visitor: Visitor) -> None:
    visitor.get("/forgot-password")
    with visitor.client.session_transaction() as session:
        session["planted"] = "by somebody else"
        token_before = session["csrf_token"]

    visitor.sign_in("alice@example.com")

    with visitor.client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != token_before
        assert session.permanent


def test_sign_out_ends_the_session(people: People) -> None:
    assert people.alice.post("/sign-out").location == "/sign-in"

    assert people.alice.get("/account").status_code == 303


def test_eleventh_try_waits(people: People, page: Page, visitor: Visitor) -> None:
    for _ in range(10):
        assert visitor.sign_in("alice@example.com", "wrong password").status_code == 422

    refused = visitor.sign_in("alice@example.com")

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert page.read(refused).has_text("Too many tries. Try again in")
    assert people.anybody().sign_in("bob@example.com").status_code == 303, "others are not locked out"


def test_success_clears_the_tries_before(people: People, visitor: Visitor) -> None:
    for _ in range(2):
        for _ in range(8):
            visitor.sign_in("alice@example.com", "wrong password")
        assert people.anybody().sign_in("alice@example.com").status_code == 303


def test_no_address_is_stored_in_redis(people: People, visitor: Visitor, redis_url: str) -> None:
    visitor.sign_in("alice@example.com", "wrong password")

    with Redis.from_url(redis_url) as redis:
        keys = b" ".join(redis.keys("*"))
    assert keys
    assert b"alice" not in keys


def test_session_of_a_deleted_user_is_invalid(app: Flask, people: People) -> None:
    assert people.vic.get("/account").status_code == 200

    with app.app_context():
        db.session.delete(db.session.get_one(User, people.vic.id))
        db.session.commit()

    assert people.vic.get("/account").status_code == 303


def test_start_page_leads_to_the_team_seen_last(people: People, app: Flask) -> None:
    alice = people.alice
    assert alice.get("/").location == "/t/acme/"
    alice.post("/teams/new", {"name": "Second"})

    assert alice.get("/").location == "/t/second/"
    assert alice.get("/t/acme/members").status_code == 200
    assert alice.get("/").location == "/t/acme/"
    alice.post("/sign-out")
    assert alice.new_visitor().get("/").location == "/t/acme/"


def test_htmx_of_an_ended_session_leaves_the_page(visitor: Visitor, people: People) -> None:
    answer = visitor.get("/t/acme/members", fragment="rows")

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")
