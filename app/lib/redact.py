"""Masks secrets in what is stored, shown or logged: by the name of a field, and by the value itself. Linear in its input."""

import html
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote_plus

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
_PERCENT = re.compile("(%[0-9A-F]{2})")
_CACHED_NAME_CHARS_MAX = 64
#: The start of a secret is masked at the end of a text from this length on: shorter ones match by chance.
_START_CHARS_MIN = 4

#: API keys and signing secrets of Signalbox, wherever in a text they are, cut off or whole.
_OWN_SECRETS = re.compile(r"(?:sb_live_|sb_test_|whsec_)[0-9A-Za-z_+/=-]+")
_OWN_PREFIXES = ("sb_live_", "sb_test_", "whsec_")
_URL_SEPARATORS = re.compile(r"([?&#;])")
#: What a text begins with that is masked as a URL.
URL_STARTS = ("http://", "https://")


def is_secret_name(name: str) -> bool:
    """Return whether a header or field of this name usually carries a secret."""
    # Names from outside can be long, and the cache must stay small.
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


def own_secrets(value: str) -> str:
    """Return the text with every API key and signing secret of Signalbox masked."""
    if any(prefix in value for prefix in _OWN_PREFIXES):
        return _OWN_SECRETS.sub(MASK, value)
    return value


def url(value: str, *, secret_names: frozenset[str] = frozenset()) -> str:
    """Return a URL or a path with user name, password and the values of secret query parameters masked.

    `secret_names`, in lower case: parameters that are secret besides those with a secret name.
    """
    parts = _URL_SEPARATORS.split(value)
    parts[0] = _without_credentials(parts[0])
    for index in range(2, len(parts), 2):
        name, equals, content = parts[index].partition("=")
        plain = unquote_plus(name)
        if equals and content and (is_secret_name(plain) or plain.lower() in secret_names):
            parts[index] = f"{name}={MASK}"
    return own_secrets("".join(parts))


def json_value(name: str, content: object) -> object:
    """Return the value of a field as JSON holds it, masked where it or a part of it has a secret name."""
    if is_secret_name(name):
        return MASK if content else None
    return _masked(content)


def _masked(content: object) -> object:
    if content is None or isinstance(content, bool | int | float):
        return content
    if isinstance(content, str):
        return url(content) if content.startswith(URL_STARTS) else own_secrets(content)
    if isinstance(content, dict):
        return {own_secrets(str(name)): json_value(str(name), item) for name, item in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [_masked(item) for item in content]
    return own_secrets(str(content))


def _without_credentials(base: str) -> str:
    scheme, mark, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    if not mark or "@" not in authority:
        return base
    return f"{scheme}://{MASK}@{authority.rpartition('@')[2]}{slash}{path}"


def written_forms(secret: str) -> list[str]:
    """Return a secret as it is, and as it stands in JSON, in URLs and in HTML, each once.

    Programs that repeat what they were sent rarely repeat it to the letter; PHP escapes slashes in JSON.
    """
    in_json = json.dumps(secret)[1:-1]
    in_url = quote(secret, safe="")
    in_url_lower = "".join(
        part if index % 2 == 0 else part.lower() for index, part in enumerate(_PERCENT.split(in_url))
    )
    forms = (secret, in_json, in_json.replace("/", "\\/"), in_url, in_url_lower, html.escape(secret))
    return list(dict.fromkeys(forms))


def _without_start(value: str, secrets: Sequence[str]) -> str:
    """Return the text with the longest start of a secret that it ends with masked."""
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
