"""Mails reach the mail server in spite of crashes and outages: stored with their cause, leased, retried."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import Message
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.services import sign_in_links, users
from app.db import leases
from app.extensions import db
from app.jobs.periodic import enqueue_periodic
from app.lib import clock
from app.outbox import services as outbox
from app.outbox.models import OutgoingMail
from app.outbox.rules import wait_before_retry_s
from tests.outbox.smtp_server import SmtpServer
from tests.people import People
from tests.waiting_jobs import run_waiting_jobs, waiting_mails
from tests.webhooks.dispatch.programs import Worker, running, wait_until_dead
from tests.webhooks.dispatch.scene import wait_until

ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture
def mail_server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpServer]:
    """Yield the mail server of the app."""
    with SmtpServer() as server:
        changed = app.config["SETTINGS"].model_copy(update={"smtp_url": server.url})
        monkeypatch.setitem(app.config, "SETTINGS", changed)
        yield server


def request_reset(app: Flask, *addresses: str) -> None:
    with app.app_context():
        for address in addresses:
            users.request_password_reset(address)
        db.session.remove()


def send(app: Flask) -> int:
    with app.app_context():
        return outbox.send_due()


def rows(app: Flask) -> list[OutgoingMail]:
    with app.app_context(), Session(db.engine, expire_on_commit=False) as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))


def make_due(app: Flask) -> None:
    """Make retries due and leases end."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(
            update(OutgoingMail)
            .where(OutgoingMail.due_at.is_not(None))
            .values(due_at=leases.due_in(connection, -1.0))
        )


def test_a_mail_is_stored_with_the_act_or_not_at_all(app: Flask) -> None:
    with app.app_context():
        outbox.add_mail(db.session(), "accounts.password_reset", "usr_1")
        db.session.rollback()
        db.session.remove()

    assert rows(app) == []


def test_a_mail_of_no_declared_kind_is_refused(app: Flask) -> None:
    with app.app_context(), pytest.raises(KeyError):
        outbox.add_mail(db.session(), "accounts.no_such_mail")


def test_what_the_mail_server_took_is_gone_from_the_outbox(
    app: Flask, people: People, mail_server: SmtpServer
) -> None:
    request_reset(app, ALICE, BOB)

    assert send(app) == 2
    assert mail_server.recipients == [ALICE, BOB]
    assert rows(app) == []
    assert send(app) == 0


def test_a_mail_that_was_taken_is_not_sent_again_for_what_the_server_says_at_the_end(
    app: Flask, people: People, mail_server: SmtpServer
) -> None:
    mail_server.goodbye = "421 Timeout, closing the connection"
    request_reset(app, ALICE)

    assert send(app) == 1
    assert rows(app) == []
    assert mail_server.recipients == [ALICE]


def test_a_mail_of_another_release_waits_for_it_and_holds_up_no_other(
    app: Flask, people: People, mail_server: SmtpServer, advance_clock: Callable[[float], None]
) -> None:
    with app.app_context():
        outbox.add_mail(db.session(), "accounts.password_reset", "usr_1")
        db.session.commit()
        with db.engine.begin() as connection:
            connection.execute(update(OutgoingMail).values(kind="accounts.of_the_next_release"))
    request_reset(app, BOB)

    assert send(app) == 1
    assert mail_server.recipients == [BOB]
    (waiting,) = rows(app)
    assert waiting.lease is None
    assert waiting.due_at is not None
    assert "accounts.of_the_next_release" in (waiting.last_error or "")

    advance_clock(outbox.FAILED_KEPT.total_seconds())
    make_due(app)
    send(app)
    (given_up,) = rows(app)
    assert given_up.failed_at is not None


def test_a_mail_that_cannot_even_be_tried_says_why_and_waits_longer_each_time(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = app.config["SETTINGS"].model_copy(update={"smtp_url": "smpt://mail.example.com"})
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    request_reset(app, ALICE, BOB)

    assert send(app) == 0
    assert [(row.attempt_count, row.lease) for row in rows(app)] == [(1, None)] * 2
    assert all("must start with smtp://" in (row.last_error or "") for row in rows(app))


@pytest.mark.postgresql
def test_a_mail_server_that_is_away_is_waited_for_once_not_for_every_mail(
    app: Flask, people: People, mail_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        away = app.config["SETTINGS"].model_copy(update={"smtp_url": "smtp://127.0.0.1:1"})
        patch.setitem(app.config, "SETTINGS", away)
        request_reset(app, ALICE, BOB, ALICE)
        assert send(app) == 0
        assert sorted(row.attempt_count for row in rows(app)) == [0, 0, 1]
        assert send(app) == 0
    assert sorted(row.attempt_count for row in rows(app)) == [0, 0, 1], "the others wait a while, too"
    assert all(row.lease is None for row in rows(app))

    make_due(app)
    assert send(app) == 3
    assert mail_server.recipients == [ALICE, ALICE, BOB]


def test_a_mail_survives_a_redis_that_forgets_everything(
    app: Flask, people: People, mail_server: SmtpServer, redis_url: str
) -> None:
    request_reset(app, ALICE)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()

    with app.app_context():
        enqueue_periodic()
    run_waiting_jobs(app)

    assert mail_server.recipients == [ALICE]


@pytest.mark.postgresql
def test_a_mail_is_sent_once_by_several_senders(app: Flask, people: People, mail_server: SmtpServer) -> None:
    request_reset(app, *[ALICE, BOB] * 10)

    threads = [threading.Thread(target=send, args=(app,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert mail_server.recipients == [ALICE] * 10 + [BOB] * 10
    assert rows(app) == []


@pytest.mark.postgresql
def test_a_mail_that_is_not_taken_is_tried_again_and_holds_up_no_other(
    app: Flask, people: People, mail_server: SmtpServer
) -> None:
    mail_server.answer = lambda mail: "451 Try again later" if mail["To"] == ALICE else "250 OK"
    request_reset(app, ALICE, BOB)

    assert send(app) == 1
    (waiting,) = rows(app)
    assert (waiting.attempt_count, waiting.lease, waiting.failed_at) == (1, None, None)
    assert "Try again later" in (waiting.last_error or "")
    assert waiting.due_at is not None
    assert timedelta(0) < waiting.due_at - clock.now() <= timedelta(seconds=30)

    mail_server.answer = lambda _mail: "250 OK"
    make_due(app)
    assert send(app) == 1
    first, again = (mail for mail in mail_server.mails if mail["To"] == ALICE)
    assert first["Message-ID"] == again["Message-ID"]
    assert rows(app) == []


def test_waits_grow_to_an_hour() -> None:
    assert [wait_before_retry_s(attempts) for attempts in (1, 2, 3, 4, 5, 6, 1000)] == [
        30,
        120,
        480,
        1920,
        3600,
        3600,
        3600,
    ]


def test_a_mail_that_nobody_waits_for_any_more_is_given_up_and_kept_for_a_week(
    app: Flask, people: People, mail_server: SmtpServer, advance_clock: Callable[[float], None]
) -> None:
    mail_server.answer = lambda _mail: "550 No such mailbox"
    request_reset(app, ALICE)
    for _ in range(5):
        send(app)
        make_due(app)
        advance_clock(800)

    (failed,) = rows(app)
    assert failed.failed_at is not None
    assert failed.due_at is None
    assert "No such mailbox" in (failed.last_error or "")
    attempts = len(mail_server.mails)
    assert send(app) == 0
    assert len(mail_server.mails) == attempts

    with app.app_context():
        outbox.trim()
        assert len(rows(app)) == 1
        advance_clock(outbox.FAILED_KEPT.total_seconds())
        outbox.trim()
    assert rows(app) == []


def test_a_mail_that_no_worker_sent_in_time_is_given_up(
    app: Flask, people: People, mail_server: SmtpServer, advance_clock: Callable[[float], None]
) -> None:
    request_reset(app, ALICE)
    advance_clock(3601)

    assert send(app) == 0
    assert mail_server.mails == []
    assert [row.last_error for row in rows(app)] == ["It could not be sent in time."]


def test_a_sender_that_took_too_long_leaves_the_mail_to_who_has_it_now(
    app: Flask, people: People, mail_server: SmtpServer
) -> None:
    def take_over(_mail: Message) -> str:
        make_due(app)
        with app.app_context(), db.engine.begin() as connection:
            leases.claim(connection, OutgoingMail, limit=1, lease_s=1000)
        return "250 OK"

    mail_server.answer = take_over
    request_reset(app, ALICE)
    send(app)

    (row,) = rows(app)
    assert row.lease is not None, "it is with the other one"


@pytest.mark.postgresql
def test_a_mail_whose_sender_is_killed_is_sent_by_the_next_one(
    app: Flask, people: People, tmp_path: Path
) -> None:
    is_stuck = threading.Event()
    ends = threading.Event()

    def hang(_mail: Message) -> str:
        is_stuck.set()
        ends.wait(60)
        return "421 Bye"

    with SmtpServer(hang) as server:
        worker = Worker(app.config["SETTINGS"], tmp_path, worker_queues="mail", smtp_url=server.url)
        with running(worker):
            with app.app_context():
                sign_in_links.request_link(ALICE)
                db.session.remove()
            assert is_stuck.wait(100)
            (claimed,) = rows(app)
            assert claimed.lease is not None
            family = worker.family()
            worker.kill()
            wait_until_dead(family)

            assert waiting_mails(app) == ["accounts.sign_in_link"]
            server.answer = lambda _mail: "250 OK"
            make_due(app)
            worker.start()
            wait_until(lambda: rows(app) == [])
            ends.set()
    assert [mail["To"] for mail in server.mails] == [ALICE, ALICE]
    assert len({mail["Message-ID"] for mail in server.mails}) == 1
