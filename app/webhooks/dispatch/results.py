"""Writes attempts and new states in one transaction per batch.

A state is written only where the lease is still the sender's own. An attempt made under a lost lease happened,
so it is recorded, marked superseded; the delivery's state is then up to whoever has the lease.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from app.lib import clock
from app.lib.ids import new_id
from app.lib.redact import headers as redact_headers
from app.lib.redact import text as redact_text
from app.webhooks.dispatch.claims import sqlite_time
from app.webhooks.dispatch.outcomes import Outcome

log = structlog.get_logger()

_DETAIL_CHARS_MAX = 500
#: Errors that say that a result cannot be stored as it is. Others (a lost connection, a lock) pass by themselves.
REFUSALS = (IntegrityError, DataError, ValueError, TypeError, OverflowError)

_ROW = """
    delivery_id text, lease text, state text, due_in_s float, finished_at timestamptz, status_code int,
    error_kind text, id text, number int, trigger text, started_at timestamptz, url text, request_headers text,
    response_headers text, response_body text, response_truncated bool, error_detail text, remote_address text,
    dns_ms float, connect_ms float, tls_ms float, first_byte_ms float, total_ms float
"""
_ATTEMPT_COLUMNS = (
    "delivery_id, id, number, trigger, started_at, url, request_headers, response_headers, response_body,"
    " response_truncated, status_code, error_kind, error_detail, remote_address, dns_ms, connect_ms, tls_ms,"
    " first_byte_ms, total_ms"
)
_of_attempt = itemgetter(*_ATTEMPT_COLUMNS.split(", "))
_of_state = itemgetter("state", "finished_at", "status_code", "error_kind", "delivery_id", "lease")
# Asking for the delivery leaves out the attempts of those that were deleted meanwhile, which would otherwise break
# the foreign key and the whole batch; what was decided exists, so it need not be looked up again.
# OFFSET 0 keeps the planner from reading the whole table for that. IN becomes a hash; a join with `decided`, which the planner estimates at one row, compares each with each.
_RECORD_POSTGRESQL = text(
    f"""
    WITH r AS (SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS r({_ROW})),
    decided AS (
        UPDATE deliveries d SET
            state = r.state, due_at = statement_timestamp() + make_interval(secs => r.due_in_s), lease = NULL, finished_at = r.finished_at, is_manual = false,
            attempt_count = d.attempt_count + 1, round_attempt_count = d.round_attempt_count + 1,
            last_status = r.status_code, last_error = r.error_kind
        FROM r WHERE d.id = r.delivery_id AND d.lease = r.lease RETURNING d.id
    ),
    attempted AS (
        INSERT INTO attempts ({_ATTEMPT_COLUMNS}, is_superseded)
        SELECT {", ".join("r." + name for name in _ATTEMPT_COLUMNS.split(", "))},
            r.delivery_id NOT IN (SELECT id FROM decided)
        FROM r WHERE r.delivery_id IN (SELECT id FROM decided)
            OR EXISTS (SELECT 1 FROM deliveries d WHERE d.id = r.delivery_id OFFSET 0)
    )
    SELECT id FROM decided
    """  # noqa: S608 - column lists of this module
)

_STATE_SQLITE = """
    UPDATE deliveries SET
        due_at = ?, state = ?, lease = NULL, finished_at = ?, is_manual = 0,
        attempt_count = attempt_count + 1, round_attempt_count = round_attempt_count + 1,
        last_status = ?, last_error = ?
    WHERE id = ? AND lease = ?
"""
_ATTEMPT_SQLITE = f"""
    INSERT INTO attempts ({_ATTEMPT_COLUMNS}, is_superseded)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
    WHERE EXISTS (SELECT 1 FROM deliveries WHERE id = ?)
"""  # noqa: S608 - column lists of this module

_COUNT = text(
    """
    INSERT INTO delivery_counts (webhook_id, hour, team_id, succeeded, failed, attempts, attempt_failures, total_ms)
    VALUES (:webhook_id, :hour, :team_id, :succeeded, :failed, :attempts, :attempt_failures, :total_ms)
    ON CONFLICT (webhook_id, hour) DO UPDATE SET
        succeeded = delivery_counts.succeeded + excluded.succeeded,
        failed = delivery_counts.failed + excluded.failed,
        attempts = delivery_counts.attempts + excluded.attempts,
        attempt_failures = delivery_counts.attempt_failures + excluded.attempt_failures,
        total_ms = delivery_counts.total_ms + excluded.total_ms
    """
)


@dataclass(slots=True)
class Count:
    """What one batch adds to one webhook's hour."""

    team_id: str
    succeeded: int = 0
    failed: int = 0
    attempts: int = 0
    attempt_failures: int = 0
    total_ms: float = 0.0


def record(connection: Connection, outcomes: Sequence[Outcome]) -> set[str]:
    """Write a batch within the caller's transaction; returns the ids of deliveries whose state it decided."""
    is_sqlite = connection.dialect.name == "sqlite"
    decided = (_record_sqlite if is_sqlite else _record_postgresql)(connection, outcomes)
    _count(connection, outcomes, decided)
    return decided


def record_one_by_one(connection: Connection, outcomes: Sequence[Outcome]) -> set[str]:
    """Write a batch that the database refused as a whole, leaving out and logging only what it still refuses."""
    decided: set[str] = set()
    for outcome in outcomes:
        try:
            with connection.begin_nested():
                decided |= record(connection, [outcome])
        except REFUSALS as error:
            log.exception("attempt_not_recorded", delivery_id=outcome.claimed.id, reason=short_reason(error))
    return decided


def short_reason(error: Exception) -> str:
    """Return the first line of the error, without the statement and its parameters."""
    return next(iter(str(getattr(error, "orig", error)).splitlines()), type(error).__name__)


def _record_postgresql(connection: Connection, outcomes: Sequence[Outcome]) -> set[str]:
    rows = orjson.dumps([_row(outcome) for outcome in outcomes]).decode()
    return set(connection.execute(_RECORD_POSTGRESQL, {"rows": rows}).scalars())


def _record_sqlite(connection: Connection, outcomes: Sequence[Outcome]) -> set[str]:
    decided: set[str] = set()
    attempts = []
    cursor = connection.connection.cursor()
    with _as_sqlalchemy_errors():
        for outcome in outcomes:
            row = _row(outcome, as_time=sqlite_time)
            cursor.execute(_STATE_SQLITE, (_due_at(row["due_in_s"]), *_of_state(row)))
            is_decided = cursor.rowcount == 1
            if is_decided:
                decided.add(outcome.claimed.id)
            attempts.append((*_of_attempt(row), not is_decided, outcome.claimed.id))
        cursor.executemany(_ATTEMPT_SQLITE, attempts)
    cursor.close()
    return decided


def _due_at(due_in_s: float | None) -> str | None:
    return None if due_in_s is None else sqlite_time(clock.now() + timedelta(seconds=due_in_s))


@contextmanager
def _as_sqlalchemy_errors() -> Iterator[None]:
    """Raise what a bare SQLite cursor raises as the errors of SQLAlchemy, which callers catch."""
    try:
        yield
    except sqlite3.Error as error:
        raise DBAPIError.instance(None, None, error, sqlite3.Error) from error


def _row(
    outcome: Outcome, *, as_time: Callable[[datetime], object] = lambda moment: moment
) -> dict[str, Any]:
    claimed, result = outcome.claimed, outcome.result
    has_answer = result.status_code is not None
    secrets = claimed.target.secret_values
    return {
        "delivery_id": claimed.id,
        "lease": claimed.lease,
        "state": outcome.state,
        # A duration, because on PostgreSQL the statement counts from its own time.
        "due_in_s": None if outcome.retry_at_s is None else outcome.retry_at_s - time.monotonic(),
        "finished_at": as_time(outcome.finished_at) if outcome.finished_at else None,
        "status_code": result.status_code,
        "error_kind": outcome.error_kind,
        "id": new_id("att"),
        "number": claimed.attempt_count + 1,
        "trigger": "manual" if claimed.is_manual else "automatic",
        "started_at": as_time(result.started_at),
        "url": claimed.target.url,
        "request_headers": claimed.shown_headers,
        "response_headers": _shown_headers(tuple(result.headers), secrets) if has_answer else None,
        "response_body": _shown_body(result.body, secrets, is_cut=result.body_truncated)
        if has_answer
        else None,
        "response_truncated": result.body_truncated,
        "error_detail": _clean(result.error_detail)[:_DETAIL_CHARS_MAX] if result.error_detail else None,
        "remote_address": result.remote_address,
        "dns_ms": result.dns_ms,
        "connect_ms": result.connect_ms,
        "tls_ms": result.tls_ms,
        "first_byte_ms": result.first_byte_ms,
        "total_ms": result.total_ms,
    }


@lru_cache(maxsize=64)
def _shown_headers(headers: tuple[tuple[str, str], ...], secrets: tuple[str, ...]) -> str:
    """Return the headers as they are stored. Cached: a receiver sends the same ones for a second, as long as its `Date`."""
    return _clean(orjson.dumps(redact_headers(headers, secret_values=secrets)).decode())


def _shown_body(body: bytes, secrets: tuple[str, ...], *, is_cut: bool) -> str:
    return redact_text(_clean(body.decode("utf-8", "replace")), secret_values=secrets, is_cut=is_cut)


def _clean(value: str) -> str:
    """Return the text without NUL, which PostgreSQL stores neither raw nor escaped."""
    return value.replace("\x00", "\ufffd").replace("\\u0000", "\\ufffd")


def _count(connection: Connection, outcomes: Sequence[Outcome], decided: set[str]) -> None:
    counts: dict[tuple[str, datetime], Count] = {}
    hour = next_hour = datetime.min.replace(tzinfo=UTC)
    for outcome in outcomes:
        claimed, result = outcome.claimed, outcome.result
        if not hour <= result.started_at < next_hour:
            hour = result.started_at.replace(minute=0, second=0, microsecond=0)
            next_hour = hour + timedelta(hours=1)
        key = (claimed.webhook_id, hour)
        count = counts.get(key)
        if count is None:
            count = counts[key] = Count(claimed.target.team_id)
        count.attempts += 1
        count.attempt_failures += outcome.error_kind is not None
        count.total_ms += result.total_ms or 0.0
        if claimed.id in decided:
            count.succeeded += outcome.state == "succeeded"
            count.failed += outcome.state == "failed"
    is_sqlite = connection.dialect.name == "sqlite"
    # In the order of the key: two dispatchers that lock the same rows lock them in the same order.
    rows = [
        {
            "webhook_id": webhook_id,
            "hour": sqlite_time(hour) if is_sqlite else hour,
            "team_id": count.team_id,
            "succeeded": count.succeeded,
            "failed": count.failed,
            "attempts": count.attempts,
            "attempt_failures": count.attempt_failures,
            "total_ms": count.total_ms,
        }
        for (webhook_id, hour), count in sorted(counts.items(), key=lambda item: item[0])
    ]
    if rows:
        connection.execute(_COUNT, rows)
