"""Hides secrets in what the trail and the request log keep. Pure, and linear in the size of what it is given."""

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

import orjson

from app.audit.body_redaction import masked_json, masked_pairs
from app.lib import redact
from app.lib.redact import MASK, is_secret_name
from app.web.secret_fields import RequestSecrets

#: API keys and signing secrets of Signalbox, wherever in a text they are, cut off or whole.
_OWN_SECRETS = re.compile(r"(?:sb_live_|sb_test_|whsec_)[0-9A-Za-z_+/=-]+")
_OWN_PREFIXES = ("sb_live_", "sb_test_", "whsec_")
_URL_SEPARATORS = re.compile(r"([?&#;])")
_URL_STARTS = ("http://", "https://")
_NOTHING_MARKED = RequestSecrets()

NO_BODY_TAKEN = "Not kept: this route takes no body."
CANNOT_BE_MASKED = (
    "Not kept: this route takes secrets, and only complete JSON of at most 8 KB shows where they are."
)


def text(value: str) -> str:
    """Return the text with every API key and signing secret masked."""
    if any(prefix in value for prefix in _OWN_PREFIXES):
        return _OWN_SECRETS.sub(MASK, value)
    return value


def address(url: str, *, secret_names: frozenset[str] = frozenset()) -> str:
    """Return a URL or a path with user name, password and the values of secret query parameters masked.

    `secret_names`, in lower case: parameters that are secret besides those that their name tells.
    """
    parts = _URL_SEPARATORS.split(url)
    parts[0] = _without_credentials(parts[0])
    for index in range(2, len(parts), 2):
        name, equals, content = parts[index].partition("=")
        plain = unquote_plus(name)
        if equals and content and (is_secret_name(plain) or plain.lower() in secret_names):
            parts[index] = f"{name}={MASK}"
    return text("".join(parts))


def headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers in their order, secret ones masked by name or value."""
    return [(name, _string(value)) for name, value in redact.headers(pairs)]


def body(content: bytes, *, is_cut: bool, size_max: int, secrets: RequestSecrets | None = None) -> str:
    """Return a body as text of at most `size_max` bytes, secret fields masked.

    `is_cut`: its end is missing. What is beyond `size_max` is cut off before anything is read. With `secrets` of its
    route the fields they name are masked whatever they are called, and with them all that the route does not know: a
    misspelt name must not show a secret. Where that cannot be told, the text says that nothing was kept.
    """
    is_cut = is_cut or len(content) > size_max
    content = content[:size_max]
    if secrets is not None and secrets.body_fields is None:
        return NO_BODY_TAKEN
    is_json = not is_cut and _is_json_object(content)
    if not is_json and secrets is not None and secrets.has_any:
        return CANNOT_BE_MASKED
    shown = content.decode(errors="ignore" if is_cut else "replace").replace("\x00", "\ufffd")
    shown = _masked_object(shown, secrets or _NOTHING_MARKED) if is_json else masked_pairs(shown)
    return text(shown).encode()[:size_max].decode(errors="ignore")


def value(name: str, content: object) -> object:
    """Return a value as JSON holds it, masked where it or a part of it carries a secret name."""
    if is_secret_name(name):
        return MASK if content else None
    return _masked(content)


def _masked(content: object) -> object:
    if content is None or isinstance(content, bool | int | float):
        return content
    if isinstance(content, str):
        return address(content) if content.startswith(_URL_STARTS) else text(content)
    if isinstance(content, dict):
        return {text(str(name)): value(str(name), item) for name, item in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [_masked(item) for item in content]
    return text(str(content))


def _masked_object(shown: str, secrets: RequestSecrets) -> str:
    known = secrets.body_fields or frozenset()

    def is_secret(name: str, depth: int) -> bool:
        is_unknown = secrets.has_any and depth == 1 and name.lower() not in known
        return is_unknown or name.lower() in secrets.body or is_secret_name(name)

    return masked_json(shown, is_secret=is_secret, mask_string=_string)


def _string(content: str) -> str:
    if content.startswith(_URL_STARTS):
        return address(content)
    # JSON within a string, as some clients send it.
    return masked_pairs(content) if content.startswith(("{", "[")) else text(content)


def _is_json_object(content: bytes) -> bool:
    try:
        return isinstance(orjson.loads(content), dict)
    except orjson.JSONDecodeError:
        return False


def _without_credentials(base: str) -> str:
    scheme, mark, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    if not mark or "@" not in authority:
        return base
    return f"{scheme}://{MASK}@{authority.rpartition('@')[2]}{slash}{path}"
