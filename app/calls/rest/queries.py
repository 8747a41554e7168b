"""Finding endpoints, always within a team."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select

from app.calls.rest.models import Endpoint
from app.calls.rest.rules import METHODS
from app.db.pages import Condition
from app.extensions import db
from app.integrations.models import Integration
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.lists import ChoiceFilter, ListSpec, Search, SearchFilter


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint and the integration that it belongs to. The attributes are what lists and downloads show."""

    endpoint: Endpoint
    integration: Integration

    @property
    def id(self) -> str:
        """The endpoint's id: the cursor of its page."""
        return self.endpoint.id

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def description(self) -> str:
        return self.endpoint.description

    @property
    def method(self) -> str:
        return self.endpoint.method

    @property
    def path(self) -> str:
        return self.endpoint.path

    @property
    def integration_id(self) -> str:
        return self.endpoint.integration_id

    @property
    def integration_name(self) -> str:
        return self.integration.name

    @property
    def pagination_strategy(self) -> str:
        return str(self.endpoint.pagination.get("strategy", "none"))

    @property
    def created_at(self) -> datetime:
        return self.endpoint.created_at

    @property
    def updated_at(self) -> datetime:
        return self.endpoint.updated_at


def get_endpoint(team_id: str, endpoint_id: str, integration_id: str | None = None) -> EndpointRow:
    """Return an endpoint of the team; with `integration_id` only one of that integration. Raises NotFound."""
    query = _with_integration().where(Endpoint.team_id == team_id, Endpoint.id == endpoint_id)
    if integration_id is not None:
        query = query.where(Endpoint.integration_id == integration_id)
    row = db.session.execute(query).one_or_none() if is_id(endpoint_id, "ept") else None
    if row is None:
        raise NotFound("There is no such endpoint in this team. It may have been deleted.")
    return EndpointRow(row[0], row[1])


def count_endpoints(integration_id: str) -> int:
    """Return how many endpoints an integration has."""
    query = select(func.count()).select_from(Endpoint).where(Endpoint.integration_id == integration_id)
    return db.session.scalar(query) or 0


def dependents(_team_id: str, integration_id: str) -> list[str]:
    """Return what becomes of an integration's endpoints when it is deleted, in words; nothing where it has none."""
    count = count_endpoints(integration_id)
    if count == 1:
        return ["One endpoint is deleted with it."]
    return [f"{count} endpoints are deleted with it."] if count else []


def integrations_to_choose(team_id: str) -> list[tuple[str, str]]:
    """Return id and name of each of the team's integrations, by name."""
    query = select(Integration.id, Integration.name).where(Integration.team_id == team_id)
    return [
        (row.id, row.name) for row in db.session.execute(query.order_by(Integration.name, Integration.id))
    ]


def _with_integration() -> Select[Endpoint, Integration]:
    return select(Endpoint, Integration).join(Integration, Integration.id == Endpoint.integration_id)


def _rows(_search: Search, rows: Sequence[Any]) -> list[EndpointRow]:
    return [EndpointRow(row[0], row[1]) for row in rows]


def _text(_search: Search, text: str) -> Condition:
    return or_(
        Endpoint.name.icontains(text, autoescape=True),
        Endpoint.path.icontains(text, autoescape=True),
        Endpoint.id == text,
    )


_SEARCH = SearchFilter(
    condition=_text,
    chars_max=100,
    placeholder="Name or path",
    description="Part of the name or the path, or the id.",
)
_METHOD = ChoiceFilter(
    field="method",
    label="Method",
    choices=[(method, method) for method in METHODS],
    column=Endpoint.method,
    description="Only endpoints of this method.",
)

ENDPOINTS = ListSpec[EndpointRow](
    key=Endpoint.id,
    prefix="ept",
    thing="an endpoint",
    scope=lambda team_id: (Endpoint.team_id == team_id,),
    rows=lambda _search: _with_integration(),
    shape=_rows,
    filters=(
        _SEARCH,
        ChoiceFilter(
            field="integration",
            label="Integration",
            choices=integrations_to_choose,
            column=Endpoint.integration_id,
            examples=("int_01k9zq4w6v3m8t7c5x2b9d0r1s",),
            description="Only endpoints of this integration.",
        ),
        _METHOD,
    ),
)
#: What can be asked of the endpoints of one integration.
ENDPOINTS_OF_INTEGRATION = replace(ENDPOINTS, filters=(_SEARCH, _METHOD))
