"""The form of an API key: `sb_live_<kid>_<secret>_<checksum>` or `sb_test_…`, all parts in base 62.

`kid` is public and finds the row. The secret carries 256 bits. The checksum is the CRC-32 of what stands before it: it
distinguishes typos and cut-off copies from wrong keys, and lets secret scanners recognise a key. It adds no security.
"""

import re
import secrets
import zlib
from dataclasses import dataclass

LIVE_PREFIX, TEST_PREFIX = "sb_live_", "sb_test_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KID_CHARS = 12
#: 62^43 is the first power above 2^256.
_SECRET_CHARS = 43
_CHECKSUM_CHARS = 6
_PATTERN = re.compile(
    rf"sb_(?:live|test)_([0-9A-Za-z]{{{_KID_CHARS}}})_[0-9A-Za-z]{{{_SECRET_CHARS}}}_([0-9A-Za-z]{{{_CHECKSUM_CHARS}}})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A key that was just made: `token` is all of it, `kid` the part that may be shown."""

    token: str
    kid: str


def new_token(*, is_test: bool = False) -> NewToken:
    """Return a new random key."""
    kid = "".join(secrets.choice(_ALPHABET) for _ in range(_KID_CHARS))
    secret = _base62(int.from_bytes(secrets.token_bytes(32)), _SECRET_CHARS)
    body = f"{TEST_PREFIX if is_test else LIVE_PREFIX}{kid}_{secret}"
    return NewToken(f"{body}_{_checksum(body)}", kid)


def kid_of(token: str) -> str | None:
    """Return the public part of a well-formed key, or None when form or checksum are wrong."""
    match = _PATTERN.fullmatch(token)
    if match is None or _checksum(token[: -_CHECKSUM_CHARS - 1]) != match[2]:
        return None
    return match[1]


def masked(kid: str, *, is_test: bool = False) -> str:
    """Return how a key is shown after its first and only appearance."""
    return f"{TEST_PREFIX if is_test else LIVE_PREFIX}{kid}_…"


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_CHARS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
