"""Refreshes a connection because somebody asks for it, whenever it is due."""

from app.extensions import db
from app.integrations.credentials import CredentialsUnreadable
from app.integrations.queries.integrations import get_integration
from app.integrations.rules import CONNECTED
from app.integrations.services.call_slots import call_slot
from app.integrations.services.refreshing import refresh_version
from app.integrations.services.token_sets import StoredTokens, read_tokens
from app.lib.errors import Conflict, NotFound, Unavailable


def refresh_now(team_id: str, integration_id: str) -> None:
    """Have the connection's tokens refreshed, by us or by who is at it already.

    No session is open meanwhile. Raises NotFound where it is not connected, Conflict where it has to be reconnected, and
    Unavailable when the provider did not do it, with its words.
    """
    connection = get_integration(team_id, integration_id).connection
    connection_id = connection.id if connection else ""
    db.session.rollback()
    before = _read(connection_id)
    if not before.can_be_refreshed:
        raise Conflict("The provider gave no token to refresh it with. Reconnect it when it has ended.")
    with call_slot(team_id):
        refresh_version(connection_id, before.version)
    after = _read(connection_id)
    if after.version != before.version:
        return
    words = after.last_refresh_error or "The provider did not answer."
    if after.state != CONNECTED:
        raise Conflict(words)
    raise Unavailable(words)


def _read(connection_id: str) -> StoredTokens:
    try:
        stored = read_tokens(connection_id) if connection_id else None
    except CredentialsUnreadable as error:
        raise Conflict(str(error)) from error
    if stored is None:
        raise NotFound("It is not connected (any more).")
    return stored
