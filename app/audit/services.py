"""What is done with old entries: they are deleted."""

from datetime import timedelta

from app.audit.models import AuditEntry
from app.db.retention import delete_older
from app.extensions import current_settings, db
from app.lib import clock


def trim() -> int:
    """Delete the entries that are older than `AUDIT_DAYS`; returns how many."""
    oldest = clock.now() - timedelta(days=current_settings().audit_days)
    return delete_older(db.engine, AuditEntry.id, "aud", than=oldest)
