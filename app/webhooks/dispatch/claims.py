"""Claims what is due, under a lease.

Claiming moves `due_at` past the lease: the same column is schedule and lease, so the rows of a sender that
dies become due again by themselves. Every active webhook with something due gets its share, and one whose
in-flight cap is reached gets none: rows of a receiver that hangs never delay others.
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
from sqlalchemy import Connection, Table, bindparam, text, update

from app.db.clock import DatabaseNow
from app.lib import clock
from app.webhooks.models import Delivery

_DELIVERIES = cast(Table, Delivery.__table__)

#: The first due time of each active webhook: one index probe each.
_FIRST_DUE = """(
        SELECT d.due_at FROM deliveries d
        WHERE d.webhook_id = w.id AND d.due_at IS NOT NULL ORDER BY d.due_at LIMIT 1
    )"""
_ACTIVE_WEBHOOKS = "FROM webhooks w WHERE w.status = 'active' AND w.deleted_at IS NULL"
_READY_POSTGRESQL = text(
    f"""
    SELECT w.id, w.updated_at, CAST(EXTRACT(EPOCH FROM {_FIRST_DUE} - statement_timestamp()) AS float8)
    {_ACTIVE_WEBHOOKS}
    """  # noqa: S608 - parts of this module
)
_READY_SQLITE = text(f"SELECT w.id, w.updated_at, {_FIRST_DUE} {_ACTIVE_WEBHOOKS}")

# The planner cannot estimate how few rows `picked` has, and joins by reading both tables whole; an array it estimates at
# ten elements, and then uses the indexes.
_ACTIVE = text(
    "SELECT id, updated_at FROM webhooks WHERE id IN :ids AND status = 'active' AND deleted_at IS NULL"
).bindparams(bindparam("ids", expanding=True))

_CLAIM_POSTGRESQL = text(
    """
    WITH room AS (
        SELECT * FROM json_to_recordset(CAST(:room AS json)) AS r(webhook_id text, room int)
    ), picked AS (
        SELECT d.id FROM room CROSS JOIN LATERAL (
            SELECT id FROM deliveries
            WHERE webhook_id = room.webhook_id AND due_at <= statement_timestamp()
            ORDER BY due_at LIMIT room.room FOR UPDATE SKIP LOCKED
        ) d
    )
    UPDATE deliveries d
    SET due_at = statement_timestamp() + make_interval(secs => CAST(:lease_s AS float8)), lease = :lease
    WHERE d.id = ANY (ARRAY(SELECT id FROM picked))
    RETURNING d.id, d.webhook_id, d.event_id, d.attempt_count, d.round_attempt_count, d.is_manual
    """
)
# Apart from the claim: an event that goes to ten webhooks is read and transferred once, not ten times.
_BODIES_POSTGRESQL = text(
    "SELECT id, body FROM events WHERE id IN (SELECT json_array_elements_text(CAST(:ids AS json)))"
)

_CLAIM_SQLITE = """
    UPDATE deliveries SET due_at = ?, lease = ? WHERE id IN (
        SELECT id FROM deliveries WHERE webhook_id = ? AND due_at <= ? ORDER BY due_at LIMIT ?
    ) RETURNING id, webhook_id, event_id, attempt_count, round_attempt_count, is_manual
"""
_BODIES_SQLITE = "SELECT id, body FROM events WHERE id IN (SELECT value FROM json_each(?))"

_GIVE_BACK = (
    update(_DELIVERIES)
    .where(
        _DELIVERIES.c.id == bindparam("delivery_id"),
        _DELIVERIES.c.lease == bindparam("own_lease"),
        _DELIVERIES.c.state == "pending",
    )
    .values(due_at=DatabaseNow(), lease=None)
)

#: id, webhook_id, event_id, attempt_count, round_attempt_count, is_manual
ClaimedRow = tuple[str, str, str, int, int, bool]


@dataclass(frozen=True, slots=True)
class DueWebhooks:
    """Versions of the webhooks with deliveries due, and the seconds until the next delivery is due."""

    due: dict[str, object]
    next_due_in_s: float | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that are ours if results are written under `lease`, and the bodies of their events by id.

    Until `ends_at_s` on the monotonic clock nobody else can claim them: the database ends the lease no earlier.
    """

    lease: str
    ends_at_s: float
    rows: list[ClaimedRow]
    bodies: dict[str, bytes]


def find_due_webhooks(connection: Connection) -> DueWebhooks:
    """Return which active webhooks have deliveries due now, with their versions, and when the next one has."""
    due: dict[str, object] = {}
    next_due_in_s: float | None = None
    for webhook_id, version, due_in_s in _first_dues(connection):
        if due_in_s is None:
            continue
        if due_in_s <= 0:
            due[webhook_id] = version
        elif next_due_in_s is None or due_in_s < next_due_in_s:
            next_due_in_s = due_in_s
    return DueWebhooks(due, next_due_in_s)


def _first_dues(connection: Connection) -> Iterator[tuple[str, object, float | None]]:
    """Yield id, version and seconds until the first due time of each active webhook."""
    if connection.dialect.name != "sqlite":
        yield from cast(Iterable[tuple[str, object, float | None]], connection.execute(_READY_POSTGRESQL))
        return
    now = clock.now()
    for webhook_id, version, first_due in connection.execute(_READY_SQLITE):
        due_in_s = None if first_due is None else (_from_sqlite(first_due) - now).total_seconds()
        yield webhook_id, version, due_in_s


def find_changed(connection: Connection, versions: Mapping[str, object]) -> set[str]:
    """Return which of these webhooks are no longer active, or no longer as they were at that version."""
    if not versions:
        return set()
    unchanged = {
        row.id
        for row in connection.execute(_ACTIVE, {"ids": list(versions)})
        if row.updated_at == versions[row.id]
    }
    return set(versions) - unchanged


def claim(connection: Connection, room: Mapping[str, int], *, lease_s: float) -> Claim:
    """Take up to `room[webhook_id]` due deliveries of each webhook, oldest first, for `lease_s` seconds.

    The lease is dated by the database, whose clock every dispatcher shares, and counted here from before the statement
    is sent on the monotonic clock: a dispatcher whose own clock is wrong neither takes what is not due nor
    sends what is no longer its own.
    """
    lease = secrets.token_hex(8)
    ends_at_s = time.monotonic() + lease_s
    is_sqlite = connection.dialect.name == "sqlite"
    rows = (_claim_sqlite if is_sqlite else _claim_postgresql)(connection, room, lease, lease_s)
    event_ids = orjson.dumps(list({row[2] for row in rows})).decode()
    found: Iterable[Any] = (
        connection.exec_driver_sql(_BODIES_SQLITE, (event_ids,))
        if is_sqlite
        else connection.execute(_BODIES_POSTGRESQL, {"ids": event_ids})
    )
    return Claim(lease, ends_at_s, rows, {event_id: body.encode() for event_id, body in found})


def _claim_postgresql(
    connection: Connection, room: Mapping[str, int], lease: str, lease_s: float
) -> list[ClaimedRow]:
    wanted = orjson.dumps([{"webhook_id": key, "room": value} for key, value in room.items()]).decode()
    parameters = {"room": wanted, "lease_s": lease_s, "lease": lease}
    return cast(list[ClaimedRow], connection.execute(_CLAIM_POSTGRESQL, parameters).all())


def _claim_sqlite(
    connection: Connection, room: Mapping[str, int], lease: str, lease_s: float
) -> list[ClaimedRow]:
    taken: list[Any] = []
    now = clock.now()
    ends_at = now + timedelta(seconds=lease_s)
    for webhook_id, count in room.items():
        parameters = (sqlite_time(ends_at), lease, webhook_id, sqlite_time(now), count)
        taken += connection.exec_driver_sql(_CLAIM_SQLITE, parameters).all()
    return taken


def sqlite_time(moment: datetime) -> str:
    """Return `moment` as `UtcDateTime` stores it on SQLite: text that sorts by time."""
    return moment.isoformat(" ", "microseconds")[:26]


def _from_sqlite(stored: str) -> datetime:
    return datetime.fromisoformat(stored + "+00:00")


def give_back(connection: Connection, ids: Sequence[str], lease: str) -> None:
    """Make claimed deliveries due again at once, where the lease is still this one."""
    parameters = [{"delivery_id": delivery_id, "own_lease": lease} for delivery_id in ids]
    connection.execute(_GIVE_BACK, parameters)
