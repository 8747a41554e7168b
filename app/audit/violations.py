"""Records in the audit trail that a limit begins to refuse."""

import contextlib

from flask import g, has_request_context, request

from app.audit.trail import SYSTEM, record
from app.extensions import db
from app.jobs.table import enqueue
from app.lib.errors import Unavailable
from app.web.access import Principal
from app.web.limits import LimitStatus
from app.web.limits.policies import DAY_S, HOUR_S, MINUTE_S

_WORDS = {MINUTE_S: "a minute", HOUR_S: "an hour", DAY_S: "a day"}


def report_violation(status: LimitStatus, team_id: str) -> None:
    """Have a worker record that a limit was reached. Called once per window; a refusal waits for no database."""
    policy = status.policy
    key_id, key_name, _ = g.get("refused_key", ("", "", ""))
    address = request.remote_addr if has_request_context() else None
    with contextlib.suppress(Unavailable):
        enqueue(
            "audit.record_violation",
            team_id,
            policy.name,
            policy.subject,
            f"All {policy.quota} uses within {_WORDS[policy.window_s]} are taken.",
            key_id,
            key_name,
            address,
        )


def record_violation(
    team_id: str, limit: str, subject: str, detail: str, key_id: str, key_name: str, address: str | None
) -> None:
    """Record that a limit was reached, by which API key and from where."""
    actor = Principal("api_key", key_id, key_name, team_id, frozenset()) if key_id else SYSTEM
    record(
        db.session(),
        "limit.reached",
        team_id=team_id,
        object_type="limit",
        object_id=subject,
        object_name=limit,
        detail=detail,
        actor=actor,
        address=address,
    )
    db.session.commit()
