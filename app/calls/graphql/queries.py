"""Finding schemas and operations, always within a team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import undefer

from app.calls.graphql import rules
from app.calls.graphql.models import Operation, SchemaVersion
from app.db.pages import Condition, Page, page_of
from app.extensions import db
from app.integrations.models import Integration
from app.integrations.providers import get_provider
from app.integrations.spec import Provider
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.lists import ChoiceFilter, ListSpec, Search, SearchFilter


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation and the integration that it is run through, as lists show them."""

    operation: Operation
    integration: Integration

    @property
    def id(self) -> str:
        """The operation's id: the cursor of its page."""
        return self.operation.id

    @property
    def name(self) -> str:
        return self.operation.name

    @property
    def kind(self) -> str:
        return self.operation.kind

    @property
    def description(self) -> str:
        return self.operation.description

    @property
    def integration_id(self) -> str:
        return self.integration.id

    @property
    def integration_name(self) -> str:
        return self.integration.name

    @property
    def is_valid(self) -> bool:
        """Whether it fits the current schema."""
        return not self.operation.problems

    @property
    def created_at(self) -> datetime:
        return self.operation.created_at

    @property
    def state(self) -> object:
        """What may change while it is shown."""
        return self.operation.updated_at, self.operation.problems, self.integration.name


@dataclass(frozen=True, slots=True)
class GraphQLIntegration:
    """An integration that has a GraphQL API, its current schema, and how many operations there are."""

    integration: Integration
    provider: Provider
    version: SchemaVersion | None
    operation_count: int


def get_operation(team_id: str, operation_id: str, integration_id: str | None = None) -> Operation:
    """Return an operation of the team, of this integration if one is given. Raises NotFound."""
    query = select(Operation).where(Operation.team_id == team_id, Operation.id == operation_id)
    if integration_id is not None:
        query = query.where(Operation.integration_id == integration_id)
    found = db.session.scalars(query).one_or_none() if is_id(operation_id, "gop") else None
    if found is None:
        raise NotFound("There is no such operation in this team. It may have been deleted.")
    return found


def operations_of(integration_id: str) -> list[Operation]:
    """Return the operations of an integration, by name."""
    query = select(Operation).where(Operation.integration_id == integration_id).order_by(Operation.name)
    return list(db.session.scalars(query))


def current_version(integration_id: str, *, with_sdl: bool = False) -> SchemaVersion | None:
    """Return the current schema of an integration; None where it has none. Reads its text only where that is wanted."""
    query = (
        select(SchemaVersion)
        .where(SchemaVersion.integration_id == integration_id, SchemaVersion.number.is_not(None))
        .order_by(SchemaVersion.number.desc())
        .limit(1)
    )
    if with_sdl:
        query = query.options(undefer(SchemaVersion.sdl), undefer(SchemaVersion.changes))
    return db.session.scalars(query).one_or_none()


def find_proposal(integration_id: str) -> SchemaVersion | None:
    """Return the schema that was read and not taken over yet, with its text and changes; None where there is none."""
    query = (
        select(SchemaVersion)
        .where(SchemaVersion.integration_id == integration_id, SchemaVersion.number.is_(None))
        .options(undefer(SchemaVersion.sdl), undefer(SchemaVersion.changes))
    )
    return db.session.scalars(query).one_or_none()


def get_proposal(integration_id: str) -> SchemaVersion:
    """Return the schema that was read and not taken over yet, with its text and changes. Raises NotFound."""
    found = find_proposal(integration_id)
    if found is None:
        raise NotFound("No schema waits to be saved (any more). Read it again.")
    return found


def get_version(integration_id: str, number: int) -> SchemaVersion:
    """Return a version of an integration's schema, with its text and changes. Raises NotFound."""
    query = (
        select(SchemaVersion)
        .where(SchemaVersion.integration_id == integration_id, SchemaVersion.number == number)
        .options(undefer(SchemaVersion.sdl), undefer(SchemaVersion.changes))
    )
    found = db.session.scalars(query).one_or_none() if 0 < number < 2**31 else None
    if found is None:
        raise NotFound("There is no such version of this schema. Only the latest 50 are kept.")
    return found


def versions_of(integration_id: str) -> list[SchemaVersion]:
    """Return the versions of an integration's schema without their texts, the current one first: 50 at most."""
    return list(find_versions(integration_id, limit=rules.VERSIONS_MAX).rows)


def find_versions(integration_id: str, *, limit: int, before: int | None = None) -> Page[SchemaVersion]:
    """Return a page of versions without their texts, the current one first, older than the number `before`."""
    query = select(SchemaVersion).where(
        SchemaVersion.integration_id == integration_id, SchemaVersion.number.is_not(None)
    )
    if before is not None:
        query = query.where(SchemaVersion.number < before)
    rows = db.session.scalars(query.order_by(SchemaVersion.number.desc()).limit(limit + 1)).all()
    return page_of(rows, size=limit, id_attribute="number")


def graphql_integrations(team_id: str) -> list[GraphQLIntegration]:
    """Return the team's integrations that have a GraphQL API, by name, with their schemas. They are few."""
    integrations = db.session.scalars(
        select(Integration).where(Integration.team_id == team_id).order_by(Integration.name, Integration.id)
    ).all()
    having = [one for one in integrations if get_provider(one.provider).graphql_url]
    counted = db.session.execute(
        select(Operation.integration_id, func.count())
        .where(Operation.team_id == team_id)
        .group_by(Operation.integration_id)
    )
    counts: dict[str, int] = dict(counted.all())
    versions = {
        version.integration_id: version
        for version in db.session.scalars(
            select(SchemaVersion)
            .where(SchemaVersion.team_id == team_id, SchemaVersion.number.is_not(None))
            .order_by(SchemaVersion.number)
        )
    }
    return [
        GraphQLIntegration(one, get_provider(one.provider), versions.get(one.id), counts.get(one.id, 0))
        for one in having
    ]


def describe_dependents(team_id: str, integration_id: str) -> list[str]:
    """Return what of GraphQL is deleted with an integration, a sentence each."""
    query = select(func.count()).select_from(Operation)
    count = db.session.scalar(
        query.where(Operation.team_id == team_id, Operation.integration_id == integration_id)
    )
    found = []
    if count:
        words = "1 GraphQL operation is" if count == 1 else f"{count} GraphQL operations are"
        found.append(f"{words} deleted with it.")
    if current_version(integration_id) is not None:
        found.append("Its GraphQL schema and the versions of that are deleted with it.")
    return found


def _rows(_search: Search, rows: Sequence[Any]) -> list[OperationRow]:
    return [OperationRow(operation, integration) for operation, integration in rows]


def _text(_search: Search, text: str) -> Condition:
    return or_(
        Operation.name.icontains(text, autoescape=True),
        Operation.description.icontains(text, autoescape=True),
        Operation.id == text,
    )


def _integrations_of(team_id: str) -> list[tuple[str, str]]:
    used = select(Operation.integration_id).where(Operation.team_id == team_id)
    query = (
        select(Integration.id, Integration.name).where(Integration.id.in_(used)).order_by(Integration.name)
    )
    return [(row[0], row[1]) for row in db.session.execute(query)]


OPERATIONS = ListSpec[OperationRow](
    key=Operation.id,
    prefix="gop",
    thing="an operation",
    scope=lambda team_id: (Operation.team_id == team_id,),
    rows=lambda _search: select(Operation, Integration).join(
        Integration, Integration.id == Operation.integration_id
    ),
    shape=_rows,
    filters=(
        SearchFilter(
            condition=_text,
            chars_max=100,
            placeholder="Name or description",
            description="Part of the name or the description, or the id.",
        ),
        ChoiceFilter(
            field="integration",
            label="Integration",
            choices=_integrations_of,
            column=Operation.integration_id,
            chars_max=40,
            # The API has it in its addresses.
            is_for_programs=False,
        ),
        ChoiceFilter(
            field="kind",
            label="Kind",
            choices=[("query", "Query"), ("mutation", "Mutation")],
            column=Operation.kind,
            description="Only queries, or only mutations.",
        ),
    ),
)
