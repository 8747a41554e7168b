"""Tests an integration: one real request to its service, and what its answer proves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from app.audit.trail import record
from app.extensions import db
from app.integrations.addresses import expand
from app.integrations.services.access import Access, open_access
from app.integrations.services.call_log import failure_of
from app.integrations.services.calling import send_call
from app.integrations.services.health import record_health
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.integrations.spec import Check, Refused
from app.jobs.heartbeats import nudge_dispatch
from app.lib import redact
from app.lib.errors import Conflict
from app.lib.outbound import Result
from app.request_log import redaction

TIMEOUT_S = 15.0
#: So much of an answer is read for what it proves, and so much of it is shown.
READ_MAX_BYTES, SHOWN_MAX_BYTES = 1_048_576, 16_384

_ADVICE = {
    "refused": "Compare what it says with the settings, correct them, then test again.",
    "http_401": "The credentials are wrong, expired or revoked. Write them again, or reconnect.",
    "http_403": "The credentials are known, but may not do this: look for a missing scope or right at the service.",
    "http_404": "There is nothing at this address. Check the address in the settings.",
    "http_429": "The service limits how often it is asked. Wait, then test again.",
    "http_3xx": "The service wants to be asked elsewhere. Redirects are not followed: write the new address.",
    "http_5xx": "The service has trouble of its own. Look at its status page, then test again.",
    "dns_failed": "Check the spelling of the host. A private network has to be allowed by the operator:"
    " OUTBOUND_ALLOWED_NETWORKS.",
    "connect_refused": "Check the address and its port: nothing listens there.",
    "tls_failed": "Check that the service's certificate is valid and matches the host.",
}
#: Says nothing about the integration.
_TOO_OFTEN = "http_429"
_OTHER_ADVICE = "Check the address and the network between, then test again."


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """What a test found: the request as it was sent and the real answer, both without secrets."""

    # pytest takes a class of this name for one of tests.
    __test__ = False

    succeeded: bool
    #: What the success proves, or what went wrong; and in that case what to do.
    words: str
    advice: str = ""
    #: Whose account it is, where the answer says it.
    account: str | None = None
    tested_at: datetime
    method: str
    url: str
    #: None: there was no answer.
    status_code: int | None
    total_ms: float | None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    is_body_cut: bool = False


def test_integration(team_id: str, integration_id: str) -> TestReport:
    """Send the provider's check through the integration, record how it went, and return what it found.

    One that is switched off is tested, too. Raises NotFound, QuotaExceeded, and Conflict for one that cannot be tested,
    saying why and what to do. No session is open meanwhile.
    """
    access = open_access(team_id, integration_id, is_test=True)
    check = access.check
    if check is None:
        raise Conflict(f"{access.provider.name} has no request that would test it without doing anything.")
    call = OutgoingCall(
        url=expand(check.url, access.values),
        method=check.method,
        headers=tuple(check.headers.items()),
        body=check.body.encode(),
        purpose="test",
        timeout_s=TIMEOUT_S,
        max_body_bytes=READ_MAX_BYTES,
    )
    outcome = send_call(access, call)
    account, failure = _read(check, outcome.result)
    secrets = (*access.secret_values, outcome.token)
    if failure is not None:
        # The service's own words may repeat what it was sent.
        failure = failure[0], redact.text(failure[1], secret_values=secrets)
    _record(access, failure)
    return _report(call, outcome, secrets, failure, proves=check.proves, account=account)


# pytest would collect it where a test imports it.
test_integration.__test__ = False  # type: ignore[attr-defined]


def _read(check: Check, result: Result) -> tuple[str | None, tuple[str, str] | None]:
    """Return the account that the answer names, and kind and words of what is wrong with it (None: nothing)."""
    failure = failure_of(result)
    if failure is not None:
        return None, failure
    if result.status_code not in check.expected:
        status = result.status_code or 0
        kind = "http_3xx" if 300 <= status < 400 else f"http_{status}"
        return None, (kind, f"The service answered {status}, which is no success.")
    if check.read is None:
        return None, None
    try:
        return check.read(_json_of(result)), None
    except Refused as refusal:
        return None, ("refused", f"The service answered with an error: {str(refusal)[:400]}")


def _json_of(result: Result) -> Any:  # noqa: ANN401 - foreign JSON
    try:
        return orjson.loads(result.body)
    except orjson.JSONDecodeError:
        return None


def _record(access: Access, failure: tuple[str, str] | None) -> None:
    """Record what the test says about the integration: more than the call's status can, and always when it was."""
    session, has_changed = db.session(), False
    # That it was asked too often says nothing about how it works.
    if failure is None or failure[0] != _TOO_OFTEN:
        has_changed = record_health(
            session.connection(), access.team_id, access.integration_id, failure, is_test=True
        )
    record(
        session,
        "integration.tested",
        team_id=access.team_id,
        object_type="integration",
        object_id=access.integration_id,
        object_name=access.name,
        detail="It works." if failure is None else failure[1],
    )
    session.commit()
    if has_changed:
        nudge_dispatch()


def _report(
    call: OutgoingCall,
    outcome: CallOutcome,
    secrets: Sequence[str],
    failure: tuple[str, str] | None,
    *,
    proves: str,
    account: str | None,
) -> TestReport:
    result = outcome.result
    is_cut = result.body_truncated or len(result.body) > SHOWN_MAX_BYTES
    body = redaction.body(result.body, is_cut=result.body_truncated, size_max=SHOWN_MAX_BYTES)
    headers = redaction.headers(redact.headers(result.headers, secret_values=secrets))
    return TestReport(
        succeeded=failure is None,
        words=proves if failure is None else failure[1],
        advice="" if failure is None else _ADVICE.get(failure[0], _OTHER_ADVICE),
        account=account,
        tested_at=result.started_at,
        method=call.method,
        url=redact.url(redact.text(call.url, secret_values=secrets)),
        status_code=result.status_code,
        total_ms=result.total_ms,
        headers=headers,
        body=redact.text(body, secret_values=secrets, is_cut=is_cut),
        is_body_cut=is_cut,
    )
