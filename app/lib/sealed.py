"""Secrets at rest: AES-256-GCM, bound to the row that holds them.

A sealed value reads `v1.<key id>.<base64url of nonce ‖ ciphertext ‖ tag>`. The key of each table is derived
from the operator's key with HKDF-SHA-256 (RFC 5869); table, column and row id are additional data, so a
value that is copied into another row, column or table does not open.
"""

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = "v1"
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """A sealed value was changed, moved to another row, or sealed with a key that is not configured."""


class KeyMissing(CannotOpen):
    """The value was sealed with a key that is not configured (any more)."""

    def __init__(self, message: str, key_id: str) -> None:
        super().__init__(message)
        self.key_id = key_id


def prefix_of(key_id: str) -> str:
    """Return the prefix of every value that this key sealed."""
    return f"{_VERSION}.{key_id}."


class Sealer:
    """Seals with the current key; opens with the current and the previous ones."""

    def __init__(self, key: str, previous_keys: Sequence[str] = ()) -> None:
        self._secrets = {_key_id(secret): secret for secret in (*reversed(previous_keys), key)}
        self._current_id = _key_id(key)
        self._ciphers: dict[tuple[str, str], AESGCM] = {}

    @property
    def current_key_id(self) -> str:
        """The id of the key that seals."""
        return self._current_id

    @property
    def previous_key_ids(self) -> tuple[str, ...]:
        """The ids of the keys that only open."""
        return tuple(key_id for key_id in self._secrets if key_id != self._current_id)

    def seal(self, plaintext: bytes, *, table: str, column: str, row_id: str) -> str:
        """Return the text to store for `plaintext` in this place and no other."""
        nonce = os.urandom(_NONCE_BYTES)
        box = self._cipher(self._current_id, table).encrypt(nonce, plaintext, _place(table, column, row_id))
        return f"{prefix_of(self._current_id)}{base64.urlsafe_b64encode(nonce + box).decode()}"

    def open(self, sealed: str, *, table: str, column: str, row_id: str) -> bytes:
        """Return the plaintext. Raises `CannotOpen` when value, place or key do not fit."""
        try:
            version, key_id, encoded = sealed.split(".")
            box = base64.urlsafe_b64decode(encoded)
        except ValueError:
            raise CannotOpen(f"{table}.{column} of {row_id} is not a sealed value") from None
        if version != _VERSION:
            raise CannotOpen(f"{table}.{column} of {row_id} is not a sealed value")
        if key_id not in self._secrets:
            raise KeyMissing(
                f"{table}.{column} of {row_id} was sealed with key {key_id}, which is neither ENCRYPTION_KEY nor"
                " in ENCRYPTION_KEYS_PREVIOUS",
                key_id,
            )
        try:
            return self._cipher(key_id, table).decrypt(
                box[:_NONCE_BYTES], box[_NONCE_BYTES:], _place(table, column, row_id)
            )
        except (InvalidTag, ValueError):
            # ValueError: the value is shorter than a nonce.
            raise CannotOpen(f"{table}.{column} of {row_id} was changed or belongs to another row") from None

    def _cipher(self, key_id: str, table: str) -> AESGCM:
        cipher = self._ciphers.get((key_id, table))
        if cipher is None:
            hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"signalbox.{table}".encode())
            cipher = self._ciphers[key_id, table] = AESGCM(hkdf.derive(self._secrets[key_id].encode()))
        return cipher


def _key_id(secret: str) -> str:
    return hashlib.sha256(b"signalbox key id:" + secret.encode()).hexdigest()[:8]


def _place(table: str, column: str, row_id: str) -> bytes:
    return f"{table}\x00{column}\x00{row_id}".encode()
