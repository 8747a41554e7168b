"""The integrations of the demo team: one in every status, and one that can be tested for real."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from app.demo.calls import add_calls
from app.extensions import current_settings
from app.integrations.credentials import seal_tokens
from app.integrations.models import Connection, Integration
from app.integrations.services.integrations import add_integration
from app.integrations.services.settings import IntegrationSettings
from app.lib import clock
from app.lib.errors import Invalid
from app.lib.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoIntegration:
    """An integration of the demo team. `error`: since two hours every call fails so."""

    provider: str
    auth_method: str
    name: str
    description: str
    answers: Mapping[str, str] = field(default_factory=dict)
    hourly_limit: int | None = None
    is_enabled: bool = True
    is_checked: bool = False
    error: tuple[str, str] | None = None
    #: Why its connection ended; None: it has none.
    ended: str | None = None


INTEGRATIONS = (
    DemoIntegration(
        provider="rest",
        auth_method="bearer",
        name="Demo receiver",
        description="Runs beside Signalbox in development: test it, it really answers.",
        answers={"base_url": "http://127.0.0.1:{port}", "check_path": "/ok", "token": "demo-token"},
        hourly_limit=1_000,
    ),
    DemoIntegration(
        provider="slack",
        auth_method="token",
        name="Slack alerts",
        description="Tells #operations when a webhook is disabled.",
        answers={"token": "xoxb-demo"},
        hourly_limit=600,
        is_checked=True,
    ),
    DemoIntegration(
        provider="github",
        auth_method="token",
        name="Issues of support",
        description="Opens an issue for each escalated conversation.",
        answers={"token": "github_pat_demo"},
        error=("http_401", "The service refused the credentials: it answered 401."),
    ),
    DemoIntegration(
        provider="salesforce",
        auth_method="oauth",
        name="Salesforce",
        description="Accounts and opportunities of the sales team.",
        ended="Salesforce ended the connection: the user withdrew the consent, or changed their password.",
    ),
    DemoIntegration(
        provider="hubspot",
        auth_method="oauth",
        name="HubSpot marketing",
        description="Contacts of campaigns.",
    ),
    DemoIntegration(
        provider="gitlab",
        auth_method="token",
        name="GitLab of the platform team",
        description="Moved to GitHub; kept until the end of the year.",
        answers={"token": "glpat-demo"},
        is_enabled=False,
    ),
)


def add_integrations(session: Session, team_id: str, owner_id: str) -> None:
    """Add the integrations to the caller's transaction; one that this installation does not let be called is left out."""
    added = []
    for one in INTEGRATIONS:
        try:
            added.append(_add(session, one, team_id, owner_id))
        except Invalid:
            continue
    session.flush()
    add_calls(session, added)


def _add(session: Session, one: DemoIntegration, team_id: str, owner_id: str) -> Integration:
    port, now = current_settings().demo_receiver_port, clock.now()
    settings = IntegrationSettings(
        name=one.name,
        auth_method=one.auth_method,
        description=one.description,
        answers={name: value.format(port=port) for name, value in one.answers.items()},
        hourly_limit=one.hourly_limit,
    )
    integration = add_integration(session, team_id, one.provider, settings, created_by_id=owner_id)
    integration.is_enabled = one.is_enabled
    if one.is_checked:
        integration.checked_at = now - timedelta(minutes=3)
    if one.error is not None:
        integration.error_kind, integration.error_detail = one.error
        integration.checked_at, integration.failing_since = (
            now - timedelta(minutes=1),
            now - timedelta(hours=2),
        )
    if one.ended is not None:
        connection_id = new_id("con")
        session.add(
            Connection(
                id=connection_id,
                integration_id=integration.id,
                team_id=team_id,
                state="needs_reconnect",
                reason_code="invalid_grant",
                reason=one.ended,
                tokens_sealed=seal_tokens(connection_id, b'{"access_token": "ended"}'),
                details={},
                account="dana@acme-social.example",
                connected_by_id=owner_id,
                connected_at=now - timedelta(days=41),
                state_changed_at=now - timedelta(hours=5),
            )
        )
    return integration
