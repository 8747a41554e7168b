"""Records what became of calls: in the request log, in the counts of the health page, and on the integration."""

from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from app.db.session import writing
from app.db.types import UtcDateTime
from app.extensions import db
from app.integrations.models import CallCount, Integration
from app.integrations.rules import latency_bucket
from app.integrations.services.access import Access
from app.integrations.services.health import record_health
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock
from app.lib.outbound import Result
from app.request_log.outgoing import OutgoingRequest, log_outgoing

log = structlog.get_logger()

_REFUSED_STATUSES = frozenset({401, 403})


def record_call(access: Access, call: OutgoingCall, outcome: CallOutcome) -> str | None:
    """Record a call in one short transaction; returns the id of its entry in the request log, where there is one.

    Log and counts are written together or not at all. A call that was sent is never failed by what cannot be recorded of
    it: the integration may be gone by now, or the database away.
    """
    failure = failure_of(outcome.result)
    try:
        with writing(), db.engine.begin() as connection:
            log_id = log_outgoing(connection, _logged(access, call, outcome, failure))
            # A test knows more than its status says, and records that itself.
            has_changed = call.purpose != "test" and record_health(
                connection, access.team_id, access.integration_id, failure
            )
            if not has_changed and connection.dialect.name == "postgresql":
                # Nothing waits for the disk: a database that crashes loses the last counts and entries with them.
                connection.execute(text("SET LOCAL synchronous_commit = off"))
            # Last: whoever calls the same service at the same moment waits for this row until the commit.
            _count(connection, access, outcome.result, is_failure=failure is not None)
    except SQLAlchemyError as error:
        log.warning("call_not_recorded", integration_id=access.integration_id, reason=type(error).__name__)
        return None
    if has_changed:
        nudge_dispatch()
    return log_id


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


def _logged(
    access: Access, call: OutgoingCall, outcome: CallOutcome, failure: tuple[str, str] | None
) -> OutgoingRequest:
    return OutgoingRequest(
        team_id=access.team_id,
        integration_id=access.integration_id,
        integration_name=access.name,
        purpose=call.purpose,
        source_id=call.source_id,
        method=call.method,
        url=outcome.url,
        headers=outcome.request_headers,
        body=call.body,
        result=outcome.result,
        tries=outcome.tries,
        failure=failure,
        secret_values=(*access.secret_values, *call.secret_values, outcome.token),
        secret_names=call.secret_names,
    )


def _count(connection: Connection, access: Access, result: Result, *, is_failure: bool) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    duration_ms = result.total_ms or 0.0
    values = {
        CallCount.integration_id: Integration.id,
        CallCount.team_id: Integration.team_id,
        CallCount.hour: literal(_hour(clock.now()), UtcDateTime()),
        CallCount.bucket: literal(latency_bucket(duration_ms)),
        CallCount.calls: literal(1),
        CallCount.failures: literal(int(is_failure)),
        CallCount.total_ms: literal(duration_ms),
    }
    # Of an integration that was deleted meanwhile nothing is counted; what was logged stays.
    known = select(*values.values()).where(Integration.id == access.integration_id)
    added = insert(CallCount).from_select(list(values), known)
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


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
