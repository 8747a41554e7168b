"""What a call through an integration needs: read in one short transaction, and then no session is open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from app.extensions import db
from app.integrations.addresses import MissingValue, expand, origin_of
from app.integrations.credentials import CredentialsUnreadable, open_credentials
from app.integrations.facts import missing_fields
from app.integrations.models import Integration
from app.integrations.policies import call_policies
from app.integrations.providers import get_provider
from app.integrations.queries.integrations import get_integration
from app.integrations.spec import Check, OAuthAuth, Placement, Provider
from app.lib.errors import Conflict
from app.web.limits import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An integration as a call needs it. `values` are what templates of addresses and headers may hold, by name."""

    integration_id: str
    team_id: str
    name: str
    provider: Provider
    placement: Placement
    #: How this way to authenticate is tested; None: it cannot be.
    check: Check | None
    base_url: str
    #: What every call to this provider carries.
    headers: Mapping[str, str]
    values: Mapping[str, str] = field(repr=False)
    #: Masked in whatever is stored or shown of a call.
    secret_values: Sequence[str] = field(repr=False)
    #: None where it has no connection.
    connection_id: str | None
    policies: tuple[Policy, ...]
    #: It was tested or called, and did not fail, when this was read.
    is_known_to_work: bool
    #: Where its credentials may go.
    origins: frozenset[tuple[str, str]]

    @property
    def uses_oauth(self) -> bool:
        """Whether calls carry the connection's access token."""
        return isinstance(self.placement, OAuthAuth)


def open_access(team_id: str, integration_id: str, *, is_test: bool = False) -> Access:
    """Return what a call through the team's integration needs; ends the transaction.

    Raises NotFound, and Conflict for one that cannot be used now, saying why and what to do. `is_test`: one that was
    switched off can be used too.
    """
    integration = get_integration(team_id, integration_id)
    try:
        return _access_of(integration, is_test=is_test)
    finally:
        # What follows waits for another machine: no connection to the database is held meanwhile.
        db.session.rollback()


def _access_of(integration: Integration, *, is_test: bool) -> Access:
    provider = get_provider(integration.provider)
    method = provider.auth_method(integration.auth_method)
    placement, check = method.placement, provider.check_of(method)
    if not integration.is_enabled and not is_test:
        raise Conflict(f"{integration.name} is switched off. Switch it on, then call it.")
    try:
        secrets = open_credentials(integration)
    except CredentialsUnreadable as error:
        raise Conflict(str(error)) from error
    values = {**integration.config, **secrets}
    missing = missing_fields(provider, integration.auth_method, values)
    if missing:
        labels = ", ".join(asked.label for asked in missing)
        raise Conflict(f"{integration.name} is not set up yet. Fill in: {labels}.")
    connection = integration.connection
    if isinstance(placement, OAuthAuth):
        if connection is None:
            raise Conflict(f"{integration.name} is not connected yet. Connect it on its page.")
        if connection.state != "connected":
            raise Conflict(f"{integration.name} has to be reconnected: {connection.reason}")
        values |= connection.details
    base_url = _expanded(integration, provider.base_url_of(method), values)
    if provider.takes_paths(method):
        base_url = base_url.rstrip("/")
    values["base_url"] = base_url
    origins = {origin_of(base_url)} if base_url else set()
    if check is not None:
        origins.add(origin_of(_expanded(integration, check.url, values)))
    return Access(
        integration_id=integration.id,
        team_id=integration.team_id,
        name=integration.name,
        provider=provider,
        placement=placement,
        check=check,
        base_url=base_url,
        headers={
            name: _expanded(integration, template, values) for name, template in provider.headers.items()
        },
        values=values,
        secret_values=tuple(form for secret in secrets.values() for form in _forms_of(secret)),
        connection_id=connection.id if connection is not None else None,
        policies=call_policies(integration.id, integration.hourly_limit, integration.daily_limit),
        is_known_to_work=integration.checked_at is not None and integration.failing_since is None,
        origins=frozenset(origins),
    )


def _forms_of(secret: str) -> tuple[str, ...]:
    """Return a secret as it can turn up in what is shown of a call: in addresses it is encoded, or lacks its last slash."""
    forms = dict.fromkeys((secret, secret.rstrip("/"), quote(secret, safe="")))
    return tuple(filter(None, forms))


def _expanded(integration: Integration, template: str, values: Mapping[str, str]) -> str:
    try:
        return expand(template, values)
    except MissingValue as error:
        raise Conflict(
            f"{integration.name} lacks {error.name}, which its addresses need. Reconnect it, or fill it in."
        ) from None
