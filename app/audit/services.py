"""What is done with old entries: they are deleted, a few thousand in a transaction."""

import time
from datetime import timedelta

from sqlalchemy import delete, select

from app.audit.models import AuditEntry, LoggedRequest
from app.extensions import current_settings, db
from app.lib import clock
from app.lib.ids import lowest_id_at

_BATCH = 2_000
#: What is not done by then, the next run does.
_AT_MOST_S = 240.0


def trim() -> int:
    """Delete what is older than the operator wants to keep; returns how many rows."""
    settings = current_settings()
    ends_at_s = time.monotonic() + _AT_MOST_S
    deleted = _trim(AuditEntry, "aud", settings.audit_days, ends_at_s)
    return deleted + _trim(LoggedRequest, "req", settings.request_log_days, ends_at_s)


def _trim(model: type[AuditEntry] | type[LoggedRequest], prefix: str, days: int, ends_at_s: float) -> int:
    # Ids sort by time: the oldest are found, and the end is noticed, without looking at what stays.
    end = lowest_id_at(prefix, clock.now() - timedelta(days=days))
    old = select(model.id).where(model.id < end).order_by(model.id).limit(_BATCH)
    count = 0
    while time.monotonic() < ends_at_s:
        with db.engine.begin() as connection:
            ids = connection.scalars(old).all()
            connection.execute(delete(model).where(model.id.in_(ids)))
        count += len(ids)
        if len(ids) < _BATCH:
            break
    return count
