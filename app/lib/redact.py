"""Hides secrets in what is stored, shown or logged: by the name of a field and by the value itself."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

MASK = "••••••"

_SECRET_NAME = re.compile(
    r"authoriz|cookie|token|secret|passw|api[-_]?key|access[-_]?key|private[-_]?key|credential|session",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Return whether a header or field of this name usually carries a secret."""
    return _SECRET_NAME.search(name) is not None


def headers(pairs: Iterable[tuple[str, str]], *, secret_values: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return the headers in their order with secret ones masked, by name or because they hold a secret value."""
    return [
        (name, MASK if is_secret_name(name) else text(value, secret_values=secret_values))
        for name, value in pairs
    ]


def text(value: str, *, secret_values: Sequence[str]) -> str:
    """Return `value` with every occurrence of a secret masked."""
    for secret in secret_values:
        if secret and secret in value:
            value = value.replace(secret, MASK)
    return value
