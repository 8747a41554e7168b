"""Creates, changes and deletes integrations. Each function is one transaction."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.trail import changed, record, snapshot
from app.extensions import db
from app.idempotency.services import record_outcome
from app.integrations import rules
from app.integrations.answers import destinations
from app.integrations.credentials import seal_credentials
from app.integrations.models import Integration
from app.integrations.providers import get_provider
from app.integrations.services.settings import (
    IntegrationSettings,
    checked,
    integration_version,
    provider_named,
    settings_of,
    stored_secrets,
)
from app.lib import clock
from app.lib.errors import Conflict, NotFound
from app.lib.ids import is_id, new_id
from app.lib.redact import MASK
from app.web.forms.versions import check_version


def create_integration(
    team_id: str,
    provider_slug: str,
    settings: IntegrationSettings,
    *,
    source_id: str | None = None,
    is_draft: bool = False,
    created_by_id: str | None = None,
) -> str:
    """Create an integration and return its id. `is_draft`: required fields may be filled in later.

    Raises Invalid naming every wrong field, Conflict when the team has too many.
    """
    session = db.session()
    integration = add_integration(
        session,
        team_id,
        provider_slug,
        settings,
        source_id=source_id,
        is_draft=is_draft,
        created_by_id=created_by_id,
    )
    integration_id = integration.id
    record_outcome(session, integration_id)
    session.commit()
    return integration_id


def add_integration(
    session: Session,
    team_id: str,
    provider_slug: str,
    settings: IntegrationSettings,
    *,
    source_id: str | None = None,
    is_draft: bool = False,
    created_by_id: str | None = None,
) -> Integration:
    """Add an integration to the caller's transaction. Raises Invalid and Conflict as `create_integration`."""
    provider = provider_named(provider_slug)
    count = session.scalar(
        select(func.count()).select_from(Integration).where(Integration.team_id == team_id)
    )
    if (count or 0) >= rules.INTEGRATIONS_MAX:
        raise Conflict(f"A team can have {rules.INTEGRATIONS_MAX} integrations. Delete one that is not used.")
    found = checked(provider, settings, is_draft=is_draft)
    integration_id = new_id("int")
    integration = Integration(
        id=integration_id,
        team_id=team_id,
        provider=provider.slug,
        credentials_sealed=seal_credentials(integration_id, found.secrets),
        source_id=source_id,
        created_by_id=created_by_id,
        **found.columns,
    )
    session.add(integration)
    session.flush()
    shown = {"provider": provider.slug, **found.columns, "credentials": _masked(found.secrets)}
    record_integration(session, "integration.created", integration, changes=changed({}, shown))
    return integration


def update_integration(
    team_id: str,
    integration_id: str,
    changes: Mapping[str, Any],
    *,
    expected: Collection[str] | None = None,
    is_draft: bool = False,
) -> None:
    """Change some of an integration's `IntegrationSettings`, by name; the others stay as they are at that moment.

    Its provider stays. One that moves to other servers has to be reconnected. Of `answers` those that are left out stay, too. Raises Invalid, NotFound and PreconditionFailed.
    """
    session = db.session()
    integration = lock_integration(session, team_id, integration_id)
    check_version(expected, integration_version(integration))
    before = settings_of(integration)
    wanted = replace(before, **{**changes, "answers": {**before.answers, **changes.get("answers", {})}})
    found = checked(get_provider(integration.provider), wanted, integration, is_draft=is_draft)
    secrets = stored_secrets(integration)
    changes_made = changed(snapshot(integration, found.columns), found.columns)
    if found.secrets != secrets:
        changes_made["credentials"] = (_masked(secrets), _masked(found.secrets, before=secrets))
        integration.credentials_sealed = seal_credentials(integration.id, found.secrets)
    provider = get_provider(integration.provider)
    if destinations(provider, integration.config) != destinations(provider, found.columns["config"]):
        _require_consent_again(integration)
    for name, value in found.columns.items():
        setattr(integration, name, value)
    if changes_made.keys() & {"config", "credentials", "auth_method"}:
        # What failed with the old ones says nothing about the new ones.
        integration.failing_since = integration.error_kind = integration.error_detail = None
        integration.checked_at = None
    if changes_made:
        record_integration(session, "integration.updated", integration, changes=changes_made)
    session.commit()


def set_enabled(team_id: str, integration_id: str, *, is_enabled: bool) -> None:
    """Switch an integration on or off; nothing is sent through one that is off. Raises NotFound."""
    session = db.session()
    integration = lock_integration(session, team_id, integration_id)
    if integration.is_enabled != is_enabled:
        action = "integration.enabled" if is_enabled else "integration.disabled"
        record_integration(session, action, integration, changes={"is_enabled": (not is_enabled, is_enabled)})
        integration.is_enabled = is_enabled
    session.commit()


def delete_integration(team_id: str, integration_id: str, *, expected: Collection[str] | None = None) -> None:
    """Delete an integration with its connection and all that belongs to it; what was logged of its calls stays.

    Raises NotFound, and PreconditionFailed when it is none of the expected versions.
    """
    session = db.session()
    integration = lock_integration(session, team_id, integration_id)
    check_version(expected, integration_version(integration))
    record_integration(session, "integration.deleted", integration)
    session.delete(integration)
    session.commit()


def lock_integration(session: Session, team_id: str, integration_id: str) -> Integration:
    """Return the integration, locked, as it is now. Raises NotFound."""
    query = (
        select(Integration)
        .where(Integration.team_id == team_id, Integration.id == integration_id)
        .with_for_update()
        # Without it a row read earlier in this request would hide what changed since.
        .execution_options(populate_existing=True)
    )
    integration = session.scalars(query).one_or_none() if is_id(integration_id, "int") else None
    if integration is None:
        raise NotFound("There is no such integration in this team. It may have been deleted.")
    return integration


def record_integration(
    session: Session,
    action: str,
    integration: Integration,
    *,
    changes: Mapping[str, tuple[object, object]] | None = None,
    detail: str | None = None,
) -> None:
    """Add an entry about an integration to the audit trail, in the caller's transaction."""
    record(
        session,
        action,
        team_id=integration.team_id,
        object_type="integration",
        object_id=integration.id,
        object_name=integration.name,
        changes=changes,
        detail=detail,
    )


def _require_consent_again(integration: Integration) -> None:
    """End the connection of an integration that moves to other servers: its tokens were meant for those of before."""
    connection = integration.connection
    if connection is None or connection.state != "connected":
        return
    connection.state, connection.state_changed_at = "needs_reconnect", clock.now()
    connection.reason_code = "moved"
    connection.reason = "Its addresses were changed: consent was given to the servers of before."
    # A refresh under way must neither go on nor win.
    connection.due_at = connection.lease = None
    connection.token_version += 1


def _masked(secrets: Mapping[str, str], *, before: Mapping[str, str] | None = None) -> str:
    """Return the names of secrets for the audit trail, with a note on those that differ from `before`."""
    names = [
        f"{name}: {MASK}{' (new)' if before is not None and before.get(name) != value else ''}"
        for name, value in sorted(secrets.items())
    ]
    return ", ".join(names) or "none"
