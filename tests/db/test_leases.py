"""Leases on rows: claims, their duration, and writes under a lost lease."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection, insert, select, text, update

from app.db import leases
from app.extensions import db
from app.lib import clock
from app.outbox.models import OutgoingMail

pytestmark = pytest.mark.postgresql

LEASE_S = 1000.0
HOUR_S = 3600.0


@contextmanager
def transaction(app: Flask) -> Iterator[Connection]:
    with app.app_context(), db.engine.begin() as connection:
        yield connection


def add(app: Flask, count: int, *, due_in_s: float | None = -1.0) -> list[str]:
    """Add rows; their ids are in the order in which they are due."""
    ids = [f"mail_{number:03}" for number in range(count)]
    with transaction(app) as connection:
        for number, row_id in enumerate(ids):
            due_at = None if due_in_s is None else leases.due_in(connection, due_in_s + number / 1000)
            connection.execute(
                insert(OutgoingMail).values(
                    id=row_id, kind="planted", args=[], attempt_count=0, created_at=clock.now(), due_at=due_at
                )
            )
    return ids


def claim(app: Flask, limit: int = 100, lease_s: float = LEASE_S) -> leases.Claim:
    with transaction(app) as connection:
        return leases.claim(connection, OutgoingMail, limit=limit, lease_s=lease_s)


def row(app: Flask, row_id: str) -> OutgoingMail:
    with app.app_context():
        db.session.remove()
        found = db.session.get_one(OutgoingMail, row_id)
        db.session.expunge_all()
        return found


@pytest.fixture
def end_leases(app: Flask) -> Callable[[], None]:
    """Return a function that lets every lease end: on the clock of both databases."""

    def end() -> None:
        with transaction(app) as connection:
            connection.execute(
                update(OutgoingMail)
                .where(OutgoingMail.lease.is_not(None))
                .values(due_at=leases.due_in(connection, -1.0))
            )

    return end


def test_a_claim_takes_what_is_due_the_longest_due_first(app: Flask) -> None:
    ids = add(app, 3)
    began_s = clock.steady_s()

    claimed = claim(app, limit=2)

    assert claimed.ids == ids[:2]
    assert claimed.ends_at_s >= began_s + LEASE_S
    assert [row(app, row_id).lease for row_id in ids] == [claimed.lease, claimed.lease, None]
    assert claim(app).ids == ids[2:], "what is claimed is nobody else's"


@pytest.mark.parametrize("due_in_s", [None, HOUR_S])
def test_what_is_not_due_is_not_claimed(app: Flask, due_in_s: float | None) -> None:
    add(app, 1, due_in_s=due_in_s)

    assert claim(app).ids == []


def test_a_claim_writes_values_and_heeds_conditions(app: Flask) -> None:
    ids = add(app, 3)

    with transaction(app) as connection:
        claimed = leases.claim(
            connection,
            OutgoingMail,
            limit=9,
            lease_s=LEASE_S,
            where=[OutgoingMail.id != ids[1]],
            attempt_count=OutgoingMail.attempt_count + 1,
        )

    assert claimed.ids == [ids[0], ids[2]]
    assert [row(app, row_id).attempt_count for row_id in ids] == [1, 0, 1]


def test_the_lease_is_dated_by_the_clock_of_the_database(app: Flask, database_kind: str) -> None:
    add(app, 1)
    claimed = claim(app)

    with transaction(app) as connection:
        now = (
            clock.now() if database_kind == "sqlite" else connection.scalar(text("SELECT clock_timestamp()"))
        )
        due_at = connection.scalar(select(OutgoingMail.due_at).where(OutgoingMail.id == claimed.ids[0]))
    assert now is not None
    assert due_at is not None
    assert timedelta(0) <= now + timedelta(seconds=LEASE_S) - due_at < timedelta(seconds=LEASE_S)


def test_two_who_claim_at_once_get_different_rows(app: Flask) -> None:
    ids = add(app, 200)
    claims: list[list[str]] = [[], [], []]
    start = threading.Barrier(len(claims))

    def take(mine: list[str]) -> None:
        start.wait()
        while found := claim(app, limit=7).ids:
            mine += found

    threads = [threading.Thread(target=take, args=(mine,)) for mine in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(row_id for mine in claims for row_id in mine) == ids


def test_a_claim_does_not_wait_for_rows_that_somebody_else_is_claiming(
    app: Flask, database_kind: str
) -> None:
    if database_kind == "sqlite":
        pytest.skip("one writer at a time, whatever it writes")
    ids = add(app, 2)
    with transaction(app) as connection:
        first = leases.claim(connection, OutgoingMail, limit=1, lease_s=LEASE_S)

        assert claim(app).ids == ids[1:]
    assert first.ids == ids[:1]


def test_what_was_settled_is_due_again_when_it_says(app: Flask) -> None:
    ids = add(app, 2)
    claimed = claim(app)

    with transaction(app) as connection:
        assert leases.settle(connection, OutgoingMail, ids[0], claimed.lease, last_error="once")
        assert leases.settle(connection, OutgoingMail, ids[1], claimed.lease, due_in_s=HOUR_S)

    done, again = row(app, ids[0]), row(app, ids[1])
    assert (done.due_at, done.lease, done.last_error) == (None, None, "once")
    assert again.due_at is not None
    assert timedelta(minutes=50) < again.due_at - clock.now() < timedelta(minutes=70)
    assert again.lease is None


def test_a_row_whose_holder_died_is_due_again(app: Flask, end_leases: Callable[[], None]) -> None:
    ids = add(app, 1)
    claim(app)
    end_leases()

    assert claim(app).ids == ids


def test_nothing_is_written_under_a_lost_lease(app: Flask, end_leases: Callable[[], None]) -> None:
    (row_id,) = add(app, 1)
    first = claim(app)
    end_leases()
    second = claim(app)

    with transaction(app) as connection:
        assert not leases.settle(connection, OutgoingMail, row_id, first.lease, last_error="too late")
        assert not leases.settle_by_deleting(connection, OutgoingMail, row_id, first.lease)
        assert leases.renew(connection, OutgoingMail, [row_id], first.lease, lease_s=LEASE_S) == set()
        leases.give_back(connection, OutgoingMail, [row_id], first.lease)
    found = row(app, row_id)
    assert (found.lease, found.last_error) == (second.lease, None)

    with transaction(app) as connection:
        assert leases.settle_by_deleting(connection, OutgoingMail, row_id, second.lease)
        assert not leases.settle_by_deleting(connection, OutgoingMail, row_id, second.lease)


def test_of_two_who_settle_at_once_one_wins(app: Flask) -> None:
    (row_id,) = add(app, 1)
    lease = claim(app).lease
    won: list[bool] = []
    start = threading.Barrier(2)

    def settle() -> None:
        start.wait()
        with transaction(app) as connection:
            won.append(leases.settle(connection, OutgoingMail, row_id, lease))

    threads = [threading.Thread(target=settle) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False, True]


def test_a_renewed_lease_goes_on(app: Flask) -> None:
    ids = add(app, 2)
    claimed = claim(app, lease_s=1.0)

    with transaction(app) as connection:
        assert leases.renew(connection, OutgoingMail, ids[:1], claimed.lease, lease_s=HOUR_S) == {ids[0]}

    renewed, other = row(app, ids[0]), row(app, ids[1])
    assert renewed.due_at is not None
    assert other.due_at is not None
    assert renewed.due_at - other.due_at > timedelta(minutes=50)


def test_what_is_given_back_is_due_at_once(app: Flask) -> None:
    ids = add(app, 2)
    claimed = claim(app)

    with transaction(app) as connection:
        leases.give_back(connection, OutgoingMail, ids[:1], claimed.lease)

    assert claim(app).ids == ids[:1]


def test_reaping_names_the_rows_whose_holder_is_late(app: Flask, end_leases: Callable[[], None]) -> None:
    ids = add(app, 3)
    lost = claim(app, limit=1)
    end_leases()
    with transaction(app) as connection:
        leases.claim(connection, OutgoingMail, limit=1, lease_s=LEASE_S, where=[OutgoingMail.id == ids[1]])

        assert leases.reap(connection, OutgoingMail) == lost.ids == [ids[0]]
        assert leases.reap(connection, OutgoingMail) == []
        assert not leases.settle(connection, OutgoingMail, ids[0], lost.lease)


def test_the_next_due_time_is_told(app: Flask) -> None:
    with transaction(app) as connection:
        assert leases.next_due_at(connection, OutgoingMail) is None
    add(app, 2, due_in_s=HOUR_S)

    with transaction(app) as connection:
        next_due_at = leases.next_due_at(connection, OutgoingMail)
    assert next_due_at is not None
    assert timedelta(minutes=50) < next_due_at - clock.now() < timedelta(minutes=70)


@pytest.mark.parametrize("due_in_s", [-1.0, HOUR_S, None])
def test_one_row_is_claimed_due_or_not(app: Flask, due_in_s: float | None) -> None:
    first, second = add(app, 2, due_in_s=due_in_s)
    with transaction(app) as connection:
        claimed = leases.claim_row(connection, OutgoingMail, second, lease_s=LEASE_S)
    assert claimed
    assert claimed.ids == [second]
    assert row(app, second).lease == claimed.lease
    assert row(app, first).lease is None
    with transaction(app) as connection:
        assert leases.settle(connection, OutgoingMail, second, claimed.lease, due_in_s=HOUR_S)


def test_a_row_that_somebody_holds_is_not_claimed(app: Flask, end_leases: Callable[[], None]) -> None:
    (row_id,) = add(app, 1)
    claim(app)

    def claim_it() -> leases.Claim | None:
        with transaction(app) as connection:
            return leases.claim_row(connection, OutgoingMail, row_id, lease_s=LEASE_S)

    assert claim_it() is None
    end_leases()
    assert claim_it() is not None


def test_a_row_that_does_not_meet_the_conditions_is_not_claimed(app: Flask) -> None:
    (row_id,) = add(app, 1)
    with transaction(app) as connection:
        where = (OutgoingMail.attempt_count == 7,)
        assert leases.claim_row(connection, OutgoingMail, row_id, lease_s=LEASE_S, where=where) is None
        assert leases.claim_row(connection, OutgoingMail, "mail_none", lease_s=LEASE_S) is None
    assert row(app, row_id).lease is None


def test_of_many_who_claim_one_row_at_once_one_gets_it(app: Flask) -> None:
    (row_id,) = add(app, 1)
    found: list[leases.Claim | None] = []

    def claim_it() -> None:
        with transaction(app) as connection:
            found.append(leases.claim_row(connection, OutgoingMail, row_id, lease_s=LEASE_S))

    threads = [threading.Thread(target=claim_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(claimed is not None for claimed in found) == 1
