"""Stored token sets: read for a call or a refresh, written over the version that was read and over no other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import update

from app.db.leases import due_in
from app.extensions import db
from app.integrations.credentials import open_tokens, seal_tokens
from app.integrations.models import Connection
from app.integrations.rules import CONNECTED, refresh_wait_s
from app.integrations.spec import OAuth
from app.lib import clock
from app.oauth.tokens import TokenSet

#: A token that ends so soon may have ended when it arrives.
_ENDING_S = 30.0
#: Members of token answers that say when the grant itself ends.
_GRANT_LIFE_NAMES = ("refresh_token_expires_in", "x_refresh_token_expires_in", "refresh_expires_in")


_RANDOM = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTokens:
    """A connection's tokens, and what is known of them."""

    connection_id: str
    version: int
    state: str
    reason: str | None
    tokens: TokenSet = field(repr=False)
    expires_at: datetime | None
    refreshed_at: datetime
    refresh_failures: int
    last_refresh_error: str | None
    due_at: datetime | None
    is_leased: bool

    @property
    def can_be_refreshed(self) -> bool:
        """Whether there is a refresh token."""
        return self.tokens.refresh_token is not None

    @property
    def is_ending(self) -> bool:
        """Whether the access token has ended, or will before it is used."""
        return self.expires_at is not None and self.expires_at <= clock.now() + timedelta(seconds=_ENDING_S)

    @property
    def has_ended(self) -> bool:
        """Whether the access token has ended."""
        return self.expires_at is not None and self.expires_at <= clock.now()

    @property
    def waits_to_retry(self) -> bool:
        """Whether the last refresh failed, and the next one has its time."""
        is_later = self.due_at is not None and self.due_at > clock.now()
        return self.refresh_failures > 0 and not self.is_leased and is_later


def read_tokens(connection_id: str) -> StoredTokens | None:
    """Return a connection's tokens as they are now, None when it is gone; ends the transaction.

    Raises CredentialsUnreadable.
    """
    try:
        connection = db.session.get(Connection, connection_id, populate_existing=True)
        return stored_tokens(connection) if connection is not None else None
    finally:
        # What follows waits for another machine, or for another process.
        db.session.rollback()


def stored_tokens(connection: Connection) -> StoredTokens:
    """Return the tokens of a row. Raises CredentialsUnreadable."""
    return StoredTokens(
        connection_id=connection.id,
        version=connection.token_version,
        state=connection.state,
        reason=connection.reason,
        tokens=TokenSet.from_json(open_tokens(connection)),
        expires_at=connection.expires_at,
        refreshed_at=connection.refreshed_at,
        refresh_failures=connection.refresh_failures,
        last_refresh_error=connection.last_refresh_error,
        due_at=connection.due_at,
        is_leased=connection.lease is not None,
    )


def token_values(
    transaction: DatabaseConnection, connection_id: str, oauth: OAuth, tokens: TokenSet
) -> dict[str, Any]:
    """Return the columns of a connection that has just got these tokens; its version, one higher, is the caller's."""
    now = clock.now()
    life_s = (tokens.expires_at - now).total_seconds() if tokens.expires_at else None
    wait_s = refresh_wait_s(
        life_s,
        has_refresh_token=tokens.refresh_token is not None,
        idle_days=oauth.idle_days,
        jitter=jitter(),
    )
    values: dict[str, Any] = {
        "tokens_sealed": seal_tokens(connection_id, tokens.to_json()),
        "state": CONNECTED,
        "reason_code": None,
        "reason": None,
        "granted_scope": tokens.scope[:2000] if tokens.scope else None,
        "expires_at": tokens.expires_at,
        "refreshed_at": now,
        "refresh_failures": 0,
        "last_refresh_error": None,
        "lease": None,
        "due_at": None if wait_s is None else due_in(transaction, wait_s),
    }
    grant_expires_at = _grant_expires_at(tokens, now)
    return values | ({"grant_expires_at": grant_expires_at} if grant_expires_at else {})


def jitter() -> float:
    """Return a number from 0 to 1, to spread what would come at once."""
    return _RANDOM.random()


def replace_version(
    transaction: DatabaseConnection, connection_id: str, version: int, values: Mapping[str, Any]
) -> bool:
    """Write the columns over this version of the tokens; returns False, having written nothing, over any other."""
    written = transaction.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.token_version == version)
        .values(token_version=version + 1, **values)
        .returning(Connection.id)
    )
    return written.one_or_none() is not None


def details_said(oauth: OAuth, tokens: TokenSet) -> dict[str, str]:
    """Return what the answer says that addresses need."""
    said = {name: tokens.extras.get(name) for name in oauth.answer_names}
    return {name: value for name, value in said.items() if isinstance(value, str) and value}


def _grant_expires_at(tokens: TokenSet, now: datetime) -> datetime | None:
    for name in _GRANT_LIFE_NAMES:
        seconds = tokens.extras.get(name)
        if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 10 * 365 * 86_400:
            return now + timedelta(seconds=seconds)
    return None
