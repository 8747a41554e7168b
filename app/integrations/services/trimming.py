"""Deletes counts of calls that the health page shows no more."""

from datetime import timedelta

from sqlalchemy import delete, select

from app.extensions import db
from app.integrations.models import CallCount, Integration
from app.lib import clock

#: More than the longest range of the health page.
COUNTS_KEPT_DAYS = 40


def trim_counts() -> int:
    """Delete old counts, each integration's in a transaction of its own; returns how many rows."""
    oldest = clock.now() - timedelta(days=COUNTS_KEPT_DAYS)
    with db.engine.connect() as connection:
        ids = connection.scalars(select(Integration.id)).all()
    count = 0
    for integration_id in ids:
        # By the primary key: what stays is not looked at.
        old = delete(CallCount).where(CallCount.integration_id == integration_id, CallCount.hour < oldest)
        with db.engine.begin() as connection:
            count += connection.execute(old).rowcount
    return count
