"""Hides secrets in what the trail and the request log keep. Pure."""

import json
import re
from collections.abc import Iterable

from app.lib import redact
from app.lib.redact import MASK, is_secret_name

#: API keys and signing secrets of Signalbox, wherever in a text they stand, cut off or whole.
_OWN_SECRETS = re.compile(r"(?:sb_live_|sb_test_|whsec_)[0-9A-Za-z_+/=-]+")
_OWN_PREFIXES = ("sb_live_", "sb_test_", "whsec_")
#: `name=value` and `"name": "value"`, for text that cannot be parsed because it is broken or cut off.
_PAIR = re.compile(
    r"""(?P<name>[\w.-]+)(?P<between>"?\s*[:=]\s*)(?P<value>"(?:\\.|[^"\\])*"?|[^\s,;&"}\]]+)"""
)
_QUERY_PAIR = re.compile(r"(?P<name>[^?&=#]+)=(?P<value>[^&#]*)")


def text(value: str) -> str:
    """Return the text with every API key and signing secret masked."""
    if any(prefix in value for prefix in _OWN_PREFIXES):
        return _OWN_SECRETS.sub(MASK, value)
    return value


def address(url: str) -> str:
    """Return a URL or a path with the values of secret query parameters masked."""
    base, mark, query = url.partition("?")
    if not mark:
        return text(url)
    return text(f"{base}?{_QUERY_PAIR.sub(_masked_parameter, query)}")


def headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers in their order, secret ones masked by name or value."""
    return [(name, text(value)) for name, value in redact.headers(pairs)]


def body(content: bytes, *, is_cut: bool, size_max: int) -> str:
    """Return a body as text of at most `size_max` bytes, secret fields masked; `is_cut`: its end is missing."""
    shown = content.decode(errors="replace").replace("\x00", "\ufffd")
    if not is_cut:
        try:
            shown = json.dumps(_masked(json.loads(shown)), ensure_ascii=False)
        except (ValueError, RecursionError):
            shown = _PAIR.sub(_masked_pair, shown)
    else:
        shown = _PAIR.sub(_masked_pair, shown)
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
        return address(content) if content.startswith(("http://", "https://")) else text(content)
    if isinstance(content, dict):
        return {text(str(name)): value(str(name), item) for name, item in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [_masked(item) for item in content]
    return text(str(content))


def _masked_parameter(found: re.Match[str]) -> str:
    return f"{found['name']}={MASK}" if is_secret_name(found["name"]) else found.group()


def _masked_pair(found: re.Match[str]) -> str:
    if not is_secret_name(found["name"]):
        return found.group()
    quote = '"' if found["value"].startswith('"') else ""
    return f"{found['name']}{found['between']}{quote}{MASK}{quote}"
