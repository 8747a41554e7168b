"""Hides secrets in what is stored, shown or logged: by the name of a field and by the value itself."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

MASK = "••••••"

#: Parts of names, without hyphens and underscores: `Api-Key`, `api_key` and `apiKey` are one name.
_SECRET_PARTS = (
    "authoriz",
    "cookie",
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "session",
    "totp",
)
_CACHED_NAME_CHARS_MAX = 64
#: The start of a secret is masked at the end of a text from this length on: shorter ones end many a word.
_START_CHARS_MIN = 4


def is_secret_name(name: str) -> bool:
    """Return whether a header or field of this name usually carries a secret."""
    # Foreign names can be long: what is cached stays small.
    return _is_secret_cached(name) if len(name) <= _CACHED_NAME_CHARS_MAX else _is_secret(name)


def headers(pairs: Iterable[tuple[str, str]], *, secret_values: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return the headers in their order with secret ones masked, by name or because they hold a secret value."""
    return [
        (name, MASK if is_secret_name(name) else text(value, secret_values=secret_values))
        for name, value in pairs
    ]


def text(value: str, *, secret_values: Sequence[str], is_cut: bool = False) -> str:
    """Return `value` with every occurrence of a secret masked.

    `is_cut`: the end of the text is missing, so a secret that only begins there is masked as well.
    """
    # The longest first: a secret can be a part of another one, whose rest would stay readable.
    ordered = sorted(filter(None, secret_values), key=len, reverse=True)
    for secret in ordered:
        if secret in value:
            value = value.replace(secret, MASK)
    return _without_start(value, ordered) if is_cut else value


def _without_start(value: str, secrets: Sequence[str]) -> str:
    """Return the text with a secret's start masked with which it ends, the longest such."""
    longest = 0
    for secret in secrets:
        for length in range(min(len(secret) - 1, len(value)), max(longest, _START_CHARS_MIN - 1), -1):
            if value.endswith(secret[:length]):
                longest = length
                break
    return value[: len(value) - longest] + MASK if longest else value


def _is_secret(name: str) -> bool:
    plain = name.lower().replace("-", "").replace("_", "")
    return any(part in plain for part in _SECRET_PARTS)


_is_secret_cached = lru_cache(maxsize=1024)(_is_secret)
