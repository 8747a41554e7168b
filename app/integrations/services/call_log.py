"""Records what became of calls: in the request log, in the counts of the health page, and on the integration."""

from datetime import UTC, datetime
from functools import cache

import structlog
from sqlalchemy import Connection, TextClause, bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from app.db.session import not_waiting_for_disk, writing
from app.db.types import UtcDateTime
from app.extensions import db
from app.integrations.rules import BUCKETS, latency_bucket
from app.integrations.services.access import Access
from app.integrations.services.health import record_health
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock
from app.lib.outbound import Result
from app.request_log.outgoing import OutgoingRequest, log_outgoing

log = structlog.get_logger()

# As text: every call runs it. Of an integration that was deleted meanwhile nothing is counted; what was logged stays.
_COUNT_SQL = """
    {with_durability}
    INSERT INTO call_counts (integration_id, hour, team_id, calls, failures, {bucket})
    SELECT integrations.id, :hour, team_id, 1, :failures, 1
    FROM integrations {and_durability} WHERE integrations.id = :id
    ON CONFLICT (integration_id, hour) DO UPDATE SET
        calls = call_counts.calls + 1, failures = call_counts.failures + excluded.failures,
        {bucket} = call_counts.{bucket} + 1
    """
_REFUSED_STATUSES = frozenset({401, 403})


def record_call(access: Access, call: OutgoingCall, outcome: CallOutcome) -> str | None:
    """Record a call in one short transaction; returns the id of its entry in the request log, where there is one.

    Log and counts are written together or not at all; a power cut may lose the last ones. A call that was sent is never
    failed by what cannot be recorded of it: the integration may be gone by now, or the database away.
    """
    failure = failure_of(outcome.result)
    try:
        with writing(), not_waiting_for_disk(), db.engine.begin() as connection:
            log_id = log_outgoing(connection, _logged(access, call, outcome, failure))
            has_changed = _says_something(access, call, failure) and record_health(
                connection, access.team_id, access.integration_id, failure
            )
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


def _says_something(access: Access, call: OutgoingCall, failure: tuple[str, str] | None) -> bool:
    """Return whether a call may change what is known about its integration.

    Tests and messages know more than their status says, and record that themselves. A success through one that worked when the call began
    says nothing new; should it have begun to fail since, then the next call says that it recovered.
    """
    return call.purpose not in {"test", "message"} and (failure is not None or not access.is_known_to_work)


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
    bucket = BUCKETS[latency_bucket(result.total_ms or 0.0)]
    parameters = {"id": access.integration_id, "hour": _hour(clock.now()), "failures": int(is_failure)}
    connection.execute(_count_statement(connection.dialect.name, bucket), parameters)


@cache
def _count_statement(dialect: str, bucket: str) -> TextClause:
    # PostgreSQL is told in the same statement that the commit shall not wait for the disk: it saves a round trip.
    is_sqlite = dialect == "sqlite"
    sql = _COUNT_SQL.format(
        bucket=bucket,
        with_durability=""
        if is_sqlite
        else "WITH durability AS (SELECT set_config('synchronous_commit', 'off', true))",
        and_durability="" if is_sqlite else ", durability",
    )
    return text(sql).bindparams(bindparam("hour", type_=UtcDateTime()))


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
