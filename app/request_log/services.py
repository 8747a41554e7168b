"""What is done with old calls: they are deleted."""

from datetime import timedelta

from app.db.retention import delete_older
from app.extensions import current_settings, db
from app.lib import clock
from app.request_log.models import LoggedRequest


def trim() -> int:
    """Delete the calls that are older than `REQUEST_LOG_DAYS`; returns how many."""
    oldest = clock.now() - timedelta(days=current_settings().request_log_days)
    return delete_older(db.engine, LoggedRequest.id, "req", than=oldest)
