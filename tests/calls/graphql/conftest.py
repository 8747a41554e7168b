"""What the tests of GraphQL share: a server, and team acme's integration with it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask

from app.calls.graphql.models import Operation, SchemaVersion
from app.calls.graphql.queries import current_version, get_operation
from app.calls.graphql.services.operations import create_operation
from app.calls.graphql.services.running import RunReport, run_operation
from app.calls.graphql.services.schemas import accept_proposal, propose_schema
from app.extensions import db
from app.integrations.services.integrations import create_integration
from app.integrations.services.settings import IntegrationSettings
from tests.calls.graphql.server import SDL, GraphQLServer
from tests.people import People

TOKEN = "s3cret-of-the-service"


class Desk:
    """Team acme's integration with the test's GraphQL server, and what is done through it."""

    def __init__(self, app: Flask, people: People, server: GraphQLServer) -> None:
        self.app, self.server, self.team_id = app, server, people.acme.id
        settings = IntegrationSettings(
            name="Order desk",
            auth_method="bearer",
            answers={"base_url": server.url, "token": TOKEN},
            hourly_limit=1000,
        )
        with app.app_context():
            self.id = create_integration(self.team_id, "graphql", settings)

    def propose(self, sdl: str | None = SDL, **more: Any) -> SchemaVersion | None:
        """Take a schema, from the server with None."""
        with self.app.app_context():
            found = propose_schema(self.team_id, self.id, sdl=sdl, **more)
            if found is not None:
                # All of it is read before the session ends.
                db.session.refresh(found, SchemaVersion.__table__.columns.keys())
            return found

    def renew(self, sdl: str | None = SDL) -> SchemaVersion:
        """Take a schema and save it whatever it breaks."""
        found = self.propose(sdl)
        with self.app.app_context():
            if found is not None and found.number is None:
                accept_proposal(self.team_id, self.id, found.id, may_break=None)
            current = current_version(self.id, with_sdl=True)
            assert current is not None
            return current

    def save(self, document: str) -> str:
        """Save an operation; returns its id."""
        with self.app.app_context():
            return create_operation(self.team_id, self.id, document=document)

    def operation(self, operation_id: str) -> Operation:
        with self.app.app_context():
            return get_operation(self.team_id, operation_id)

    def run(
        self, operation_id: str, variables: Mapping[str, Any] | None = None, *, may_mutate: bool = True
    ) -> RunReport:
        with self.app.app_context():
            return run_operation(self.team_id, operation_id, variables or {}, may_mutate=may_mutate)


@pytest.fixture
def server() -> Iterator[GraphQLServer]:
    """Yield a GraphQL server of orders."""
    with GraphQLServer() as running:
        yield running


@pytest.fixture
def desk(app: Flask, people: People, server: GraphQLServer) -> Desk:
    """The integration, without a schema."""
    return Desk(app, people, server)
