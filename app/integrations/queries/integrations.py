"""Finding integrations and how they are doing, always within a team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import joinedload

from app.audit.models import AuditEntry
from app.db.pages import Condition
from app.extensions import db
from app.integrations.facts import report_of
from app.integrations.models import Integration
from app.integrations.providers import get_provider, providers
from app.integrations.queries.apps import known_apps
from app.integrations.spec import IntegrationType, Provider
from app.integrations.status import Status, StatusReport
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.lists import ChoiceFilter, ListSpec, Search, SearchFilter

_ENTRIES_READ_MAX = 200

STATUS_LABELS = {
    Status.ACTIVE: "Active",
    Status.INACTIVE: "Inactive",
    Status.ERROR: "Error",
    Status.PENDING_SETUP: "Pending setup",
}
TYPE_LABELS = {
    IntegrationType.ZAPIER: "Zapier",
    IntegrationType.MAKE: "Make",
    IntegrationType.N8N: "n8n",
    IntegrationType.SLACK: "Slack",
    IntegrationType.REST: "REST",
    IntegrationType.GRAPHQL: "GraphQL",
    IntegrationType.WEBHOOK: "Webhook",
    IntegrationType.CRM: "CRM",
    IntegrationType.DESIGN: "Design",
    IntegrationType.MARKETING: "Marketing",
    IntegrationType.COURIER: "Courier",
    IntegrationType.CUSTOM: "Custom",
}


# Built once, and one query for both: every call through an integration reads it.
_BY_ID = (
    select(Integration)
    .where(Integration.team_id == bindparam("team_id"), Integration.id == bindparam("id"))
    .options(joinedload(Integration.connection))
)


@dataclass(frozen=True, slots=True)
class IntegrationRow:
    """An integration, what it was made from, and how it is doing. The attributes are what lists and downloads show."""

    integration: Integration
    provider: Provider
    report: StatusReport

    @property
    def id(self) -> str:
        """The integration's id: the cursor of its page."""
        return self.integration.id

    @property
    def name(self) -> str:
        return self.integration.name

    @property
    def description(self) -> str:
        return self.integration.description

    @property
    def provider_slug(self) -> str:
        return self.provider.slug

    @property
    def type(self) -> str:
        return str(self.provider.type)

    @property
    def status(self) -> str:
        return str(self.report.status)

    @property
    def reason(self) -> str:
        return self.report.reason

    @property
    def next_step(self) -> str:
        return self.report.next_step

    @property
    def logo(self) -> str:
        """Slug of the provider whose picture it shows."""
        return self.integration.logo or self.provider.slug

    @property
    def checked_at(self) -> datetime | None:
        return self.integration.checked_at

    @property
    def created_at(self) -> datetime:
        return self.integration.created_at

    @property
    def hourly_limit(self) -> int | None:
        return self.integration.hourly_limit

    @property
    def daily_limit(self) -> int | None:
        return self.integration.daily_limit

    @property
    def state(self) -> object:
        """What may change while it is shown."""
        return self.report, self.integration.updated_at, self.checked_at


def get_integration(team_id: str, integration_id: str) -> Integration:
    """Return an integration of the team. Raises NotFound."""
    parameters = {"team_id": team_id, "id": integration_id}
    integration = (
        db.session.scalars(_BY_ID, parameters).one_or_none() if is_id(integration_id, "int") else None
    )
    if integration is None:
        raise NotFound("There is no such integration in this team. It may have been deleted.")
    return integration


def get_row(team_id: str, integration_id: str) -> IntegrationRow:
    """Return an integration of the team and how it is doing. Raises NotFound."""
    integration = get_integration(team_id, integration_id)
    apps = known_apps(db.session(), team_id)
    return IntegrationRow(integration, get_provider(integration.provider), report_of(integration, apps))


def find_name(team_id: str, integration_id: str) -> str | None:
    """Return the name of an integration of the team; None if there is none of this id."""
    query = select(Integration.name).where(Integration.team_id == team_id, Integration.id == integration_id)
    return db.session.scalar(query)


def credentials_changed_at(team_id: str, integration_id: str) -> datetime | None:
    """Return when its secrets were last written; None when the audit trail does not know (any more)."""
    query = (
        select(AuditEntry.created_at, AuditEntry.changes)
        .where(AuditEntry.team_id == team_id, AuditEntry.object_id == integration_id)
        .order_by(AuditEntry.id.desc())
        .limit(_ENTRIES_READ_MAX)
    )
    return next((at for at, changes in db.session.execute(query) if "credentials" in (changes or {})), None)


def _rows(search: Search, rows: Sequence[Any]) -> list[IntegrationRow]:
    apps = known_apps(search.session, search.team_id)
    return [IntegrationRow(row[0], get_provider(row[0].provider), report_of(row[0], apps)) for row in rows]


def _status(search: Search, status: str) -> Condition:
    """Return what the one function says of each of the team's integrations, which are few: it needs no copy in SQL."""
    apps = known_apps(search.session, search.team_id)
    mine = search.session.scalars(select(Integration).where(Integration.team_id == search.team_id))
    return Integration.id.in_([one.id for one in mine if report_of(one, apps).status == status])


def _type(_search: Search, kind: str) -> Condition:
    return Integration.provider.in_([slug for slug, one in providers().items() if one.type == kind])


def _text(_search: Search, text: str) -> Condition:
    return or_(
        Integration.name.icontains(text, autoescape=True),
        Integration.description.icontains(text, autoescape=True),
        Integration.id == text,
    )


def _providers_of(team_id: str) -> list[tuple[str, str]]:
    """Return the providers that the team has integrations of."""
    used = set(
        db.session.scalars(select(Integration.provider).where(Integration.team_id == team_id).distinct())
    )
    return [(slug, one.name) for slug, one in providers().items() if slug in used]


INTEGRATIONS = ListSpec[IntegrationRow](
    key=Integration.id,
    prefix="int",
    thing="an integration",
    scope=lambda team_id: (Integration.team_id == team_id,),
    shape=_rows,
    filters=(
        SearchFilter(
            condition=_text,
            chars_max=100,
            placeholder="Name or description",
            description="Part of the name or the description, or the id.",
        ),
        ChoiceFilter(
            field="status",
            label="Status",
            choices=[(str(status), label) for status, label in STATUS_LABELS.items()],
            condition=_status,
            description="Only integrations in this status.",
        ),
        ChoiceFilter(
            field="type",
            label="Type",
            choices=[(str(kind), label) for kind, label in TYPE_LABELS.items()],
            condition=_type,
            description="Only integrations of this type.",
        ),
        ChoiceFilter(
            field="provider",
            label="Provider",
            choices=_providers_of,
            column=Integration.provider,
            examples=("github",),
            description="Only integrations of this provider of the catalogue.",
        ),
    ),
)
