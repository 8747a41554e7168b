"""Which keys are valid, and what makes two requests the same."""

import hashlib
from datetime import timedelta

from app.lib.errors import Malformed

KEY_CHARS_MAX = 255
#: How long an answer is repeated.
KEPT_FOR = timedelta(hours=24)
#: After so long without an answer the process that ran the request counts as dead, and the key is free.
RUNS_AT_MOST = timedelta(seconds=60)


def check_key(key: str) -> str:
    """Return the key. Raises Malformed unless it has 1 to 255 printable ASCII characters."""
    if not 1 <= len(key) <= KEY_CHARS_MAX or not key.isascii() or not key.isprintable():
        raise Malformed(
            f"The header Idempotency-Key must have 1 to {KEY_CHARS_MAX} printable ASCII characters. A UUID is a"
            " good one."
        )
    return key


def digest_of(principal_id: str, method: str, path: str, body: bytes) -> str:
    """Return what a repetition has in common with the first request, byte by byte, and no other request has."""
    digest = hashlib.sha256()
    for part in (principal_id.encode(), method.encode(), path.encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
