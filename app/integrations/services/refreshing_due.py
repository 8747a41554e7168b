"""Refreshes what is due, for the periodic job: some connections at a time, for a while."""

import threading

import structlog
from flask import current_app

from app.db import leases
from app.db.session import reading
from app.extensions import db
from app.integrations.models import Connection
from app.integrations.services.refreshing import LEASE_S, refresh_claimed
from app.lib import clock

log = structlog.get_logger()

#: One run claims for so long; the next goes on.
RUN_S = 20.0
THREADS = 8


def refresh_due() -> int:
    """Refresh the connections that are due, some at a time; returns how many."""
    with reading(), db.engine.connect() as connection:
        due_at = leases.next_due_at(connection, Connection)
    if due_at is None or due_at > clock.now():
        return 0
    app, ends_at_s = current_app._get_current_object(), clock.steady_s() + RUN_S  # type: ignore[attr-defined]
    counts = [0] * THREADS

    def work(number: int) -> None:
        with app.app_context():
            while clock.steady_s() < ends_at_s and _refresh_next():
                counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def _refresh_next() -> bool:
    with db.engine.begin() as connection:
        claim = leases.claim(connection, Connection, limit=1, lease_s=LEASE_S)
    for connection_id in claim.ids:
        try:
            refresh_claimed(connection_id, claim.lease)
        except Exception:
            # The others must go on; this one is due again when the lease ends.
            log.exception("refresh_failed", connection_id=connection_id)
            db.session.rollback()
    return bool(claim.ids)
