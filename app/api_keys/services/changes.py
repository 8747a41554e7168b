"""What every change of a key has in common: the lock, the trail, and the invalidation of the old state."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from app.accounts.services.teams import lock_permissions
from app.api_keys.models import ApiKey
from app.api_keys.rules import KeyState, scopes_in_force, state_of
from app.api_keys.services.validation import lacking
from app.api_keys.verification import key_cache
from app.audit.trail import record
from app.extensions import db
from app.lib import clock
from app.lib.errors import AuthorizationFailed, Conflict, NotFound
from app.lib.ids import is_id
from app.web.permissions import expand

_MANAGE = "keys:manage"


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """A key after a change. `is_known_everywhere` False: Redis did not answer, so the old state may be accepted for up
    to `key_cache.ENTRY_S` seconds more.
    """

    id: str
    name: str
    is_known_everywhere: bool


def locked(team_id: str, key_id: str) -> ApiKey:
    """Return a key of the team, as it is now; until the commit nobody else changes it. Raises NotFound."""
    query = select(ApiKey).where(ApiKey.team_id == team_id, ApiKey.id == key_id).with_for_update()
    # Without populate_existing a row read earlier in this request would hide what changed since.
    key = db.session.scalar(query.execution_options(populate_existing=True))
    if key is None:
        raise NotFound("There is no such API key in this team.")
    return key


def refuse_change(key: ApiKey, granted_by: frozenset[str]) -> None:
    """Raise Conflict for a revoked key, and AuthorizationFailed for who lacks something that the key can do."""
    if key.revoked_at is not None:
        raise Conflict(f"The API key '{key.name}' is revoked, and stays as it was. Create a new one.")
    missing = lacking(key.scopes, granted_by)
    if missing:
        raise AuthorizationFailed(
            f"The API key '{key.name}' has {', '.join(missing)}, which you lack, so you cannot change, regenerate or"
            " keep it. Ask somebody who has it. You can revoke the key."
        )


def remaining_rights(team_id: str, granter_id: str | None, granted_by: frozenset[str]) -> frozenset[str]:
    """Return what is left of the permissions `granted_by` to who grants a key; nobody takes of it until the commit.

    `granter_id` is a user, a key, or None for the operator. Who takes their rights waits for the transaction that
    grants the key, and finds it then. Raises AuthorizationFailed for who may not manage keys any more.
    """
    if granter_id is None:
        return granted_by
    is_key = is_id(granter_id, "key")
    permissions = (_lock_permissions_of_key if is_key else lock_permissions)(team_id, granter_id)
    if _MANAGE not in permissions:
        raise AuthorizationFailed("You may not manage API keys any more, so nothing was done.")
    return expand(granted_by) & permissions


def _lock_permissions_of_key(team_id: str, key_id: str) -> frozenset[str]:
    key = locked(team_id, key_id)
    state = state_of(revoked_at=key.revoked_at, expires_at=key.expires_at, now=clock.now())
    is_active = state is KeyState.ACTIVE
    return expand(frozenset(scopes_in_force(key.scopes, key.review_since))) if is_active else frozenset()


def record_change(
    action: str,
    key: ApiKey,
    *,
    changes: Mapping[str, tuple[object, object]] | None = None,
    detail: str | None = None,
) -> None:
    """Record a change of a key in the audit trail, in its transaction."""
    record(
        db.session(),
        action,
        team_id=key.team_id,
        object_type="api_key",
        object_id=key.id,
        object_name=key.name,
        changes=changes,
        detail=detail,
    )


def commit_and_invalidate(key: ApiKey, *other_kids: str | None) -> ChangedKey:
    """Commit a change of a key, and invalidate its older states in every process."""
    key.version += 1
    key.changed_at = clock.now()
    key_id, name, version = key.id, key.name, key.version
    kids = (key.kid, key.previous_kid, *other_kids)
    db.session.commit()
    return ChangedKey(key_id, name, is_known_everywhere=key_cache.invalidate(kids, version))
