"""Calls a service through an integration: with its credentials, within its limits, logged, through the one door."""

import base64
from dataclasses import replace
from urllib.parse import quote

import structlog

from app.extensions import outbound_client
from app.integrations.addresses import expand, origin_of
from app.integrations.services.access import Access
from app.integrations.services.call_log import record_call
from app.integrations.services.call_slots import call_slot
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.integrations.services.tokens import access_token_of, replace_rejected
from app.integrations.spec import BasicAuth, HeaderAuth, OAuthAuth, QueryAuth
from app.lib import clock
from app.lib.errors import Invalid
from app.lib.outbound import Request, Result, is_host_failure, shown_result
from app.web.limits import LimitStatus, counters, refuse

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5.0
#: RFC 9110 §9.2.2: all others may be sent again.
_SENT_ONCE = frozenset({"POST", "PATCH"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
#: Failures before the service can have done anything, and answers that ask to come again.
_REPEATABLE_KINDS = frozenset(
    {"connect_refused", "connect_failed", "timeout_connect", "reset", "dns_timeout"}
)
_REPEATABLE_STATUSES = frozenset({502, 503, 504})
#: Written by the credentials, or by the connection itself.
_OWN_HEADERS = frozenset({"authorization", "host", "content-length", "cookie", "accept-encoding"})


def send_call(access: Access, call: OutgoingCall) -> CallOutcome:
    """Send one call and return what became of it; a failure of the service is an outcome, no exception.

    An access token that the service refuses is replaced once. Safe methods are repeated once when the connection failed
    or the service asked to come again. Raises Invalid for a call that leads elsewhere or sets a header of ours,
    QuotaExceeded, Conflict when the connection has ended, and Unavailable while too many others wait for their services. No
    session may be open.
    """
    _check_call(access, call)
    with call_slot(access.team_id):
        statuses, is_first = counters().take(access.policies) if access.policies else ([], False)
        if any(status.is_refusing for status in statuses):
            refuse(statuses, team_id=access.team_id, is_first=is_first)
        outcome = _without_host_failure(access, _send_with_credentials(access, call, tuple(statuses)))
        return replace(outcome, log_id=record_call(access, call, outcome))


def _without_host_failure(access: Access, outcome: CallOutcome) -> CallOutcome:
    """Return the outcome as tenants may see it; what happened to the host stands in the log."""
    result = outcome.result
    if is_host_failure(result):
        log.info(
            "integration_host_unusable",
            team_id=access.team_id,
            integration_id=access.integration_id,
            error_kind=result.error_kind,
            reason=result.error_detail,
        )
    return replace(outcome, result=shown_result(result))


def _send_with_credentials(
    access: Access, call: OutgoingCall, limits: tuple[LimitStatus, ...]
) -> CallOutcome:
    ends_at_s = clock.steady_s() + call.timeout_s
    token = ""
    if access.uses_oauth and access.connection_id is not None:
        token = access_token_of(access.connection_id).access_token
    outcome = _send(access, call, token, limits, ends_at_s, tries=1)
    if token and access.connection_id is not None and outcome.result.status_code == 401:
        fresh = replace_rejected(access.connection_id, token)
        if fresh is not None:
            return _send(access, call, fresh.access_token, limits, ends_at_s, tries=2)
    elif call.method in _SAFE_METHODS and _is_repeatable(outcome.result):
        return _send(access, call, token, limits, ends_at_s, tries=2)
    return outcome


def _send(
    access: Access,
    call: OutgoingCall,
    token: str,
    limits: tuple[LimitStatus, ...],
    ends_at_s: float,
    *,
    tries: int,
) -> CallOutcome:
    url, headers = _with_credentials(access, call, token)
    left_s = max(0.1, ends_at_s - clock.steady_s())
    request = Request(
        url,
        call.method,
        headers,
        call.body,
        connect_timeout_s=min(CONNECT_TIMEOUT_S, left_s),
        timeout_s=left_s,
        max_body_bytes=call.max_body_bytes,
        owner=access.team_id,
    )
    client = outbound_client()
    try:
        if call.method in _SENT_ONCE and "idempotency-key" not in {name.lower() for name, _ in headers}:
            # On a kept connection that turns out to be dead a request is sent again: what acts must not act twice.
            result = client.send_once(request)
        else:
            # Connections carry credentials: they are kept for this integration alone.
            result = client.send(request, key=access.integration_id)
    except ValueError as error:
        # A value of the settings or of the call that no request can carry.
        raise Invalid.field("headers", str(error)) from None
    return CallOutcome(result, url, tuple(headers), limits, tries, token)


def _with_credentials(access: Access, call: OutgoingCall, token: str) -> tuple[str, list[tuple[str, str]]]:
    """Return address and headers of the request with what proves who sends it."""
    given = {name.lower() for name, _ in call.headers}
    headers = [(name, value) for name, value in access.headers.items() if name.lower() not in given]
    headers += call.headers
    url, placement = call.url, access.placement
    match placement:
        case OAuthAuth():
            headers.append(
                (placement.header, expand(placement.value, {**access.values, "access_token": token}))
            )
        case HeaderAuth():
            value = expand(placement.value, access.values)
            headers.append((expand(placement.header, access.values), value))
        case BasicAuth():
            user, password = expand(placement.user, access.values), _optional(placement.password, access)
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            headers.append(("Authorization", f"Basic {pair}"))
        case QueryAuth():
            separator = "&" if "?" in url else "?"
            secret = quote(access.values[placement.field], safe="")
            parameter = quote(expand(placement.parameter, access.values), safe="")
            url = f"{url}{separator}{parameter}={secret}"
    return url, headers


def _optional(template: str, access: Access) -> str:
    """Return an expanded template that may be empty: a token as the user of HTTP Basic has no password."""
    return expand(template, access.values) if template else ""


def _check_call(access: Access, call: OutgoingCall) -> None:
    if origin_of(call.url) not in access.origins:
        raise Invalid.field(
            "path",
            "The address leads to another server than the integration's. Its credentials stay with that one.",
        )
    placement = access.placement
    own: set[str] = set()
    if isinstance(placement, OAuthAuth | HeaderAuth):
        own.add(expand(placement.header, access.values).lower())
    for name, _ in call.headers:
        if name.lower() in _OWN_HEADERS | own:
            raise Invalid.field("headers", f"{name} is written by Signalbox. Remove it.")


def _is_repeatable(result: Result) -> bool:
    return result.error_kind in _REPEATABLE_KINDS or result.status_code in _REPEATABLE_STATUSES
