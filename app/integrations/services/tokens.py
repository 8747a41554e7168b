"""The access token that a call carries: fetched for each try, so that none goes on with one that has ended."""

from datetime import timedelta

from app.extensions import db
from app.integrations.credentials import CredentialsUnreadable
from app.integrations.rules import CONNECTED
from app.integrations.services.refreshing import refresh_version
from app.integrations.services.token_sets import StoredTokens, read_tokens
from app.lib import clock
from app.lib.errors import Conflict, SignalboxError, Unavailable
from app.oauth.tokens import TokenSet

#: On a refusal of a token so young there is nothing that a refresh would better.
_YOUNG = timedelta(seconds=30)


def access_token_of(connection_id: str) -> TokenSet:
    """Return the connection's tokens, refreshed if the access token has ended; ends the transaction.

    Raises Conflict when it has to be connected again, and Unavailable while the provider does not refresh it.
    """
    stored = _connected(connection_id)
    if not stored.is_ending or not stored.can_be_refreshed:
        return stored.tokens
    if stored.waits_to_retry:
        return _usable(stored)
    refresh_version(connection_id, stored.version)
    return _usable(_connected(connection_id))


def replace_rejected(connection_id: str, rejected: str) -> TokenSet | None:
    """Return tokens that replace one which the provider refused; None when there are none.

    What another process has refreshed meanwhile counts. A refresh that fails is recorded: the next call says so.
    """
    db.session.rollback()
    try:
        stored = _connected(connection_id)
        if stored.tokens.access_token != rejected:
            return stored.tokens
        is_young = stored.refreshed_at > clock.now() - _YOUNG
        if not stored.can_be_refreshed or is_young or stored.waits_to_retry:
            return None
        refresh_version(connection_id, stored.version)
        stored = _connected(connection_id)
    except SignalboxError:
        return None
    return stored.tokens if stored.tokens.access_token != rejected else None


def _connected(connection_id: str) -> StoredTokens:
    """Return the tokens of a connection that works. Raises Conflict."""
    try:
        stored = read_tokens(connection_id)
    except CredentialsUnreadable as error:
        raise Conflict(str(error)) from error
    if stored is None:
        raise Conflict("It is not connected (any more). Connect it on its page.")
    if stored.state != CONNECTED:
        raise Conflict(f"It has to be connected again. {stored.reason or ''}".strip())
    return stored


def _usable(stored: StoredTokens) -> TokenSet:
    """Return the tokens unless the access token has ended. Raises Unavailable."""
    if stored.has_ended:
        raise Unavailable(
            "The access token has ended, and could not be refreshed yet:"
            f" {stored.last_refresh_error or 'the provider did not answer.'} It is tried again in some minutes."
        )
    return stored.tokens
