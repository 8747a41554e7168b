"""Readers of providers' JSON that more than one provider needs. Pure."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from app.integrations.spec import Refused

_TOLD_CHARS_MAX = 200
_NOT_ITS_OWN = "The provider named an address that is not its own."


def text_at(*path: str | int) -> Callable[[Any], str | None]:
    """Return a reader of the text or whole number at a path of members and indexes; it returns None where there is none."""

    def read(answer: Any) -> str | None:  # noqa: ANN401 - foreign JSON
        for step in path:
            if isinstance(answer, Mapping) and isinstance(step, str):
                answer = answer.get(step)
            elif isinstance(answer, list) and isinstance(step, int) and step < len(answer):
                answer = answer[step]
            else:
                return None
        if isinstance(answer, int) and not isinstance(answer, bool):
            answer = str(answer)
        return answer[:_TOLD_CHARS_MAX] if isinstance(answer, str) and answer else None

    return read


def graphql_text_at(*path: str) -> Callable[[Any], str | None]:
    """Return a reader as of `text_at`, below `data`; it raises Refused for an answer with errors (GraphQL §7.1)."""
    read_text = text_at("data", *path)

    def read(answer: Any) -> str | None:  # noqa: ANN401 - foreign JSON
        if not isinstance(answer, Mapping) or not ("data" in answer or "errors" in answer):
            raise Refused("This is no answer of a GraphQL server.")
        if answer.get("errors"):
            raise Refused(text_at("errors", 0, "message")(answer) or "The query was answered with an error.")
        return read_text(answer)

    return read


def refuse_error(
    answer: Mapping[str, Any], codes: Mapping[str, str] | None = None, *, member: str = "error"
) -> None:
    """Raise Refused if the answer names an error in `member`. `codes`: RFC 6749's names for the provider's own."""
    if (code := answer.get(member)) is None:
        return
    code = code[:_TOLD_CHARS_MAX] if isinstance(code, str) else ""
    told = answer.get("error_description") or answer.get("message")
    reason = told[:_TOLD_CHARS_MAX] if isinstance(told, str) else code
    raise Refused(reason or "The provider gives no reason.", (codes or {}).get(code, code))


def origin_below(address: object, domains: Collection[str]) -> str:
    """Return `https://host` of an address whose host is one of the domains, or below one. Raises Refused.

    Tokens are sent to addresses that an answer or a browser names, so they must be the provider's.
    """
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused(_NOT_ITS_OWN) from None
    if parts.scheme != "https" or port is not None or "@" in parts.netloc or not _is_below(host, domains):
        raise Refused(_NOT_ITS_OWN)
    return f"https://{host}"


def spaced(scope: object) -> str:
    """Return scopes that a provider separates by commas as RFC 6749 §3.3 writes them."""
    return " ".join(scope.replace(",", " ").split()) if isinstance(scope, str) else ""


def _is_below(host: str, domains: Collection[str]) -> bool:
    is_name = host.isascii() and host.replace("-", "").replace(".", "").isalnum()
    return is_name and any(host == domain or host.endswith(f".{domain}") for domain in domains)
