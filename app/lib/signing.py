"""Standard Webhooks signatures (https://www.standardwebhooks.com, specification 1.0.0), symmetric scheme."""

import base64
import hmac
import secrets

SECRET_PREFIX = "whsec_"  # noqa: S105 - every secret begins so
_SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new signing secret: `whsec_` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def secret_key(secret: str) -> bytes:
    """Return the HMAC key inside a `whsec_…` secret. Raises ValueError when it is not base64."""
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


def sign(key: bytes, *, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`."""
    mac = hmac.digest(key, b"%s.%d.%s" % (message_id.encode(), timestamp_s, body), "sha256")
    return "v1," + base64.b64encode(mac).decode()
