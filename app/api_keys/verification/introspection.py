"""Lets a team's own services ask whether a key that was presented to them may do something."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from flask import g
from sqlalchemy import select

from app.api_keys.models import ApiKey
from app.api_keys.rules import KeyState, allows_address, state_of
from app.api_keys.verification import verifier
from app.extensions import db
from app.lib import clock
from app.lib.errors import AuthenticationFailed
from app.web.permissions import expand

Reason = Literal["valid", "unknown", "revoked", "expired", "replaced", "network", "scope"]


@dataclass(frozen=True, slots=True)
class Verified:
    """The answer about a key. Of a key that is unknown to the team nothing is revealed."""

    reason: Reason
    key_id: str | None = None
    name: str | None = None
    scopes: tuple[str, ...] | None = None
    is_test: bool | None = None
    expires_at: datetime | None = None

    @property
    def valid(self) -> bool:
        """Whether it may be used for what was asked."""
        return self.reason == "valid"


def verify_key(team_id: str, token: str, *, scope: str | None = None, address: str | None = None) -> Verified:
    """Return whether a key of this team may be used now; with `scope` and `address`, whether for that and from there.

    Nothing is counted against the key's limits. Raises RateLimited when many wrong secrets of one key are tried.
    """
    try:
        entry = verifier.check(token)
    except AuthenticationFailed:
        return _refused(team_id)
    if entry.team_id != team_id:
        return Verified("unknown")
    reason: Reason = "valid"
    # In the order of a real call.
    if address is not None and not allows_address(entry.networks, address):
        reason = "network"
    elif scope is not None and scope not in expand(frozenset(entry.scopes)):
        reason = "scope"
    return Verified(
        reason,
        entry.key_id,
        entry.name,
        entry.scopes,
        entry.is_test,
        datetime.fromtimestamp(entry.ends_at_s, UTC) if entry.ends_at_s is not None else None,
    )


def _refused(team_id: str) -> Verified:
    # Verification sets this only when the whole key was right. It is meant for the key of the caller in the request
    # log, and this key is not the caller's.
    key_id, _, owner_id = g.pop("refused_key", (None, None, None))
    if owner_id != team_id:
        return Verified("unknown")
    key = db.session.scalar(select(ApiKey).where(ApiKey.team_id == team_id, ApiKey.id == key_id))
    if key is None:
        return Verified("unknown")
    state = state_of(revoked_at=key.revoked_at, expires_at=key.expires_at, now=clock.now())
    reason: Reason = "replaced" if state is KeyState.ACTIVE else "revoked" if key.revoked_at else "expired"
    return Verified(reason, key.id, key.name, tuple(key.scopes), key.is_test, key.expires_at)
