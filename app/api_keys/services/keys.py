"""Makes, changes, regenerates and revokes API keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.api_keys import hot
from app.api_keys.models import PER_DAY, PER_HOUR, ApiKey
from app.api_keys.rules import EXPIRY_DAYS_MAX, PER_WINDOW_MAX, parse_networks
from app.api_keys.tokens import NewToken, new_token
from app.audit.trail import changed, record, snapshot
from app.extensions import db
from app.lib import clock, passwords
from app.lib.errors import Conflict, FieldError, Invalid, NotFound
from app.web.permissions import SCOPES, expand

NAME_CHARS_MAX = 100
#: How long the old key may work after a regeneration.
GRACE_S_MAX = 30 * 86_400

_TOLD = ("name", "scopes", "networks", "per_hour", "per_day", "expires_at")


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. `token` is the only copy: show it once and keep it nowhere."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """A key after a change. `is_known_everywhere` False: Redis did not answer, so the old state may be accepted for up
    to `hot.ENTRY_S` seconds more.
    """

    id: str
    name: str
    is_known_everywhere: bool


def create_key(
    team_id: str,
    name: str,
    *,
    scopes: Collection[str],
    granted_by: frozenset[str],
    created_by_id: str | None = None,
    is_test: bool = False,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    per_hour: int = PER_HOUR,
    per_day: int = PER_DAY,
) -> CreatedKey:
    """Create a key for the team and return it with its token.

    `granted_by` are the permissions of who creates it: nobody grants a scope they lack. Raises Invalid.
    """
    values = _judged(
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
    token, key_hash = _hashed_token(is_test=is_test)
    key = ApiKey(
        team_id=team_id,
        is_test=is_test,
        kid=token.kid,
        key_hash=key_hash,
        created_by_id=created_by_id,
        **values,
    )
    db.session.add(key)
    db.session.flush()
    _tell("api_key.created", key, changes=changed({}, snapshot(key, (*_TOLD, "is_test"))))
    db.session.commit()
    return CreatedKey(key.id, token.token)


def change_key(
    team_id: str, key_id: str, changes: Mapping[str, Any], *, granted_by: frozenset[str]
) -> ChangedKey:
    """Change the given fields of a key: name, scopes, networks, per_hour, per_day, expires_at.

    Scopes that the key has may stay; only new ones must be the changer's own. Raises Invalid, NotFound, and Conflict
    for a revoked key.
    """
    key = _locked(team_id, key_id)
    _refuse_revoked(key)
    values = _judged(changes, granted_by=granted_by | frozenset(key.scopes))
    before = snapshot(key, _TOLD)
    for field, value in values.items():
        setattr(key, field, value)
    difference = changed(before, snapshot(key, _TOLD))
    if not difference:
        name = key.name
        db.session.rollback()
        return ChangedKey(key_id, name, is_known_everywhere=True)
    if "expires_at" in difference:
        key.expiry_told_at = None
    _tell("api_key.updated", key, changes=difference)
    return _commit_and_forget(key)


def revoke_key(team_id: str, key_id: str) -> ChangedKey:
    """Revoke a key of the team for good. Raises NotFound; revoking twice changes nothing."""
    key = _locked(team_id, key_id)
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        _tell("api_key.revoked", key)
    return _commit_and_forget(key)


def regenerate_key(team_id: str, key_id: str, *, grace_s: int) -> CreatedKey:
    """Give the key a new secret and return it; the old one works for `grace_s` seconds more.

    One that was still in its grace from the time before ends now. Raises NotFound, Invalid, and Conflict for a
    revoked key.
    """
    if not 0 <= grace_s <= GRACE_S_MAX:
        raise Invalid.field("grace_s", f"Give a number of seconds from 0 to {GRACE_S_MAX} (30 days).")
    token, key_hash = _hashed_token(is_test=_is_test(team_id, key_id))
    key = _locked(team_id, key_id)
    _refuse_revoked(key)
    ended_kid = key.previous_kid
    now = clock.now()
    key.previous_kid, key.previous_key_hash = key.kid, key.key_hash
    key.previous_ends_at = now + timedelta(seconds=grace_s)
    key.kid, key.key_hash = token.kid, key_hash
    _tell("api_key.regenerated", key, detail=_grace_in_words(grace_s, key.previous_ends_at))
    _commit_and_forget(key, ended_kid)
    return CreatedKey(key_id, token.token)


def end_grace(team_id: str, key_id: str) -> ChangedKey:
    """End the old key of a regeneration now. Raises NotFound; without one, nothing changes."""
    key = _locked(team_id, key_id)
    now = clock.now()
    if key.previous_ends_at is not None and key.previous_ends_at > now:
        key.previous_ends_at = now
        _tell("api_key.grace_ended", key)
    return _commit_and_forget(key)


def _locked(team_id: str, key_id: str) -> ApiKey:
    key = db.session.scalar(
        select(ApiKey).where(ApiKey.team_id == team_id, ApiKey.id == key_id).with_for_update()
    )
    if key is None:
        raise NotFound("There is no such API key in this team.")
    return key


def _is_test(team_id: str, key_id: str) -> bool:
    found = db.session.scalar(select(ApiKey.is_test).where(ApiKey.team_id == team_id, ApiKey.id == key_id))
    # bcrypt comes next, and SQLite has one writer: it must not wait for a hash.
    db.session.rollback()
    if found is None:
        raise NotFound("There is no such API key in this team.")
    return found


def _refuse_revoked(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise Conflict(f"The API key '{key.name}' is revoked, and stays as it was. Create a new one.")


def _hashed_token(*, is_test: bool) -> tuple[NewToken, str]:
    token = new_token(is_test=is_test)
    return token, passwords.hash_secret(token.token, rounds=passwords.API_KEY_ROUNDS)


def _commit_and_forget(key: ApiKey, *other_kids: str | None) -> ChangedKey:
    key.version += 1
    key.changed_at = clock.now()
    key_id, name, version = key.id, key.name, key.version
    kids = (key.kid, key.previous_kid, *other_kids)
    db.session.commit()
    return ChangedKey(key_id, name, is_known_everywhere=hot.forget(kids, version))


def _tell(
    action: str,
    key: ApiKey,
    *,
    changes: Mapping[str, tuple[object, object]] | None = None,
    detail: str | None = None,
) -> None:
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


def _grace_in_words(grace_s: int, ends_at: datetime) -> str:
    return (
        f"The old key works until {ends_at:%Y-%m-%d %H:%M} UTC." if grace_s else "The old key ended at once."
    )


def _judged(values: Mapping[str, Any], *, granted_by: frozenset[str]) -> dict[str, Any]:
    """Return the values as they are stored. Raises Invalid with everything that is wrong with them."""
    errors: list[FieldError] = []
    judged = dict(values)
    if "name" in judged:
        judged["name"] = " ".join(str(judged["name"]).split())
        if not 0 < len(judged["name"]) <= NAME_CHARS_MAX or not judged["name"].isprintable():
            errors.append(FieldError("name", f"Give the key a name of 1 to {NAME_CHARS_MAX} characters."))
    if "scopes" in judged:
        judged["scopes"] = sorted(set(judged["scopes"]))
        errors += _judge_scopes(judged["scopes"], granted_by)
    if "networks" in judged:
        try:
            judged["networks"] = parse_networks(judged["networks"])
        except ValueError as error:
            errors.append(FieldError("networks", str(error)))
    for field in ("per_hour", "per_day"):
        if field in judged and not 1 <= judged[field] <= PER_WINDOW_MAX:
            errors.append(FieldError(field, f"Give a number from 1 to {PER_WINDOW_MAX}."))
    if judged.get("expires_at") is not None:
        errors += _judge_expiry(judged["expires_at"])
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    return judged


def _judge_scopes(scopes: Sequence[str], granted_by: frozenset[str]) -> list[FieldError]:
    errors = []
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
    return errors


def _judge_expiry(expires_at: datetime) -> list[FieldError]:
    now = clock.now()
    if expires_at <= now:
        return [FieldError("expires_at", "That is in the past. Choose a later date, or revoke the key.")]
    # A day more: a date means its end, wherever the one who chose it lives.
    if expires_at > now + timedelta(days=EXPIRY_DAYS_MAX + 1):
        return [FieldError("expires_at", f"At most {EXPIRY_DAYS_MAX} days from now.")]
    return []
