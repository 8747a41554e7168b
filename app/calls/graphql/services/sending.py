"""Sends GraphQL requests through an integration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.integrations.addresses import MissingValue, expand, is_header_name
from app.integrations.models import Integration
from app.integrations.providers import get_provider
from app.integrations.services.access import Access
from app.integrations.services.calling import send_call
from app.integrations.services.outgoing import BODY_MAX_BYTES, CallOutcome, OutgoingCall
from app.lib.errors import Conflict, Invalid

_HEADERS = (
    ("Content-Type", "application/json"),
    # The GraphQL-over-HTTP draft's type first: with it a server says by the status that it refused the request.
    ("Accept", "application/graphql-response+json, application/json;q=0.9"),
)
_VALUE_MAX_CHARS = 2_000


def check_has_graphql(integration: Integration) -> None:
    """Raise Conflict for an integration whose provider has no GraphQL API."""
    provider = get_provider(integration.provider)
    if not provider.graphql_url:
        raise Conflict(f"{provider.name} has no GraphQL API that Signalbox knows. Use a GraphQL integration.")


def send_query(
    access: Access,
    query: str,
    *,
    operation_name: str,
    variables: Mapping[str, Any] | None = None,
    headers: Sequence[tuple[str, str]] = (),
    source_id: str | None = None,
    max_body_bytes: int = BODY_MAX_BYTES,
) -> CallOutcome:
    """POST a request as the GraphQL-over-HTTP draft has it. Never repeated by itself. Raises as `send_call` does.

    The values of further `headers` count as secrets: they are masked wherever the call is logged.
    """
    body: dict[str, Any] = {"query": query, "operationName": operation_name}
    if variables:
        body["variables"] = dict(variables)
    call = OutgoingCall(
        url=_graphql_url(access),
        purpose="graphql",
        method="POST",
        headers=(*_HEADERS, *headers),
        body=json.dumps(body, ensure_ascii=False).encode(errors="replace"),
        source_id=source_id,
        secret_values=[value for _, value in headers if value],
        max_body_bytes=max_body_bytes,
    )
    return send_call(access, call)


def checked_headers(headers: Sequence[tuple[str, str]], *, headers_max: int) -> list[tuple[str, str]]:
    """Return further headers of a request. Raises Invalid for those that cannot be sent."""
    if len(headers) > headers_max:
        raise Invalid.field("headers", f"Send at most {headers_max} headers.")
    for name, value in headers:
        if not is_header_name(name):
            raise Invalid.field("headers", f"{name[:50]} cannot be the name of a header.")
        if name.lower() in {"content-type", "accept"}:
            raise Invalid.field("headers", f"{name} is written by Signalbox. Remove it.")
        if not value.isascii() or not value.isprintable() or len(value) > _VALUE_MAX_CHARS:
            raise Invalid.field("headers", f"The value of {name} must be printable ASCII.")
    return list(headers)


def _graphql_url(access: Access) -> str:
    template = access.provider.graphql_url
    if not template:
        raise Conflict(f"{access.provider.name} has no GraphQL API that Signalbox knows.")
    try:
        return expand(template, access.values)
    except MissingValue as error:
        raise Conflict(f"{access.name} lacks {error.name}. Reconnect it, or fill it in.") from None
