"""Records the outcome of the first request under a key, and its answer.

The row is inserted before the request runs: of several at once, one inserts it and the others find it. What the
request creates commits together with the mark on this row, so no crash leaves one without the other. The row's id is
replaced with each claim: a request that was declared dead and finishes late cannot commit, nor overwrite another answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Table, delete, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db.types import UtcDateTime
from app.extensions import db, sealer
from app.idempotency.models import IdempotencyRecord
from app.idempotency.rules import KEPT_FOR, RUNS_AT_MOST
from app.lib import clock
from app.lib.errors import Conflict, FieldError, Invalid, Unavailable
from app.lib.ids import new_id
from app.lib.sealed import CannotOpen

_TABLE = cast(Table, IdempotencyRecord.__table__)
_INSERT: dict[str, Any] = {"postgresql": postgresql.insert(_TABLE), "sqlite": sqlite.insert(_TABLE)}
_TRIES = 3
_TRIM_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Claim:
    """The key is ours: run the request, then `keep()` its answer or `release()` the key."""

    id: str


@dataclass(frozen=True, slots=True)
class Committed:
    """The first request was carried out, and its answer was lost. `object_id`: what it created, where it was recorded."""

    object_id: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the first request, without the secrets that it held."""

    status: int
    body: bytes


_running: ContextVar[Claim | None] = ContextVar("running_claim", default=None)


@contextmanager
def running_under(claim: Claim) -> Iterator[None]:
    """Within this block `record_outcome()` and every commit of a session belong to the request of this claim."""
    token = _running.set(claim)
    try:
        yield
    finally:
        _running.reset(token)


def running_claim() -> Claim | None:
    """Return the claim under which this code runs; None without an Idempotency-Key."""
    return _running.get()


def claim(team_id: str, key: str, digest: str) -> Claim | Committed | Answer:
    """Return a claim to run the request, or the outcome of the first one under this key.

    Raises Invalid when the key belongs to another request, Conflict while the first is still running.
    """
    for _ in range(_TRIES):
        claim_id = new_id("idr")
        with db.engine.begin() as connection:
            if connection.execute(_claiming(connection, claim_id, team_id, key, digest)).first():
                return Claim(claim_id)
            found = connection.execute(
                select(_TABLE).where(_TABLE.c.team_id == team_id, _TABLE.c.key == key)
            ).one_or_none()
        if found is None:
            continue  # The first request failed in between: the key is free again.
        if found.request_digest != digest:
            message = "This Idempotency-Key was used for another request. Use a new key for a new request."
            raise Invalid(
                message, errors=[FieldError("Idempotency-Key", "Already used for another request.")]
            )
        if found.status is not None:
            return Answer(found.status, _open(found.id, found.body_sealed))
        if found.committed_at is not None:
            return Committed(found.object_id)
        raise Conflict(
            "The first request under this Idempotency-Key is still running. Repeat it in a second.",
            retry_after_s=1,
        )
    raise Unavailable("The request was not run. Send it again.", retry_after_s=1)


def record_outcome(
    transaction: Session | Connection, object_id: str | None = None, *, claim: Claim | None = None
) -> None:
    """Record in the caller's transaction that the running request is carried out, and what it created.

    `object_id` is the id of the created object in the API. Without an Idempotency-Key nothing happens.
    `claim` is for code that commits for the request elsewhere, as in another thread: its `running_claim()`. Raises
    Conflict when another request has taken over the key: the caller must roll back.
    """
    claim = claim or _running.get()
    if claim is None:
        return
    values: dict[str, Any] = {"committed_at": clock.now()}
    if object_id is not None:
        values["object_id"] = object_id
    recorded = transaction.execute(
        update(_TABLE).where(_TABLE.c.id == claim.id).values(values).returning(_TABLE.c.id)
    )
    if recorded.first() is None:
        raise Conflict(
            "This request took so long that another one under the same Idempotency-Key was run instead. Nothing was"
            " done here. Repeat it to get the answer of the other one."
        )


def record_commit(session: Session) -> None:
    """Record the running request as carried out with each commit of its session, whatever the service recorded.

    A listener of `before_commit`. Releasing a SAVEPOINT commits nothing.
    """
    if _running.get() is not None and not session.in_nested_transaction():
        record_outcome(session)


def keep(claimed: Claim, status: int, body: bytes) -> None:
    """Store the answer to the request that ran under this claim. Secrets in it must be masked.

    A refusal is stored only when nothing was committed: a repetition must not report that nothing was created.
    """
    sealed = sealer().seal(body, table=_TABLE.name, column="body", row_id=claimed.id) if body else None
    query = update(_TABLE).where(_TABLE.c.id == claimed.id).values(status=status, body_sealed=sealed)
    if status >= 400:
        query = query.where(_TABLE.c.committed_at.is_(None))
    with db.engine.begin() as connection:
        connection.execute(query)


def release(claimed: Claim) -> None:
    """Free the key of a request that failed. One that has committed keeps it."""
    with db.engine.begin() as connection:
        connection.execute(delete(_TABLE).where(_TABLE.c.id == claimed.id, _TABLE.c.committed_at.is_(None)))


def trim() -> int:
    """Delete the records that are too old to be repeated; returns how many."""
    count = 0
    while True:
        with db.engine.begin() as connection:
            old = select(_TABLE.c.id).where(_TABLE.c.created_at < _ago(connection, KEPT_FOR))
            deleted = connection.execute(
                delete(_TABLE).where(_TABLE.c.id.in_(old.limit(_TRIM_ROWS)))
            ).rowcount
        count += deleted
        if deleted < _TRIM_ROWS:
            return count


def _claiming(connection: Connection, claim_id: str, team_id: str, key: str, digest: str) -> Any:  # noqa: ANN401 - an INSERT
    insert = _INSERT[connection.dialect.name].values(
        id=claim_id,
        team_id=team_id,
        key=key,
        request_digest=digest,
        created_at=_ago(connection, timedelta(0)),
    )
    is_dead = (
        _TABLE.c.status.is_(None)
        & _TABLE.c.committed_at.is_(None)
        & (_TABLE.c.created_at < _ago(connection, RUNS_AT_MOST))
    )
    return insert.on_conflict_do_update(
        index_elements=["team_id", "key"],
        set_={
            "id": insert.excluded.id,
            "request_digest": insert.excluded.request_digest,
            "created_at": insert.excluded.created_at,
            "committed_at": None,
            "object_id": None,
            "status": None,
            "body_sealed": None,
        },
        where=or_(_TABLE.c.created_at < _ago(connection, KEPT_FOR), is_dead),
    ).returning(_TABLE.c.id)


def _ago(connection: Connection, age: timedelta) -> ColumnElement[Any]:
    """Return the database's time that long ago: which claims are dead must not depend on this machine's clock."""
    if connection.dialect.name == "sqlite":
        # A SQLite file is used on one host, so this process has the same clock.
        return literal(clock.now() - age, UtcDateTime)
    return func.now() - age


def _open(row_id: str, sealed: str | None) -> bytes:
    if not sealed:
        return b""
    try:
        return sealer().open(sealed, table=_TABLE.name, column="body", row_id=row_id)
    except CannotOpen:
        raise Conflict(
            "The first request under this Idempotency-Key was answered, but its answer was encrypted with a key that"
            " is no longer configured. Look for what it created before you use a new key."
        ) from None
