"""How an integration's provider is asked for tokens: the OAuth client, made from the provider, the settings and the app."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.extensions import outbound_client
from app.integrations.addresses import MissingValue, expand, origin_of
from app.integrations.apps import AppCredentials
from app.integrations.credentials import CredentialsUnreadable, open_credentials
from app.integrations.facts import missing_fields
from app.integrations.models import Integration
from app.integrations.providers import get_provider
from app.integrations.services.apps import app_for
from app.integrations.spec import OAuth, OAuthAuth, Provider, Refused
from app.lib import redact
from app.lib.errors import Conflict
from app.oauth.contract import Registration, WrongIssuer, check_issuer, error_of
from app.oauth.tokens import TokenSet

if TYPE_CHECKING:
    from app.oauth.client import OAuthClient


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSetup:
    """What connecting an integration, and refreshing and ending its connection, need; it needs no session any more.

    `values` are the answers to the provider's fields, and what the provider said when it was connected.
    """

    integration_id: str
    team_id: str
    name: str
    provider: Provider
    oauth: OAuth
    placement: OAuthAuth
    scopes: Sequence[str]
    app: AppCredentials
    config: Mapping[str, str]
    values: Mapping[str, str] = field(repr=False)

    def client(self, said: Mapping[str, str] | None = None) -> "OAuthClient":
        """Return the OAuth client; `said` is what the callback adds to the values."""
        # Imported at its first use: Authlib is a tenth of a process's memory.
        from app.oauth.client import OAuthClient

        return OAuthClient(
            self._registration({**self.values, **(said or {})}),
            outbound_client(),
            key=self.team_id,
            sends_once=True,
        )

    def authorization_parameters(self) -> dict[str, str]:
        """Return what the provider wants beside the standard's parameters; without those whose names have no value."""
        found = {
            name: _expanded(template, self.values)
            for name, template in self.oauth.authorization_parameters.items()
        }
        return {name: value for name, value in found.items() if value}

    def check_sender(self, iss: str | None) -> None:
        """Check who sent the browser back, where it says so (RFC 9207). Raises WrongIssuer.

        An issuer that nobody has named must be at the server of the authorization or of the token endpoint.
        """
        if iss is None:
            return
        issuer = _expanded(self.oauth.issuer, self.values)
        if issuer:
            check_issuer(iss, issuer, is_promised=False)
            return
        known = [_expanded(url, self.values) for url in (self.oauth.authorization_url, self.oauth.token_url)]
        if origin_of(iss) not in {origin_of(url) for url in known if url}:
            raise WrongIssuer("the answer came from another issuer")

    def masked(self, text: str, tokens: TokenSet | None, *secrets: str) -> str:
        """Return what a provider said without what we sent: some repeat it."""
        sent = (self.app.client_secret, *secrets)
        if tokens is not None:
            sent += (tokens.access_token, tokens.refresh_token or "")
        return redact.text(text, secret_values=[secret for secret in sent if secret])

    def _registration(self, values: Mapping[str, str]) -> Registration:
        oauth, app = self.oauth, self.app
        client_auth: Any = self.config.get(oauth.client_auth_field) or oauth.client_auth
        return Registration(
            client_id=app.client_id,
            client_secret=app.client_secret,
            authorization_url=_expanded(oauth.authorization_url, values),
            token_url=_expanded(oauth.token_url, values),
            refresh_url=_expanded(oauth.refresh_url, values),
            revocation_url=_expanded(oauth.revocation_url, values) or None,
            scope=self.config.get(oauth.scope_field, "")
            if oauth.scope_field
            else oauth.scope_separator.join(self.scopes),
            client_auth=client_auth if app.client_secret else "none",
            uses_pkce=oauth.pkce != "off",
            challenge_method=oauth.challenge_method,
            token_parameters=oauth.token_parameters,
            refresh_parameters=oauth.refresh_parameters,
            sends_json=oauth.sends_json,
            lifetime_s=oauth.lifetime_s,
            read_answer=self._read_answer if oauth.read_answer else None,
        )

    def _read_answer(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.oauth.read_answer is None:
            return answer
        try:
            return self.oauth.read_answer(answer)
        except Refused as refusal:
            raise error_of(refusal.code, str(refusal)) from refusal


def setup_of(integration: Integration) -> OAuthSetup:
    """Return what the integration's provider is asked with. Raises Conflict, saying what is missing."""
    provider = get_provider(integration.provider)
    placement = provider.auth_method(integration.auth_method).placement
    if provider.oauth is None or not isinstance(placement, OAuthAuth):
        raise Conflict(f"{integration.name} is not connected by OAuth: its credentials are in its settings.")
    try:
        answers = {**integration.config, **open_credentials(integration)}
    except CredentialsUnreadable as error:
        raise Conflict(str(error)) from error
    missing = missing_fields(provider, integration.auth_method, answers)
    if missing:
        labels = ", ".join(asked.label for asked in missing)
        raise Conflict(f"{integration.name} is not set up yet. Fill in: {labels}.")
    said = integration.connection.details if integration.connection else {}
    return OAuthSetup(
        integration_id=integration.id,
        team_id=integration.team_id,
        name=integration.name,
        provider=provider,
        oauth=provider.oauth,
        placement=placement,
        scopes=tuple(integration.scopes),
        app=app_for(integration.team_id, provider.slug, answers),
        config=dict(integration.config),
        values={**answers, **said},
    )


def _expanded(template: str, values: Mapping[str, str]) -> str:
    """Return the expanded template; empty where one of its names has no value (yet)."""
    try:
        return expand(template, values)
    except MissingValue:
        return ""
