"""What is known about an integration: what its status is decided from."""

from collections.abc import Mapping

from app.integrations.apps import KnownApps, uses_apps
from app.integrations.credentials import CredentialsUnreadable, open_credentials
from app.integrations.models import Connection, Integration
from app.integrations.providers import get_provider
from app.integrations.spec import Field, OAuthAuth, Provider
from app.integrations.status import Facts, StatusReport, status_of
from app.lib import clock


def fields_of(provider: Provider, auth_method: str) -> tuple[Field, ...]:
    """Return the fields that are asked for with this way to authenticate."""
    return (*provider.fields, *provider.auth_method(auth_method).fields)


def missing_fields(provider: Provider, auth_method: str, answered: Mapping[str, str]) -> list[Field]:
    """Return the required fields of this way to authenticate that have no answer."""
    return [
        asked
        for asked in fields_of(provider, auth_method)
        if asked.is_required and not answered.get(asked.name)
    ]


def facts_of(integration: Integration, apps: KnownApps) -> Facts:
    """Return the facts about an integration, `apps` being those that its team can connect through."""
    provider = get_provider(integration.provider)
    is_unreadable, answers = False, dict(integration.config)
    try:
        answers |= open_credentials(integration)
    except CredentialsUnreadable:
        is_unreadable = True
    missing = missing_fields(provider, integration.auth_method, answers)
    connection = integration.connection
    return Facts(
        is_enabled=integration.is_enabled,
        missing=tuple(asked.label for asked in missing),
        is_unreadable=is_unreadable,
        uses_oauth=isinstance(provider.auth_method(integration.auth_method).placement, OAuthAuth),
        uses_apps=uses_apps(provider),
        has_app=apps.has_app(provider, answers),
        connection_state=connection.state if connection else None,
        connection_reason=connection.reason if connection else None,
        refresh_error=_refresh_error(connection) if connection else None,
        checked_at=integration.checked_at,
        error_detail=integration.error_detail,
        failing_since=integration.failing_since,
    )


def _refresh_error(connection: Connection) -> str | None:
    has_ended = connection.expires_at is not None and connection.expires_at <= clock.now()
    return connection.last_refresh_error if has_ended and connection.refresh_failures else None


def report_of(integration: Integration, apps: KnownApps) -> StatusReport:
    """Return how an integration is doing, why, and what to do next."""
    return status_of(facts_of(integration, apps))
