"""Gives keys new secrets, with a grace in which the old one works too."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from app.api_keys.models import ApiKey, ApiKeyCaller
from app.api_keys.services.changes import (
    ChangedKey,
    commit_and_invalidate,
    locked,
    record_change,
    refuse_change,
    remaining_rights,
)
from app.api_keys.services.keys import CreatedKey, hashed_token
from app.extensions import db
from app.idempotency.services import record_outcome
from app.lib import clock
from app.lib.errors import Invalid, NotFound

#: How long the old key may work after a regeneration.
GRACE_S_MAX = 30 * 86_400


def regenerate_key(
    team_id: str, key_id: str, *, grace_s: int, granted_by: frozenset[str], granter_id: str | None = None
) -> CreatedKey:
    """Give the key a new secret and return it; the old one works for `grace_s` seconds more.

    One that was still in its grace from the time before ends now. `granted_by` are the permissions of who asks, the
    user or the API key `granter_id`: the new secret carries all scopes of the key, and nobody is handed a scope they
    lack or lost meanwhile. Raises AuthorizationFailed for that, NotFound, Invalid, and Conflict for a revoked key.
    """
    if not 0 <= grace_s <= GRACE_S_MAX:
        raise Invalid.field("grace_s", f"Give a number of seconds from 0 to {GRACE_S_MAX} (30 days).")
    token, key_hash = hashed_token(is_test=_is_test(team_id, key_id))
    rights = remaining_rights(team_id, granter_id, granted_by)
    key = locked(team_id, key_id)
    refuse_change(key, rights)
    now, ended_kid = clock.now(), key.previous_kid
    if ended_kid is not None:
        db.session.execute(delete(ApiKeyCaller).where(ApiKeyCaller.kid == ended_kid))
    key.previous_kid, key.previous_key_hash = key.kid, key.key_hash
    key.previous_ends_at = now + timedelta(seconds=grace_s)
    key.kid, key.key_hash = token.kid, key_hash
    record_change("api_key.regenerated", key, detail=_grace_in_words(grace_s, key.previous_ends_at))
    record_outcome(db.session(), key_id)
    done = commit_and_invalidate(key, ended_kid)
    return CreatedKey(key_id, token.token, is_known_everywhere=done.is_known_everywhere)


def end_grace(team_id: str, key_id: str) -> ChangedKey:
    """End the old key of a regeneration now. Raises NotFound; without one, nothing changes."""
    key = locked(team_id, key_id)
    now = clock.now()
    if key.previous_ends_at is not None and key.previous_ends_at > now:
        key.previous_ends_at = now
        record_change("api_key.grace_ended", key)
    return commit_and_invalidate(key)


def _is_test(team_id: str, key_id: str) -> bool:
    found = db.session.scalar(select(ApiKey.is_test).where(ApiKey.team_id == team_id, ApiKey.id == key_id))
    # bcrypt comes next, and SQLite has one writer: it must not wait for a hash.
    db.session.rollback()
    if found is None:
        raise NotFound("There is no such API key in this team.")
    return found


def _grace_in_words(grace_s: int, ends_at: datetime) -> str:
    return (
        f"The old key works until {ends_at:%Y-%m-%d %H:%M} UTC." if grace_s else "The old key ended at once."
    )
