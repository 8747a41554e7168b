"""What the tests of calls share: a service, team acme's integration with it, and endpoints of that."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from app.calls.rest.definition import Definition, Pagination, Parameter
from app.calls.rest.services.endpoints import create_endpoint
from app.calls.rest.services.reports import RunReport
from app.calls.rest.services.running import RunOrder, run_endpoint
from app.integrations.services.integrations import create_integration
from app.integrations.services.settings import IntegrationSettings
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver

SECRET = "s3cret/of the+service"


class Desk:
    """Team acme's integration with the test's service: defines endpoints and runs them."""

    def __init__(self, app: Flask, people: People, service: Receiver) -> None:
        self.app, self.team_id, self.service = app, people.acme.id, service
        self.base_url = service.url.removesuffix("/hook")
        self.integration_id = self.connect()

    def connect(self, auth_method: str = "bearer", provider: str = "rest", **more: Any) -> str:
        """Add an integration and return its id."""
        answers = {"base_url": self.base_url, "token": SECRET} | more.pop("answers", {})
        if auth_method == "basic":
            answers = {"base_url": self.base_url, "user": "ann", "password": SECRET}
        settings = IntegrationSettings(name="Desk", auth_method=auth_method, answers=answers, **more)
        with self.app.app_context():
            return create_integration(self.team_id, provider, settings)

    def define(
        self, path: str = "/tickets", *parameters: Parameter, integration_id: str | None = None, **more: Any
    ) -> str:
        """Define an endpoint and return its id; `pagination` may be the fields of one."""
        pagination = more.pop("pagination", {})
        definition = Definition(
            name="Tickets", path=path, parameters=parameters, pagination=Pagination(**pagination), **more
        )
        with self.app.app_context():
            return create_endpoint(self.team_id, integration_id or self.integration_id, definition)

    def run(self, endpoint_id: str, order: RunOrder | None = None, /, **parameters: Any) -> RunReport:
        """Run an endpoint with these values."""
        with self.app.app_context():
            return run_endpoint(self.team_id, endpoint_id, order or RunOrder(parameters=parameters))


@pytest.fixture
def service() -> Iterator[Receiver]:
    """Yield a service that is called through integrations: it answers 200 to every method until told otherwise."""
    with Receiver() as running:
        yield running


@pytest.fixture
def desk(app: Flask, people: People, service: Receiver) -> Desk:
    """Return team acme's integration with the service."""
    return Desk(app, people, service)
