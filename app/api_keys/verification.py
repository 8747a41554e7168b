"""Finds the principal of an API key. On the path of every API request: one select, no bcrypt once warm."""

import hmac
from datetime import datetime
from functools import lru_cache
from typing import cast

from flask import current_app
from sqlalchemy import Row, bindparam, select

from app.api_keys.known_keys import KnownKeys
from app.api_keys.models import ApiKey
from app.api_keys.tokens import kid_of
from app.db.session import reading
from app.extensions import current_settings, db
from app.lib import passwords
from app.lib.errors import AuthenticationFailed
from app.web.access import Principal
from app.web.permissions import expand

_EXTENSION = "signalbox.known_keys"
_ROW_OF_KID = select(
    ApiKey.id, ApiKey.name, ApiKey.team_id, ApiKey.key_hash, ApiKey.scopes, ApiKey.revoked_at
).where(ApiKey.kid == bindparam("kid"))


def principal_of_key(token: str) -> Principal:
    """Return the principal of a presented key.

    Raises AuthenticationFailed for a key that is malformed, unknown, wrong or revoked; that it was revoked is
    said only to who holds the whole key. No transaction is open while bcrypt runs.
    """
    kid = kid_of(token)
    if kid is None:
        raise AuthenticationFailed(
            "This is not an API key of Signalbox, or a part of it is missing. Copy the whole key: it starts with"
            " sb_live_ and has 71 characters."
        )
    row = _find_row(kid)
    if row is None or not _known_keys().fits(kid, row.key_hash, token):
        raise AuthenticationFailed(
            "This API key is not valid. Check that it is the key of this installation, or create a new one."
        )
    if row.revoked_at is not None:
        raise AuthenticationFailed(
            f"The API key '{row.name}' was revoked. Use another key or create a new one."
        )
    return Principal("api_key", row.id, row.name, row.team_id, _granted(tuple(row.scopes)))


def _find_row(kid: str) -> Row[str, str, str, str, list[str], datetime | None] | None:
    with reading(), db.engine.connect() as connection:
        return connection.execute(_ROW_OF_KID, {"kid": kid}).one_or_none()


def _known_keys() -> KnownKeys:
    known = current_app.extensions.get(_EXTENSION)
    if known is None:
        pepper = hmac.digest(current_settings().secret_key.encode(), b"signalbox api key pepper", "sha256")
        # setdefault: of two threads that come first, one wins and both use its memory.
        known = current_app.extensions.setdefault(_EXTENSION, KnownKeys(pepper, passwords.matches))
    return cast(KnownKeys, known)


@lru_cache(maxsize=1024)
def _granted(scopes: tuple[str, ...]) -> frozenset[str]:
    return expand(frozenset(scopes))
