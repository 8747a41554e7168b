"""Makes and revokes API keys."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from app.api_keys.hot import forget
from app.api_keys.models import ApiKey
from app.api_keys.tokens import new_token
from app.extensions import db
from app.lib import clock, passwords
from app.lib.errors import FieldError, Invalid, NotFound
from app.web.permissions import SCOPES, expand

NAME_CHARS_MAX = 100


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. `token` is the only copy: show it once and keep it nowhere."""

    id: str
    token: str


def create_key(
    team_id: str,
    name: str,
    *,
    scopes: Collection[str],
    granted_by: frozenset[str],
    created_by_id: str | None = None,
) -> CreatedKey:
    """Create a key for the team and return it with its token.

    `granted_by` are the permissions of who creates it: nobody grants a scope they lack. Raises Invalid.
    """
    name = " ".join(name.split())
    _judge(name, scopes, granted_by)
    token = new_token()
    # bcrypt before the transaction: SQLite has one writer, and it must not wait for a hash.
    key_hash = passwords.hash_secret(token.token, rounds=passwords.API_KEY_ROUNDS)
    key = ApiKey(
        team_id=team_id,
        name=name,
        kid=token.kid,
        key_hash=key_hash,
        scopes=sorted(set(scopes)),
        created_by_id=created_by_id,
    )
    db.session.add(key)
    db.session.commit()
    return CreatedKey(key.id, token.token)


def revoke_key(team_id: str, key_id: str) -> str:
    """Revoke a key of the team for good and return its name. Raises NotFound; revoking twice changes nothing."""
    key = db.session.scalar(
        select(ApiKey).where(ApiKey.team_id == team_id, ApiKey.id == key_id).with_for_update()
    )
    if key is None:
        raise NotFound("There is no such API key in this team.")
    if key.revoked_at is None:
        key.revoked_at = key.changed_at = clock.now()
        key.version += 1
    name, kids, version = key.name, (key.kid, key.previous_kid), key.version
    db.session.commit()
    forget(kids, version)
    return name


def _judge(name: str, scopes: Collection[str], granted_by: frozenset[str]) -> None:
    errors = []
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        errors.append(FieldError("name", f"Give the key a name of 1 to {NAME_CHARS_MAX} characters."))
    if not scopes:
        errors.append(FieldError("scopes", "Choose at least one scope."))
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        errors.append(
            FieldError("scopes", f"There is no scope {unknown[0]}. The scopes are: {', '.join(SCOPES)}.")
        )
    lacking = sorted(set(scopes) - set(unknown) - expand(granted_by))
    if lacking:
        errors.append(
            FieldError("scopes", f"You cannot grant {lacking[0]}: you do not have that permission yourself.")
        )
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
