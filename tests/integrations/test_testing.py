"""Tests of integrations: the request that shows whether one works."""

import orjson
import pytest
from flask import Flask

from app.integrations.services import testing
from app.integrations.services.integrations import create_integration
from app.integrations.services.settings import IntegrationSettings
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, always

SECRET_PATH = "/services/1/2/secret"


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("slack", {"text": "Signalbox can post to this channel."}),
        ("n8n", {"event": "signalbox.test"}),
        ("zapier", {"event": "signalbox.test"}),
    ],
)
def test_a_secret_address_is_tested_by_a_request_to_it(
    app: Flask, people: People, service: Receiver, provider: str, body: dict[str, str]
) -> None:
    address = service.url.removesuffix("/hook") + SECRET_PATH
    settings = IntegrationSettings(name="Desk", auth_method="webhook", answers={"webhook_url": address})
    with app.app_context():
        integration_id = create_integration(people.acme.id, provider, settings)
        report = testing.test_integration(people.acme.id, integration_id)

    (received,) = service.received
    assert (received.method, received.path) == ("POST", SECRET_PATH)
    assert (orjson.loads(received.body), received.headers["content-type"]) == (body, "application/json")
    assert report.succeeded
    assert SECRET_PATH not in repr(report)


def test_a_graphql_error_is_no_success_although_the_status_is(
    app: Flask, people: People, service: Receiver
) -> None:
    service.behaviour = always(200, body=b'{"errors": [{"message": "Who are you?"}]}')
    answers = {"base_url": service.url, "token": "t"}
    settings = IntegrationSettings(name="Graph", auth_method="bearer", answers=answers)
    with app.app_context():
        integration_id = create_integration(people.acme.id, "graphql", settings)
        report = testing.test_integration(people.acme.id, integration_id)

    assert not report.succeeded
    assert "Who are you?" in report.words
