"""Ends connections: at the provider where that can be asked for, then here, whatever came of it."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

import orjson
import structlog
from sqlalchemy import delete

from app.audit.trail import record
from app.db import leases
from app.extensions import db, outbound_client
from app.integrations.addresses import MissingValue, expand, expand_query
from app.integrations.credentials import CredentialsUnreadable
from app.integrations.models import Connection
from app.integrations.providers import get_provider
from app.integrations.queries.integrations import get_integration
from app.integrations.services.call_slots import call_slot
from app.integrations.services.refreshing import LEASE_S
from app.integrations.services.registrations import OAuthSetup, setup_of
from app.integrations.services.token_sets import read_tokens
from app.integrations.spec import Refused, RevocationRequest
from app.lib import clock
from app.lib.errors import Conflict, NotFound
from app.lib.outbound import Request
from app.oauth.contract import OAuthError, RequestRefused
from app.oauth.tokens import TokenSet

log = structlog.get_logger()

#: How long a refresh that is under way is waited for: its tokens are to be revoked, too.
_WAIT_S = 9.0
_TIMEOUT_S = 8.0
_WORDS_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What became of a connection: at the provider, in words with what is left to do, and here."""

    is_revoked: bool
    at_provider: str
    here: str = "The tokens were deleted here."


def disconnect(team_id: str, integration_id: str) -> Disconnected:
    """End the connection at the provider, then delete it here in any case; both results go into the audit trail.

    The integration stays. No session is open meanwhile. Raises NotFound where it is not connected, and Unavailable
    while too many others wait for their providers: then nothing was done.
    """
    with call_slot(team_id):
        return _disconnect(team_id, integration_id)


def _disconnect(team_id: str, integration_id: str) -> Disconnected:
    integration = get_integration(team_id, integration_id)
    name, provider, connection = integration.name, get_provider(integration.provider), integration.connection
    setup: OAuthSetup | None = None
    reason = ""
    try:
        if connection is None:
            raise NotFound("It is not connected (any more).")
        connection_id = connection.id
        setup = setup_of(integration)
    except Conflict as error:
        reason = error.detail
    finally:
        db.session.rollback()
    _hold(connection_id)
    tokens = _tokens(connection_id)
    is_revoked, words = False, reason
    if setup is not None and tokens is not None:
        is_revoked, words = _revoked(setup, tokens)
    elif setup is not None:
        words = "The tokens cannot be read."
    by_hand = provider.oauth.revocation_help if provider.oauth and not is_revoked else ""
    outcome = Disconnected(
        is_revoked,
        f"{provider.name} ended the grant."
        if is_revoked
        else f"{provider.name} did not end the grant: {words[:_WORDS_CHARS_MAX]}"
        + (f" End it by hand: {by_hand}" if by_hand else ""),
    )
    session = db.session()
    session.execute(delete(Connection).where(Connection.id == connection_id))
    record(
        session,
        "integration.disconnected",
        team_id=team_id,
        object_type="integration",
        object_id=integration_id,
        object_name=name,
        detail=f"{outcome.at_provider} {outcome.here}",
    )
    session.commit()
    return outcome


def _hold(connection_id: str) -> None:
    """Let nobody else refresh from here on; one who is at it is waited for, but not for ever."""
    ends_at_s = clock.steady_s() + _WAIT_S
    while True:
        with db.engine.begin() as connection:
            if leases.claim_row(connection, Connection, connection_id, lease_s=LEASE_S) is not None:
                return
        if clock.steady_s() >= ends_at_s:
            return
        time.sleep(0.1)


def _tokens(connection_id: str) -> TokenSet | None:
    try:
        stored = read_tokens(connection_id)
    except CredentialsUnreadable:
        return None
    return stored.tokens if stored else None


def _revoked(setup: OAuthSetup, tokens: TokenSet) -> tuple[bool, str]:
    """Return whether the provider ended the grant, and if not why."""
    try:
        if setup.oauth.revocation is not None:
            _send(setup, setup.oauth.revocation, tokens)
            return True, ""
        if setup.client().revoke(tokens):
            return True, ""
    except OAuthError as error:
        log.warning(
            "grant_not_revoked", integration_id=setup.integration_id, reason=setup.masked(str(error), tokens)
        )
        return False, setup.masked(f"{error}.", tokens)
    return False, "it cannot be asked to."


def _send(setup: OAuthSetup, revocation: RevocationRequest, tokens: TokenSet) -> None:
    """Send the provider's own request. Raises OAuthError."""
    token = tokens.refresh_token if revocation.revokes == "refresh_token" else tokens.access_token
    app = setup.app
    if not token:
        raise RequestRefused("there is no refresh token that could be revoked")
    known = {
        **setup.values,
        "token": token,
        "access_token": tokens.access_token,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    try:
        request = _request(setup, revocation, known)
    except MissingValue as error:
        raise RequestRefused(f"{error.name} is not known") from None
    result = outbound_client().send(request, key=setup.integration_id)
    if result.error_kind is not None:
        raise RequestRefused(f"it could not be reached ({result.error_kind})")
    if result.status_code not in revocation.expected:
        raise RequestRefused(f"it answered {result.status_code}")
    if revocation.read is not None:
        try:
            revocation.read(orjson.loads(result.body))
        except orjson.JSONDecodeError:
            raise RequestRefused("its answer cannot be read") from None
        except Refused as refusal:
            raise RequestRefused(str(refusal)) from None


def _request(setup: OAuthSetup, revocation: RevocationRequest, known: Mapping[str, str]) -> Request:
    url = expand(revocation.url.partition("?")[0], known)
    if "?" in revocation.url:
        url += f"?{expand_query(revocation.url.partition('?')[2], known)}"
    headers = [(name, expand(template, known)) for name, template in revocation.headers.items()]
    if revocation.credentials == "client_basic":
        # RFC 6749 §2.3.1: both are encoded as in a form first.
        pair = f"{quote_plus(setup.app.client_id)}:{quote_plus(setup.app.client_secret)}"
        headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    elif revocation.credentials == "access_token":
        placement = setup.placement
        headers.append((placement.header, expand(placement.value, known)))
    body = {name: expand(template, known) for name, template in revocation.body.items()}
    content = b""
    if body and revocation.encoding == "json":
        content = orjson.dumps(body)
        headers.append(("Content-Type", "application/json"))
    elif body:
        content = urlencode(body).encode()
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return Request(url, revocation.method, headers, content, timeout_s=_TIMEOUT_S, owner=setup.team_id)
