"""Leases on rows of any table: a holder claims a row for a limited time; then others can claim it.

`due_at` is both schedule and lease. A claim moves it past the lease, so the row of a holder that died is due again by
itself. A holder writes under its lease: once another one has claimed the row, nothing is written, and the call
returns False. All times are the database's.

    with db.engine.begin() as connection:
        claim = leases.claim(connection, Poll, limit=20, lease_s=60)
    for poll_id in claim.ids:
        answer = ask(poll_id)                       # No transaction is open.
        with db.engine.begin() as connection:
            if leases.settle(connection, Poll, poll_id, claim.lease, due_in_s=300, last_answer=answer):
                ...                                 # Else it took longer than the lease, and somebody else has it.

Batches of deliveries have claims of their own (`app.webhooks.dispatch.claims`), which share fairly among webhooks.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Interval, String, Table, delete, literal, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.db.clock import DatabaseNow
from app.db.types import Id, UtcDateTime
from app.lib import clock


class Leased:
    """Base of models with leases. Give them `Index(None, "due_at")`, and set `due_at` to have a row claimed."""

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    #: When it is due, or when its lease ends. None: there is nothing (more) to do.
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The claim that holds it; None: nobody has claimed it.
    lease: Mapped[str | None] = mapped_column(String(32))


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that are ours while `lease` stands on them, by their ids in order.

    Until `ends_at_s` on `clock.steady_s()` nobody else can claim them: it is counted from before the claim.
    """

    lease: str
    ends_at_s: float
    ids: list[str]


def claim(
    connection: Connection,
    model: type[Leased],
    *,
    limit: int,
    lease_s: float,
    where: Sequence[ColumnElement[bool]] = (),
    **values: object,
) -> Claim:
    """Claim at most `limit` rows that are due and meet the conditions, in one statement; set `values` on them.

    Where more are due, those are claimed that have been for the longest. Concurrent claims get different rows and do not
    wait for each other (on SQLite: only for its one writer). Commit before the work begins.
    """
    table, lease = _table(model), secrets.token_hex(16)
    began_s = clock.steady_s()
    picked = (
        select(table.c.id)
        .where(table.c.due_at <= DatabaseNow(), *where)
        .order_by(table.c.due_at)
        .limit(limit)
        # A CTE with a lock is evaluated once; a subquery may be evaluated several times, and exceed the limit.
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    rows = connection.execute(
        update(table)
        .where(table.c.id.in_(select(picked.c.id)))
        .values(due_at=due_in(connection, lease_s), lease=lease, **values)
        .returning(table.c.id)
    )
    return Claim(lease, began_s + lease_s, sorted(rows.scalars()))


def claim_row(
    connection: Connection,
    model: type[Leased],
    row_id: str,
    *,
    lease_s: float,
    where: Sequence[ColumnElement[bool]] = (),
) -> Claim | None:
    """Claim one row, due or not, that meets the conditions; None when it does not, or somebody holds it.

    `settle` it with the time at which it is to be due again: the claim took its schedule away.
    """
    table, lease = _table(model), secrets.token_hex(16)
    began_s = clock.steady_s()
    is_free = table.c.lease.is_(None) | (table.c.due_at <= DatabaseNow())
    statement = (
        update(table)
        .where(table.c.id == row_id, is_free, *where)
        .values(due_at=due_in(connection, lease_s), lease=lease)
        .returning(table.c.id)
    )
    return Claim(lease, began_s + lease_s, [row_id]) if _is_one(connection, statement) else None


def renew(
    connection: Connection, model: type[Leased], ids: Sequence[str], lease: str, *, lease_s: float
) -> set[str]:
    """Let the lease end in `lease_s` from now; returns for which rows it is still ours."""
    table = _table(model)
    rows = connection.execute(
        update(table)
        .where(table.c.id.in_(ids), table.c.lease == lease)
        .values(due_at=due_in(connection, lease_s))
        .returning(table.c.id)
    )
    return set(rows.scalars())


def settle(
    connection: Connection,
    model: type[Leased],
    row_id: str,
    lease: str,
    *,
    due_in_s: float | None = None,
    **values: object,
) -> bool:
    """End the lease and write `values`; the row is due again in `due_in_s`, None: not any more.

    Returns False, having written nothing, when the lease is not ours any more. What else follows from the work belongs
    into the same transaction, after this returned True: the row stays locked until the commit.
    """
    table = _table(model)
    due_at = None if due_in_s is None else due_in(connection, due_in_s)
    return _is_one(
        connection,
        update(table)
        .where(table.c.id == row_id, table.c.lease == lease)
        .values(due_at=due_at, lease=None, **values)
        .returning(table.c.id),
    )


def settle_by_deleting(connection: Connection, model: type[Leased], row_id: str, lease: str) -> bool:
    """Delete a row that is done with; returns False, having deleted nothing, when the lease is not ours any more."""
    table = _table(model)
    return _is_one(
        connection,
        delete(table).where(table.c.id == row_id, table.c.lease == lease).returning(table.c.id),
    )


def give_back(connection: Connection, model: type[Leased], ids: Sequence[str], lease: str) -> None:
    """Make rows that were not worked on due again at once."""
    table = _table(model)
    connection.execute(
        update(table)
        .where(table.c.id.in_(ids), table.c.lease == lease)
        .values(due_at=DatabaseNow(), lease=None)
    )


def postpone(connection: Connection, model: type[Leased], *, due_in_s: float) -> None:
    """Let what is due now be due in `due_in_s` instead, without a claim; rows that somebody is claiming stay."""
    table = _table(model)
    due = (
        select(table.c.id)
        .where(table.c.due_at <= DatabaseNow())
        # Two who postpone at once would wait for each other's rows.
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    connection.execute(
        update(table).where(table.c.id.in_(select(due.c.id))).values(due_at=due_in(connection, due_in_s))
    )


def reap(connection: Connection, model: type[Leased]) -> list[str]:
    """Take the rows from holders whose lease has ended, and return their ids: they died, or are too late.

    The rows are due again without this. It is for callers who must know that work was interrupted.
    """
    table = _table(model)
    rows = connection.execute(
        update(table)
        .where(table.c.lease.is_not(None), table.c.due_at <= DatabaseNow())
        .values(lease=None)
        .returning(table.c.id)
    )
    return sorted(rows.scalars())


def next_due_at(connection: Connection, model: type[Leased]) -> datetime | None:
    """Return when the next row is due, in the past when one is; None when none will be."""
    table = _table(model)
    return connection.scalar(
        select(table.c.due_at).where(table.c.due_at.is_not(None)).order_by(table.c.due_at).limit(1)
    )


def due_in(connection: Connection, seconds: float) -> ColumnElement[datetime]:
    """Return the moment so many seconds from now, for the `due_at` of a row that is written on this connection."""
    wait = timedelta(seconds=seconds)
    if connection.dialect.name == "sqlite":
        return literal(clock.now() + wait, UtcDateTime())
    return DatabaseNow() + literal(wait, Interval())


def _table(model: type[Leased]) -> Table:
    return cast(Table, cast(Any, model).__table__)


def _is_one(connection: Connection, statement: Any) -> bool:  # noqa: ANN401 - an UPDATE or a DELETE
    return connection.execute(statement).one_or_none() is not None
