"""Calls through an integration of the test's service, for tests."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from app.integrations.services.access import open_access
from app.integrations.services.calling import send_call
from app.integrations.services.integrations import create_integration
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.integrations.services.settings import IntegrationSettings
from tests.hostile_receivers import Receiver as HostileReceiver
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver

SECRET = "s3cret-of-the-service"


class Caller:
    """Team acme's integration with the test's service, and calls through it."""

    def __init__(self, app: Flask, people: People, service: Receiver | HostileReceiver) -> None:
        self.app, self.team_id = app, people.acme.id
        self.base_url = service.url.removesuffix("/hook")

    def add(
        self,
        auth_method: str = "bearer",
        more_answers: Mapping[str, str] | None = None,
        *,
        name: str = "Desk",
        secret: str = SECRET,
        **more: Any,
    ) -> str:
        """Add an integration; return its id."""
        secrets = {"bearer": {"token": secret}, "basic": {"user": "ann", "password": secret}}
        answers = {"base_url": self.base_url, **secrets.get(auth_method, {"token": secret})}
        answers |= more_answers or {}
        settings = IntegrationSettings(name=name, auth_method=auth_method, answers=answers, **more)
        with self.app.app_context():
            return create_integration(self.team_id, "rest", settings)

    def call(self, integration_id: str, path: str = "/tickets", **more: Any) -> CallOutcome:
        """Call the service; return what became of it."""
        with self.app.app_context():
            access = open_access(self.team_id, integration_id)
            call = OutgoingCall(url=self.base_url + path, **{"purpose": "rest", **more})
            return send_call(access, call)
