"""Where people are signed in, and how that ends."""

import time
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, update

from app.accounts import jobs, user_agents
from app.accounts.models import UserSession
from app.accounts.services import sessions as services
from app.audit.models import AuditEntry
from app.extensions import db
from app.lib import clock
from tests.page import Page
from tests.people import PASSWORD, People, Person, Visitor
from tests.waiting_jobs import run_waiting_jobs

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
COOKIE = "signalbox_session"


def copy_of(app: Flask, visitor: Visitor) -> FlaskClient:
    """Return a second browser with a copy of this one's cookie."""
    cookie = visitor.client.get_cookie(COOKIE)
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie(COOKIE, cookie.value)
    return thief


def session_ids(app: Flask, person: Person) -> list[str]:
    with app.app_context():
        rows = db.session.scalars(
            select(UserSession.id)
            .where(UserSession.user_id == person.id, UserSession.ended_at.is_(None))
            .order_by(UserSession.id)
        ).all()
        db.session.remove()
        return list(rows)


def test_copied_cookie_is_invalid_after_sign_out(app: Flask, people: People) -> None:
    thief = copy_of(app, people.alice.visitor)
    assert thief.get("/account").status_code == 200

    people.alice.post("/sign-out")

    assert thief.get("/account").status_code == 303


def test_page_lists_devices_in_words(app: Flask, people: People, page: Page) -> None:
    people.alice.get("/account")
    other = people.anybody()
    other.sign_in("alice@example.com", headers={"User-Agent": FIREFOX})

    shown = page.get("/account/sessions", people.alice)

    assert shown.has_text("Firefox on Windows")
    assert shown.text().count("This device") == 1
    assert shown.has_text("127.0.0.1")
    assert page.get("/account", people.alice).has_text("on 2 devices")


def test_one_session_is_ended_after_a_confirmation(app: Flask, people: People, page: Page) -> None:
    people.alice.get("/account")
    other = people.anybody()
    other.sign_in("alice@example.com", headers={"User-Agent": FIREFOX})
    other_id = session_ids(app, people.alice)[-1]

    asked = page.get(f"/account/sessions/{other_id}/end", people.alice)
    page.fragment(f"/account/sessions/{other_id}/end", "end-session", people.alice)
    answer = people.alice.post(f"/account/sessions/{other_id}/end")

    assert asked.has_text("End the session of Firefox on Windows?")
    assert answer.location == "/account/sessions"
    assert other.get("/account").status_code == 303
    assert people.alice.get("/account").status_code == 200
    assert people.alice.post(f"/account/sessions/{other_id}/end").status_code == 404


def test_nobody_ends_the_session_of_somebody_else(app: Flask, people: People) -> None:
    people.alice.get("/account")
    alices = session_ids(app, people.alice)[0]

    assert people.bob.get(f"/account/sessions/{alices}/end").status_code == 404
    assert people.bob.post(f"/account/sessions/{alices}/end").status_code == 404
    assert people.alice.get("/account").status_code == 200


def test_own_session_is_ended_like_a_sign_out(app: Flask, people: People) -> None:
    people.alice.get("/account")
    own = session_ids(app, people.alice)[0]

    assert people.alice.post(f"/account/sessions/{own}/end").location == "/sign-in"
    assert people.alice.get("/account").status_code == 303


def test_sign_out_everywhere_else(app: Flask, people: People) -> None:
    other = people.alice.new_visitor()
    thief = copy_of(app, people.alice.visitor)

    people.alice.post("/account/end-sessions")

    assert people.alice.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert thief.get("/account").status_code == 303, "a copy of the cookie that goes on is invalid too"
    assert len(session_ids(app, people.alice)) == 1


def test_sign_out_everywhere(app: Flask, people: People, page: Page) -> None:
    other = people.alice.new_visitor()
    assert page.get("/account/sessions/end-all", people.alice).has_text("Sign out everywhere?")

    assert people.alice.post("/account/sessions/end-all").location == "/sign-in"

    assert people.alice.get("/account").status_code == 303
    assert other.get("/account").status_code == 303
    assert session_ids(app, people.alice) == []
    assert people.anybody().sign_in("alice@example.com").status_code == 303


def test_change_of_password_ends_all_but_this_one(app: Flask, people: People) -> None:
    other = people.alice.new_visitor()
    thief = copy_of(app, people.alice.visitor)

    people.alice.post(
        "/account/password",
        {"password-current_password": PASSWORD, "password-new_password": "seven brown herons"},
    )

    assert people.alice.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert thief.get("/account").status_code == 303
    assert len(session_ids(app, people.alice)) == 1


def test_signing_in_again_ends_the_session_before(app: Flask, people: People) -> None:
    people.alice.get("/account")

    people.alice.visitor.sign_in("alice@example.com")

    assert len(session_ids(app, people.alice)) == 1


def test_being_seen_is_written_once_a_minute(app: Flask, people: People) -> None:
    people.alice.get("/account")
    long_ago = clock.now() - timedelta(minutes=5)
    with app.app_context():
        db.session.execute(update(UserSession).values(last_seen_at=long_ago))
        db.session.commit()
    writes: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE user_sessions"):
            writes.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        people.alice.get("/account")
        people.alice.get("/account")
    finally:
        event.remove(engine, "before_cursor_execute", note)

    with app.app_context():
        seen = db.session.scalar(select(UserSession.last_seen_at))
        db.session.remove()
    assert len(writes) == 1
    assert seen is not None
    assert clock.now() - seen < timedelta(minutes=1)


def test_request_that_writes_does_not_wait_for_itself(app: Flask, people: People) -> None:
    people.alice.get("/account")
    session_id = session_ids(app, people.alice)[0]
    with app.app_context():
        long_ago = clock.now() - timedelta(minutes=5)
        db.session.execute(update(UserSession).values(last_seen_at=long_ago))
        db.session.flush()
        started = time.monotonic()

        services.note_seen(session_id)

        db.session.rollback()
    assert time.monotonic() - started < 10, "SQLite would wait 15 s for its one writer"


def test_finding_the_user_costs_one_statement(app: Flask, people: People) -> None:
    people.alice.get("/account")
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM user_sessions" in statement or "FROM users" in statement:
            statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        people.alice.get("/")
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert len(statements) == 1


def test_job_deletes_expired_sessions(app: Flask, people: People) -> None:
    unused, ended = people.alice.new_visitor(), people.bob.new_visitor()
    ended.post("/sign-out")
    with app.app_context():
        db.session.execute(
            update(UserSession)
            .where(UserSession.user_id == people.alice.id)
            .values(last_seen_at=clock.now() - timedelta(days=15))
        )
        db.session.commit()
    people.mel.get("/account")

    with app.app_context():
        jobs.trim_sessions()
        left = db.session.scalars(select(UserSession.user_id)).all()
        db.session.remove()

    assert left == [people.mel.id]
    assert unused.get("/account").status_code == 303


def test_audit_trail_records_signing_in_and_out(app: Flask, people: People) -> None:
    people.anybody().sign_in("alice@example.com", "wrong password")
    people.anybody().sign_in("nobody@example.com", "wrong password")
    # A worker records it, so that the time does not reveal whether there is an account.
    assert run_waiting_jobs(app) == ["note_failed_sign_in"] * 2
    visitor = people.alice.new_visitor()
    visitor.post("/account/end-sessions")
    visitor.post("/sign-out")

    with app.app_context():
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        told = [(entry.action, entry.actor_kind, entry.team_id, entry.address) for entry in entries]
        db.session.remove()

    assert told == [
        ("user.sign_in_failed", "system", people.acme.id, "127.0.0.1"),
        ("user.signed_in", "user", people.acme.id, "127.0.0.1"),
        ("user.sessions_ended", "user", people.acme.id, "127.0.0.1"),
        ("user.signed_out", "user", people.acme.id, "127.0.0.1"),
    ]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0"
            " Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
            " Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile"
            " Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        ("curl/8.10.1", "curl"),
        ("", "Unknown browser"),
        (None, "Unknown browser"),
    ],
)
def test_user_agent_in_words(header: str | None, words: str) -> None:
    assert user_agents.in_words(header) == words
