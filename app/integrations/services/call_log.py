"""Writes down what became of calls: counts for the health page, and whether the integration works."""

from datetime import UTC, datetime

from sqlalchemy import Connection, update
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import db
from app.integrations.models import CallCount, Integration
from app.integrations.rules import latency_bucket
from app.integrations.services.access import Access
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.lib import clock
from app.lib.outbound import Result

_REFUSED_STATUSES = frozenset({401, 403})


def record_call(access: Access, call: OutgoingCall, outcome: CallOutcome) -> str | None:
    """Record a call in one short transaction; returns the id of its entry in the request log."""
    result = outcome.result
    with db.engine.begin() as connection:
        _count(connection, access, result)
        _record_health(connection, access, result)
    return None


def failure_of(result: Result) -> tuple[str, str] | None:
    """Return kind and words of a failure that says something about the integration; None for any other answer.

    That a call was wrong (404, 422) or came too often (429) says nothing about it.
    """
    if result.error_kind is not None:
        return result.error_kind, result.error_detail or "The service could not be reached."
    status = result.status_code or 0
    if status in _REFUSED_STATUSES:
        return f"http_{status}", f"The service refused the credentials: it answered {status}."
    if status >= 500:
        return "http_5xx", f"The service failed: it answered {status}."
    return None


def _count(connection: Connection, access: Access, result: Result) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    duration_ms = result.total_ms or 0.0
    is_failure = failure_of(result) is not None
    added = insert(CallCount).values(
        integration_id=access.integration_id,
        team_id=access.team_id,
        hour=_hour(clock.now()),
        bucket=latency_bucket(duration_ms),
        calls=1,
        failures=int(is_failure),
        total_ms=duration_ms,
    )
    connection.execute(
        added.on_conflict_do_update(
            index_elements=["integration_id", "hour", "bucket"],
            set_={
                "calls": CallCount.calls + 1,
                "failures": CallCount.failures + int(is_failure),
                "total_ms": CallCount.total_ms + duration_ms,
            },
        )
    )


def _record_health(connection: Connection, access: Access, result: Result) -> None:
    """Write what changed about the integration, and nothing while nothing did: calls do not wait for one row's lock."""
    now, failure = clock.now(), failure_of(result)
    row = update(Integration).where(Integration.id == access.integration_id)
    if failure is None:
        is_news = Integration.failing_since.is_not(None) | Integration.checked_at.is_(None)
        connection.execute(
            row.where(is_news).values(
                checked_at=now, failing_since=None, error_kind=None, error_detail=None,
                updated_at=Integration.updated_at,
            )
        )  # fmt: skip
        return
    kind, detail = failure
    connection.execute(
        row.where(Integration.failing_since.is_(None)).values(
            checked_at=now, failing_since=now, error_kind=kind, error_detail=detail[:500],
            updated_at=Integration.updated_at,
        )
    )  # fmt: skip


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
