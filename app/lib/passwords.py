"""Slow hashes for passwords and API keys: bcrypt over SHA-256.

bcrypt refuses more than 72 bytes and stops at NUL, so it is given the hexadecimal SHA-256 of the secret.
"""

import hashlib
import secrets

import bcrypt

PASSWORD_ROUNDS = 12
API_KEY_ROUNDS = 10


def hash_secret(secret: str, *, rounds: int = PASSWORD_ROUNDS) -> str:
    """Return the bcrypt hash to store. Takes 60 ms (10 rounds) to 250 ms (12 rounds) on purpose."""
    return bcrypt.hashpw(_prepared(secret), bcrypt.gensalt(rounds)).decode()


def matches(secret: str, stored_hash: str) -> bool:
    """Return whether `secret` is the one that was hashed."""
    return bcrypt.checkpw(_prepared(secret), stored_hash.encode())


def hash_dummy() -> None:
    """Hash a constant, so that an unknown account is refused as slowly as a wrong password."""
    bcrypt.hashpw(_prepared(secrets.token_hex(8)), bcrypt.gensalt(PASSWORD_ROUNDS))


def _prepared(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).hexdigest().encode()
