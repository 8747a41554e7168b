"""The secrets of integrations: sealed to their row, opened for a call, masked for everybody else."""

from collections.abc import Mapping

import orjson

from app.extensions import sealer
from app.integrations.models import Connection, Integration, ProviderApp
from app.lib.sealed import CannotOpen


class CredentialsUnreadable(Exception):
    """They are stored, but do not open: the key is gone, or the row was changed. The text says what to do."""


def seal_credentials(integration_id: str, secrets: Mapping[str, str]) -> str | None:
    """Return an integration's secrets as they are stored; None when there are none."""
    if not secrets:
        return None
    return sealer().seal(
        orjson.dumps(dict(secrets)), table="integrations", column="credentials", row_id=integration_id
    )


def open_credentials(integration: Integration) -> dict[str, str]:
    """Return an integration's secrets by name. Raises CredentialsUnreadable."""
    opened = _open(integration.credentials_sealed, "integrations", "credentials", integration.id)
    return {} if opened is None else dict(orjson.loads(opened))


def seal_tokens(connection_id: str, tokens: bytes) -> str:
    """Return a connection's token set, as JSON, as it is stored."""
    return sealer().seal(tokens, table="connections", column="tokens", row_id=connection_id)


def open_tokens(connection: Connection) -> bytes:
    """Return a connection's token set as JSON. Raises CredentialsUnreadable."""
    opened = _open(connection.tokens_sealed, "connections", "tokens", connection.id)
    if opened is None:
        raise CredentialsUnreadable("The connection holds no tokens. Connect it again.")
    return opened


def seal_client_secret(app_id: str, secret: str) -> str | None:
    """Return an app's client secret as it is stored; None when it has none."""
    if not secret:
        return None
    return sealer().seal(secret.encode(), table="provider_apps", column="client_secret", row_id=app_id)


def open_client_secret(app: ProviderApp) -> str:
    """Return an app's client secret, empty for a public client. Raises CredentialsUnreadable."""
    opened = _open(app.client_secret_sealed, "provider_apps", "client_secret", app.id)
    return "" if opened is None else opened.decode()


def _open(sealed: str | None, table: str, column: str, row_id: str) -> bytes | None:
    if not sealed:
        return None
    try:
        return sealer().open(sealed, table=table, column=column, row_id=row_id)
    except CannotOpen as error:
        raise CredentialsUnreadable(
            f"The stored credentials cannot be read ({error}). Write them again, or have the operator restore the key."
        ) from error
