"""Runs under an Idempotency-Key: what changes something is sent at most once."""

from dataclasses import replace

from app.extensions import db
from app.idempotency.services import record_outcome, running_claim
from app.integrations.services.access import Access
from app.web.limits import counters, refuse


def mark_as_carried_out(access: Access) -> None:
    """Record that the request under this Idempotency-Key is carried out, before it is: a crash must not send it twice.

    What can be refused before is refused before. Does nothing without the header.
    """
    if running_claim() is None:
        return
    statuses = counters().peek(list(access.policies)) if access.policies else []
    statuses = [replace(status, is_refusing=status.remaining == 0) for status in statuses]
    if any(status.is_refusing for status in statuses):
        refuse(statuses, team_id=access.team_id, is_first=False)
    session = db.session()
    record_outcome(session)
    session.commit()
