"""Tells the audit trail of limits that begin to refuse."""

from app.audit.trail import SYSTEM, record
from app.extensions import db
from app.web.access import find_principal
from app.web.limits import Standing
from app.web.limits.policies import DAY_S, HOUR_S, MINUTE_S

_WORDS = {MINUTE_S: "a minute", HOUR_S: "an hour", DAY_S: "a day"}


def note_violation(standing: Standing, team_id: str) -> None:
    """Record that a limit was reached, in a transaction of its own. Called once per window."""
    policy = standing.policy
    try:
        record(
            db.session(),
            "limit.reached",
            team_id=team_id,
            object_type="limit",
            object_id=policy.subject,
            object_name=policy.name,
            detail=f"All {policy.quota} uses within {_WORDS[policy.window_s]} are taken.",
            actor=find_principal() or SYSTEM,
        )
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
