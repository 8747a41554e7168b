"""What happens to grants of a member or key that loses the right to make them: invitations end, keys are reviewed.

A key that waits for its review goes on working, so that production does not stop when a colleague leaves, but it
manages neither keys nor members nor the team (`rules.scopes_in_force`), and the keys that it made wait with it: one of
them could keep the right otherwise. Whoever could have made the key may keep it, and is responsible for it from then
on; whoever manages keys may revoke it.
"""

from collections import deque
from collections.abc import Callable, Sequence

from sqlalchemy import select

from app.accounts.services.ending import revoke_invitations_by_key
from app.api_keys.models import ApiKey
from app.api_keys.rules import KeyState, scopes_in_force, state_of
from app.api_keys.services.changes import (
    ChangedKey,
    commit_and_invalidate,
    locked,
    record_change,
    refuse_change,
    remaining_rights,
)
from app.api_keys.services.validation import lacking
from app.api_keys.verification import key_cache
from app.extensions import db
from app.lib import clock
from app.web.permissions import expand

_MANAGE, _INVITE = "keys:manage", "members:manage"


def may_invite(team_id: str, key_id: str) -> bool:
    """Return whether a key of the team works and may invite people now."""
    key = db.session.scalar(select(ApiKey).where(ApiKey.team_id == team_id, ApiKey.id == key_id))
    if key is None:
        return False
    state = state_of(revoked_at=key.revoked_at, expires_at=key.expires_at, now=clock.now())
    return state is KeyState.ACTIVE and _INVITE in expand(
        frozenset(scopes_in_force(key.scopes, key.review_since))
    )


def member_lost_rights(team_id: str, user_id: str, permissions: frozenset[str]) -> Callable[[], object]:
    """Have the keys reviewed for which a member is responsible and which they could not make any more.

    A part of the open transaction; returns a callback that invalidates the state before, for after the commit.
    """
    marked = _mark(
        team_id, user_id, permissions, "The member who is responsible for it lost the right to it."
    )
    return lambda: [key_cache.invalidate(kids, version) for kids, version in marked]


def key_lost_rights(key: ApiKey, permissions: frozenset[str]) -> Callable[[], object]:
    """End the invitations of a key that may not invite any more, and have the keys reviewed that it made.

    A part of the open transaction; returns what is to be called after it, as `member_lost_rights`.
    """
    if _INVITE not in permissions:
        revoke_invitations_by_key(key.team_id, key.id)
    marked = _mark(
        key.team_id, key.id, permissions, f"The API key '{key.name}', which made it, lost the right to it."
    )
    return lambda: [key_cache.invalidate(kids, version) for kids, version in marked]


def keep_key(team_id: str, key_id: str, *, granted_by: frozenset[str], responsible_id: str) -> ChangedKey:
    """Keep a key that waits for its review; `responsible_id`, a user or a key, is responsible for it from now on.

    Keeping is granting: raises AuthorizationFailed when the key has a scope that `granted_by` lacks. Raises NotFound,
    and Conflict for a revoked key. Without a review to make, nothing changes.
    """
    rights = remaining_rights(team_id, responsible_id, granted_by)
    key = locked(team_id, key_id)
    refuse_change(key, rights)
    if key.review_since is not None:
        key.review_since = key.review_reason = None
        key.responsible_id = responsible_id
        record_change("api_key.kept", key)
    return commit_and_invalidate(key)


def _mark(
    team_id: str, responsible_id: str, permissions: frozenset[str], reason: str
) -> Sequence[tuple[tuple[str | None, ...], int]]:
    """Mark keys for review, and those that they made in turn; returns the public parts and the new version of each."""
    now = clock.now()
    marked = []
    losing = deque([(responsible_id, permissions, reason)])
    while losing:
        granter_id, left, why = losing.popleft()
        for key in _locked_keys_of(team_id, granter_id):
            if _MANAGE in left and not lacking(key.scopes, left):
                continue
            key.review_since, key.review_reason = now, why[:200]
            key.version += 1
            key.changed_at = now
            record_change("api_key.review_needed", key, detail=why)
            revoke_invitations_by_key(team_id, key.id)
            marked.append(((key.kid, key.previous_kid), key.version))
            why_made = f"The API key '{key.name}', which made it, waits for a review itself."
            losing.append((key.id, frozenset(scopes_in_force(key.scopes, now)), why_made))
    return marked


def _locked_keys_of(team_id: str, responsible_id: str) -> Sequence[ApiKey]:
    """Return the keys for which a user or a key is responsible and which wait for no review yet."""
    query = (
        select(ApiKey)
        .where(
            ApiKey.team_id == team_id,
            ApiKey.responsible_id == responsible_id,
            ApiKey.revoked_at.is_(None),
            ApiKey.review_since.is_(None),
        )
        .order_by(ApiKey.id)
        .with_for_update()
    )
    return db.session.scalars(query).all()
