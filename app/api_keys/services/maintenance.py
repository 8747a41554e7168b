"""Periodic work on keys: warnings of expiry, and tombstones that did not reach Redis."""

from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import select, update

from app.api_keys.models import ApiKey
from app.api_keys.rules import EXPIRY_WARNING_DAYS
from app.api_keys.tokens import masked
from app.api_keys.verification import key_cache
from app.db.session import reading
from app.events.services import add_event
from app.extensions import db, quick_redis
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock
from app.lib.errors import SignalboxError

log = structlog.get_logger()

_BATCH = 100
#: Longer than Redis caches a state.
_CHANGED_WITHIN = timedelta(seconds=2 * key_cache.ENTRY_S)


def notify_expiring() -> int:
    """Emit `signalbox.api_key.expiring`, once for each key and expiry, of keys that end within a week.

    Returns the number of keys.
    """
    now = clock.now()
    due = (
        select(ApiKey)
        .where(
            ApiKey.revoked_at.is_(None),
            ApiKey.expiry_notified_at.is_(None),
            ApiKey.expires_at > now,
            ApiKey.expires_at <= now + timedelta(days=EXPIRY_WARNING_DAYS),
        )
        .order_by(ApiKey.expires_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    count = 0
    for key in db.session.scalars(due).all():
        expires_at = cast(datetime, key.expires_at)
        key.expiry_notified_at = now
        facts = {
            "api_key_id": key.id,
            "name": key.name,
            "masked": masked(key.kid, is_test=key.is_test),
            "expires_at": expires_at.isoformat(),
            "days_left": (expires_at - now).days,
        }
        try:
            add_event(db.session(), key.team_id, "signalbox.api_key.expiring", facts)
        except SignalboxError as error:
            log.warning("operational_event_not_emitted", api_key_id=key.id, reason=error.detail)
        count += 1
    db.session.commit()
    if count:
        nudge_dispatch()
    return count


def reconcile_cache() -> int:
    """Remove states of lately changed keys that are older than their rows: the invalidation may not have reached Redis.

    Returns how many there were. Raises RedisError; the next run tries again.
    """
    recent = select(ApiKey.kid, ApiKey.previous_kid, ApiKey.version).where(
        ApiKey.changed_at > clock.now() - _CHANGED_WITHIN
    )
    with reading(), db.engine.connect() as connection:
        keys = connection.execute(recent).all()
    keeper = key_cache.KeyCache(quick_redis())
    return sum(
        keeper.invalidate_older([kid for kid in (kid, previous_kid) if kid], version)
        for kid, previous_kid, version in keys
    )


def invalidate_team(team_id: str) -> bool:
    """Invalidate the team's limit in every process; returns whether Redis took it. What is used stays used."""
    raised = (
        update(ApiKey)
        .where(ApiKey.team_id == team_id, ApiKey.revoked_at.is_(None))
        .values(version=ApiKey.version + 1, changed_at=clock.now())
        .returning(ApiKey.kid, ApiKey.previous_kid, ApiKey.version)
    )
    keys = db.session.execute(raised).all()
    db.session.commit()
    # All of them, even if one before failed.
    answers = [key_cache.invalidate((kid, previous_kid), version) for kid, previous_kid, version in keys]
    return all(answers)
