"""Creates, changes and revokes API keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.api_keys.models import PER_DAY, PER_HOUR, ApiKey
from app.api_keys.queries import ShownKey
from app.api_keys.services.changes import (
    ChangedKey,
    commit_and_invalidate,
    locked,
    record_change,
    refuse_change,
    remaining_rights,
)
from app.api_keys.services.reviews import key_lost_rights
from app.api_keys.services.validation import lacking, validate_settings
from app.api_keys.tokens import NewToken, new_token
from app.audit.trail import changed, snapshot
from app.extensions import db
from app.idempotency.services import record_outcome
from app.lib import clock, passwords
from app.lib.errors import AuthorizationFailed
from app.web.forms.versions import check_version, version_of
from app.web.permissions import expand

#: What `change_key` takes.
SETTINGS = ("name", "scopes", "networks", "per_hour", "per_day", "expires_at")


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key with a new secret. `token` is the only copy: show it once and keep it nowhere.

    `is_known_everywhere` is of what was before a regeneration, as in `ChangedKey`.
    """

    id: str
    token: str
    is_known_everywhere: bool = True


def create_key(
    team_id: str,
    name: str,
    *,
    scopes: Collection[str],
    granted_by: frozenset[str],
    created_by_id: str | None = None,
    responsible_id: str | None = None,
    is_test: bool = False,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    per_hour: int = PER_HOUR,
    per_day: int = PER_DAY,
) -> CreatedKey:
    """Create a key for the team and return it with its token.

    `granted_by` are the permissions of who creates it: nobody grants a scope they lack. `responsible_id`: the user or
    the API key that is responsible for it, if not `created_by_id`. Raises Invalid, and AuthorizationFailed when they lost the
    right to it meanwhile.
    """
    values = validate_settings(
        {
            "name": name,
            "scopes": scopes,
            "networks": networks,
            "per_hour": per_hour,
            "per_day": per_day,
            "expires_at": expires_at,
        },
        granted_by=granted_by,
    )
    # bcrypt before the transaction: SQLite has one writer, and it must not wait for a hash.
    token, key_hash = hashed_token(is_test=is_test)
    granter_id = responsible_id or created_by_id
    missing = lacking(values["scopes"], remaining_rights(team_id, granter_id, granted_by))
    if missing:
        raise AuthorizationFailed(f"You lost {', '.join(missing)} meanwhile, so no key was made.")
    key = ApiKey(
        team_id=team_id,
        is_test=is_test,
        kid=token.kid,
        key_hash=key_hash,
        created_by_id=created_by_id,
        responsible_id=granter_id,
        **values,
    )
    db.session.add(key)
    db.session.flush()
    record_change("api_key.created", key, changes=changed({}, snapshot(key, (*SETTINGS, "is_test"))))
    record_outcome(db.session(), key.id)
    db.session.commit()
    return CreatedKey(key.id, token.token)


def change_key(
    team_id: str,
    key_id: str,
    changes: Mapping[str, Any],
    *,
    granted_by: frozenset[str],
    expected: Collection[str] | None = None,
) -> ChangedKey:
    """Change the given ones of a key's `SETTINGS`, by name; the others stay as they are at that moment.

    Raises AuthorizationFailed when the key has a scope that the changer lacks, Invalid, NotFound, and Conflict for a
    revoked key, PreconditionFailed for one that is none of the expected versions.
    """
    key = locked(team_id, key_id)
    check_version(expected, key_version(key))
    refuse_change(key, granted_by)
    values = validate_settings(changes, granted_by=granted_by)
    before = snapshot(key, SETTINGS)
    for field, value in values.items():
        setattr(key, field, value)
    difference = changed(before, snapshot(key, SETTINGS))
    if not difference:
        name = key.name
        db.session.rollback()
        return ChangedKey(key_id, name, is_known_everywhere=True)
    if "expires_at" in difference:
        key.expiry_notified_at = None
    record_change("api_key.updated", key, changes=difference)
    after_commit = key_lost_rights(key, expand(frozenset(key.scopes))) if "scopes" in difference else None
    done = commit_and_invalidate(key)
    if after_commit is not None:
        after_commit()
    return done


def key_version(key: ApiKey | ShownKey) -> str:
    """Return the version of a key's settings."""
    lists = sorted(key.scopes), sorted(key.networks)
    return version_of(key.name, *lists, key.per_hour, key.per_day, key.expires_at)


def revoke_key(team_id: str, key_id: str, *, expected: Collection[str] | None = None) -> ChangedKey:
    """Revoke a key of the team for good: its invitations end, the keys that it made are reviewed.

    Revoking twice changes nothing. Raises NotFound, and PreconditionFailed when it is none of the expected versions.
    """
    key = locked(team_id, key_id)
    check_version(expected, key_version(key))
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        record_change("api_key.revoked", key)
    after_commit = key_lost_rights(key, frozenset())
    done = commit_and_invalidate(key)
    after_commit()
    return done


def hashed_token(*, is_test: bool) -> tuple[NewToken, str]:
    """Return a new token and its hash. Takes as long as bcrypt does: not inside of a transaction."""
    token = new_token(is_test=is_test)
    return token, passwords.hash_secret(token.token, rounds=passwords.API_KEY_ROUNDS)
