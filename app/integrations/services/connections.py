"""Connects integrations by OAuth: sends the browser to the provider, takes it back, and ends connections again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
import structlog
from sqlalchemy import select

from app.audit.trail import record
from app.extensions import current_settings, db, outbound_client
from app.integrations.addresses import MissingValue, expand
from app.integrations.credentials import CredentialsUnreadable, open_tokens
from app.integrations.models import Connection, Integration
from app.integrations.providers import get_provider
from app.integrations.queries.integrations import get_integration
from app.integrations.rules import CONNECTED
from app.integrations.services import notices
from app.integrations.services.call_slots import call_slot
from app.integrations.services.connection_errors import explained, refusal_of
from app.integrations.services.integrations import lock_integration
from app.integrations.services.registrations import OAuthSetup, setup_of
from app.integrations.services.token_sets import details_said, token_values
from app.integrations.spec import Refused
from app.lib import clock
from app.lib.errors import AuthorizationFailed, Conflict, NotFound
from app.lib.ids import new_id
from app.lib.outbound import Request
from app.oauth import states
from app.oauth.contract import (
    OAuthError,
    ProviderUnavailable,
)
from app.oauth.states import PendingAuthorization
from app.oauth.tokens import TokenSet
from app.web.access import Principal

log = structlog.get_logger()

#: Purposes of authorizations: begun in a browser, or by a program with an API key for any browser.
BY_BROWSER, BY_PROGRAM = "connect", "connect_by_program"
_DETAILS_TIMEOUT_S = 8.0
_DETAILS_MAX_BYTES = 1_048_576
_CODE_CHARS_MAX = 4_000
#: What the app is known by at the provider; some calls need it, and a refresh token belongs to it.
CLIENT_ID = "client_id"


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and until when it may come back."""

    authorization_url: str = field(repr=False)
    state: str = field(repr=False)
    expires_at: datetime


def redirect_uri(provider_slug: str) -> str:
    """Return the redirect address of a provider's apps, exactly as it is registered there."""
    return f"{current_settings().public_url}/integrations/callback/{provider_slug}"


def begin(team_id: str, integration_id: str, *, principal_id: str, is_of_browser: bool = True) -> Begun:
    """Return where consent is given; ends the transaction. Raises NotFound, Conflict and Unavailable.

    `principal_id`: who must be the same in the end, a user or, not `is_of_browser`, an API key.
    """
    try:
        setup = setup_of(get_integration(team_id, integration_id))
    finally:
        db.session.rollback()
    authorization = setup.client().begin(
        redirect_uri(setup.provider.slug), parameters=setup.authorization_parameters()
    )
    states.keep(
        authorization,
        provider=_state_provider(setup.provider.slug),
        purpose=BY_BROWSER if is_of_browser else BY_PROGRAM,
        user_id=principal_id,
        team_id=team_id,
        details={"integration_id": integration_id},
        is_of_browser=is_of_browser,
    )
    expires_at = clock.now() + timedelta(seconds=states.VALID_S)
    return Begun(authorization.url, authorization.state, expires_at)


def take_state(provider_slug: str, state: str) -> PendingAuthorization:
    """Return what was begun with this state, once. Raises Conflict when there is nothing, and Unavailable."""
    pending = states.take(state, provider=_state_provider(provider_slug)) if state else None
    if pending is None or pending.purpose not in (BY_BROWSER, BY_PROGRAM):
        raise Conflict(
            "This attempt to connect is over: it was finished already, took longer than ten minutes, or began in another"
            " browser. Begin again on the integration's page."
        )
    return pending


def finish(pending: PendingAuthorization, query: Mapping[str, str], principal: Principal) -> str:
    """Exchange the code that the provider sent the browser back with, and store the connection.

    Returns the integration's id, which stays as it was. `principal` may connect integrations of the team: the caller
    has checked that. Raises AuthorizationFailed for another one than began, NotFound, and Conflict or Unavailable saying
    what went wrong at the provider. No session is open meanwhile.
    """
    if pending.team_id != principal.team_id or not _may_finish(pending, principal):
        raise AuthorizationFailed("Somebody else began to connect it. Begin again yourself.")
    try:
        setup = setup_of(get_integration(principal.team_id, pending.details["integration_id"]))
    finally:
        db.session.rollback()
    try:
        with call_slot(setup.team_id):
            tokens, said = _exchanged(setup, pending, query)
    except OAuthError as error:
        log.warning("not_connected", integration_id=setup.integration_id, kind=type(error).__name__)
        raise explained(setup, error, query.get("code", "")) from error
    except Refused as refusal:
        raise Conflict(f"{setup.provider.name}: {refusal}") from refusal
    _store(setup, tokens, said, principal)
    return setup.integration_id


def _may_finish(pending: PendingAuthorization, principal: Principal) -> bool:
    """Return whether it is who began. What a program began any member who may connect finishes in their browser."""
    if pending.purpose == BY_PROGRAM and principal.kind == "user":
        return True
    return pending.user_id == principal.id


def _exchanged(
    setup: OAuthSetup, pending: PendingAuthorization, query: Mapping[str, str]
) -> tuple[TokenSet, dict[str, str]]:
    """Return the tokens for the callback's code, and what the provider said that addresses need.

    Everything about the callback is checked before anything is sent. Raises OAuthError, Refused, and Conflict.
    """
    setup.check_sender(query.get("iss"))
    if "error" in query:
        raise refusal_of(setup, query["error"])
    code = query.get("code", "")
    if not 1 <= len(code) <= _CODE_CHARS_MAX:
        raise Conflict(f"{setup.provider.name} sent no code. Connect again.")
    oauth = setup.oauth
    said: dict[str, str] = {CLIENT_ID: setup.app.client_id}
    if oauth.read_callback is not None:
        called_back = oauth.read_callback(query, setup.config, setup.app.client_secret)
        said |= {name: called_back[name] for name in oauth.callback_names if called_back.get(name)}
    tokens = setup.client(said).exchange(
        code=code, redirect_uri=redirect_uri(setup.provider.slug), verifier=pending.verifier
    )
    said |= details_said(oauth, tokens)
    lacking = [name for name in (*oauth.callback_names, *oauth.answer_names) if name not in said]
    if lacking:
        raise Refused(f"The answer lacks {' and '.join(lacking)}.")
    if oauth.details_url:
        said |= _details(setup, tokens, {**setup.values, **said})
    return tokens, said


def _details(setup: OAuthSetup, tokens: TokenSet, values: Mapping[str, str]) -> dict[str, str]:
    """Return what the provider says on request that addresses need. Raises ProviderUnavailable, and Refused."""
    known = {**values, "access_token": tokens.access_token}
    templates = setup.oauth.details_headers or {setup.placement.header: setup.placement.value}
    try:
        headers = [(name, expand(template, known)) for name, template in templates.items()]
        url = expand(setup.oauth.details_url, known)
    except MissingValue as error:
        raise Refused(f"It did not say {error.name}.") from None
    result = outbound_client().send(
        Request(
            url,
            "GET",
            headers=[*headers, ("Accept", "application/json")],
            timeout_s=_DETAILS_TIMEOUT_S,
            max_body_bytes=_DETAILS_MAX_BYTES,
            owner=setup.team_id,
        ),
        key=setup.integration_id,
    )
    if result.error_kind is not None or result.status_code != 200 or result.body_truncated:
        raise ProviderUnavailable(f"details: {result.error_kind or result.status_code}")
    try:
        return setup.oauth.details_of(orjson.loads(result.body), setup.config)
    except orjson.JSONDecodeError:
        raise ProviderUnavailable("details: not JSON") from None


def _store(setup: OAuthSetup, tokens: TokenSet, said: Mapping[str, str], principal: Principal) -> None:
    """Store the connection. A reconnection keeps its id, and what the answer left out because it still holds."""
    session = db.session()
    integration = lock_integration(session, setup.team_id, setup.integration_id)
    transaction = session.connection()
    connection = _locked(integration)
    before = connection.state if connection is not None else None
    if connection is None:
        connection = Connection(
            id=new_id("con"), integration_id=integration.id, team_id=setup.team_id, token_version=0
        )
        session.add(connection)
    else:
        tokens = _merged(connection, said, tokens)
    hard_days = setup.oauth.hard_days
    connection.grant_expires_at = clock.now() + timedelta(days=hard_days) if hard_days else None
    for name, value in token_values(transaction, connection.id, setup.oauth, tokens).items():
        setattr(connection, name, value)
    # Whoever refreshes the earlier tokens at this moment comes too late.
    connection.token_version += 1
    connection.details = dict(said)
    connection.account = None
    connection.connected_by_id = principal.id if principal.kind == "user" else None
    connection.connected_at = clock.now()
    if before != CONNECTED:
        connection.state_changed_at = clock.now()
    integration.failing_since = integration.error_kind = integration.error_detail = None
    integration.checked_at = None
    _record(
        "integration.connected" if before is None else "integration.reconnected",
        setup,
        detail=f"Granted: {tokens.scope}" if tokens.scope else None,
        actor=principal,
    )
    session.flush()
    if before not in (None, CONNECTED):
        notices.add_reconnected(
            transaction,
            team_id=setup.team_id,
            integration_id=setup.integration_id,
            name=setup.name,
            provider=setup.provider.slug,
        )
    session.commit()


def _locked(integration: Integration) -> Connection | None:
    return db.session.scalars(
        select(Connection)
        .where(Connection.integration_id == integration.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def _merged(connection: Connection, said: Mapping[str, str], tokens: TokenSet) -> TokenSet:
    """Return the tokens with the earlier refresh token, if a provider that gives it once left it out.

    Not one that was refused, of another app, or of another account.
    """
    is_same = {name: connection.details.get(name) for name in said} == dict(said)
    if tokens.refresh_token is not None or connection.state != CONNECTED or not is_same:
        return tokens
    try:
        return tokens.merged_into(TokenSet.from_json(open_tokens(connection)))
    except CredentialsUnreadable:
        return tokens


def note_account(team_id: str, integration_id: str, account: str | None) -> None:
    """Store whose account is connected."""
    connection = get_integration(team_id, integration_id).connection
    if connection is not None and account:
        connection.account = account[:200]
    db.session.commit()


def harmless_check(team_id: str, integration_id: str) -> bool:
    """Return whether the integration can be tested without leaving anything behind at the provider."""
    integration = get_integration(team_id, integration_id)
    provider = get_provider(integration.provider)
    check = provider.check_of(provider.auth_method(integration.auth_method))
    db.session.rollback()
    return check is not None and not check.sends


def _record(action: str, setup: OAuthSetup, *, detail: str | None, actor: Principal | None = None) -> None:
    record(
        db.session(),
        action,
        team_id=setup.team_id,
        object_type="integration",
        object_id=setup.integration_id,
        object_name=setup.name,
        detail=detail,
        actor=actor,
    )


def _state_provider(slug: str) -> str:
    # Other features have providers too, and callbacks of their own.
    return f"integration:{slug}"


def get_connection(team_id: str, integration_id: str) -> Connection:
    """Return the integration's connection. Raises NotFound, also where it was never connected."""
    connection = get_integration(team_id, integration_id).connection
    if connection is None:
        raise NotFound("It is not connected (any more).")
    return connection
