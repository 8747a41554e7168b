"""The access token that a call carries."""

from app.extensions import db
from app.integrations.credentials import CredentialsUnreadable, open_tokens
from app.integrations.models import Connection
from app.lib.errors import Conflict
from app.oauth.tokens import TokenSet


def access_token_of(connection_id: str) -> TokenSet:
    """Return the connection's tokens. Raises Conflict when it has to be connected again; ends the transaction."""
    connection = db.session.get(Connection, connection_id)
    try:
        if connection is None or connection.state != "connected":
            raise Conflict("It has to be connected again: the connection ended.")
        return TokenSet.from_json(open_tokens(connection))
    except CredentialsUnreadable as error:
        raise Conflict(str(error)) from error
    finally:
        db.session.rollback()


def replace_rejected(connection_id: str, rejected: str) -> TokenSet | None:
    """Return tokens that replace one which the provider refused; None when there are none.

    What another process has refreshed meanwhile counts. Raises Conflict as `access_token_of`.
    """
    tokens = access_token_of(connection_id)
    return tokens if tokens.access_token != rejected else None
