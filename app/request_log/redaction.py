"""Masks secrets in the headers and bodies that the request log keeps. Pure, and linear in the size of what it is given."""

from collections.abc import Iterable

import orjson

from app.lib import redact
from app.lib.redact import URL_STARTS, is_secret_name
from app.request_log.body_redaction import masked_json, masked_pairs
from app.web.secret_fields import RequestSecrets

_NOTHING_MARKED = RequestSecrets()

NO_BODY_TAKEN = "Not kept: this route takes no body."
CANNOT_BE_MASKED = (
    "Not kept: this route takes secrets, and only complete JSON of at most 8 KB shows where they are."
)


def headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers in their order, secret ones masked by name or value."""
    return [(name, _string(value)) for name, value in redact.headers(pairs)]


def body(
    content: bytes,
    *,
    is_cut: bool,
    size_max: int,
    secrets: RequestSecrets | None = None,
    secret_names: frozenset[str] = frozenset(),
) -> str:
    """Return a body as text of at most `size_max` bytes, secret fields masked.

    `is_cut`: its end is missing. What is beyond `size_max` is cut off before anything is read. With `secrets` of its
    route the fields they name are masked whatever they are called, and with them all that the route does not know: a
    misspelt name must not show a secret. Where the fields cannot be found, the text says that nothing was kept.
    `secret_names`, in lower case, are masked besides, and nothing else because of them.
    """
    is_cut = is_cut or len(content) > size_max
    content = content[:size_max]
    if secrets is not None and secrets.body_fields is None:
        return NO_BODY_TAKEN
    is_json = not is_cut and _is_json_object(content)
    if not is_json and secrets is not None and secrets.has_any:
        return CANNOT_BE_MASKED
    shown = content.decode(errors="ignore" if is_cut else "replace").replace("\x00", "\ufffd")
    shown = (
        _masked_object(shown, secrets or _NOTHING_MARKED, secret_names)
        if is_json
        else masked_pairs(shown, secret_names)
    )
    return redact.own_secrets(shown).encode()[:size_max].decode(errors="ignore")


def _masked_object(shown: str, secrets: RequestSecrets, secret_names: frozenset[str]) -> str:
    known = secrets.body_fields or frozenset()

    def is_secret(name: str, depth: int) -> bool:
        is_unknown = secrets.has_any and depth == 1 and name.lower() not in known
        folded = name.lower()
        return is_unknown or folded in secrets.body or folded in secret_names or is_secret_name(name)

    return masked_json(shown, is_secret=is_secret, mask_string=_string)


def _string(content: str) -> str:
    if content.startswith(URL_STARTS):
        return redact.url(content)
    # JSON within a string, as some clients send it.
    return masked_pairs(content) if content.startswith(("{", "[")) else redact.own_secrets(content)


def _is_json_object(content: bytes) -> bool:
    try:
        return isinstance(orjson.loads(content), dict)
    except orjson.JSONDecodeError:
        return False
