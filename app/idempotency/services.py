"""Keeps the answer to the first request under a key. Each function is a short transaction of its own.

The row is there before the request runs: of several at once, one inserts it and the others find it. Its id is
replaced with each claim, so whoever was taken for dead and comes back late writes over nobody's answer.
"""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import db, sealer
from app.idempotency.models import KeptAnswer
from app.idempotency.rules import KEPT_FOR, RUNS_AT_MOST
from app.lib import clock
from app.lib.errors import Conflict, FieldError, Invalid, Unavailable
from app.lib.ids import new_id
from app.lib.sealed import CannotOpen

_TABLE = cast(Table, KeptAnswer.__table__)
_INSERT: dict[str, Any] = {"postgresql": postgresql.insert(_TABLE), "sqlite": sqlite.insert(_TABLE)}
_TRIES = 3
_TRIM_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Claim:
    """The key is ours: run the request, then `keep()` its answer or `release()` the key."""

    id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered."""

    status: int
    body: bytes


def claim(team_id: str, key: str, digest: str) -> Claim | Answer:
    """Return the right to run the request, or what the first one under this key was answered.

    Raises Invalid when the key belongs to another request, Conflict while the first is still running.
    """
    for _ in range(_TRIES):
        claim_id = new_id("ans")
        with db.engine.begin() as connection:
            if connection.execute(_claiming(connection.dialect.name, claim_id, team_id, key, digest)).first():
                return Claim(claim_id)
            found = connection.execute(
                select(_TABLE.c.id, _TABLE.c.request_digest, _TABLE.c.status, _TABLE.c.body_sealed).where(
                    _TABLE.c.team_id == team_id, _TABLE.c.key == key
                )
            ).one_or_none()
        if found is None:
            continue  # The first request failed in between: the key is free again.
        if found.request_digest != digest:
            message = "This Idempotency-Key was used for another request. Use a new key for a new request."
            raise Invalid(
                message, errors=[FieldError("Idempotency-Key", "Already used for another request.")]
            )
        if found.status is None:
            raise Conflict(
                "The first request under this Idempotency-Key is still running. Repeat it in a second.",
                retry_after_s=1,
            )
        return Answer(found.status, _open(found.id, found.body_sealed))
    raise Unavailable("The request was not run. Send it again.", retry_after_s=1)


def keep(claimed: Claim, status: int, body: bytes) -> None:
    """Store the answer to the request that ran under this claim."""
    sealed = sealer().seal(body, table="kept_answers", column="body", row_id=claimed.id) if body else None
    with db.engine.begin() as connection:
        connection.execute(
            update(_TABLE).where(_TABLE.c.id == claimed.id).values(status=status, body_sealed=sealed)
        )


def release(claimed: Claim) -> None:
    """Free the key of a request that came to nothing."""
    with db.engine.begin() as connection:
        connection.execute(delete(_TABLE).where(_TABLE.c.id == claimed.id))


def trim() -> int:
    """Delete the answers that are too old to be repeated; returns how many."""
    count = 0
    while True:
        old = select(_TABLE.c.id).where(_TABLE.c.created_at < clock.now() - KEPT_FOR).limit(_TRIM_ROWS)
        with db.engine.begin() as connection:
            deleted = connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(old))).rowcount
        count += deleted
        if deleted < _TRIM_ROWS:
            return count


def _claiming(dialect: str, claim_id: str, team_id: str, key: str, digest: str) -> Any:  # noqa: ANN401 - an INSERT
    now = clock.now()
    insert = _INSERT[dialect].values(
        id=claim_id, team_id=team_id, key=key, request_digest=digest, created_at=now
    )
    is_over = or_(
        _TABLE.c.created_at < now - KEPT_FOR,
        _TABLE.c.status.is_(None) & (_TABLE.c.created_at < now - RUNS_AT_MOST),
    )
    return insert.on_conflict_do_update(
        index_elements=["team_id", "key"],
        set_={
            "id": insert.excluded.id,
            "request_digest": insert.excluded.request_digest,
            "created_at": insert.excluded.created_at,
            "status": None,
            "body_sealed": None,
        },
        where=is_over,
    ).returning(_TABLE.c.id)


def _open(row_id: str, sealed: str | None) -> bytes:
    if not sealed:
        return b""
    try:
        return sealer().open(sealed, table="kept_answers", column="body", row_id=row_id)
    except CannotOpen:
        raise Conflict(
            "The first request under this Idempotency-Key was answered, but its answer was encrypted with a key that"
            " is no longer configured. Look for what it created before you use a new key."
        ) from None
