"""What the tests of notifications share."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.integrations.callers import Caller
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver


@pytest.fixture
def service() -> Iterator[Receiver]:
    """Yield the chat that messages are posted to."""
    with Receiver() as running:
        yield running


@pytest.fixture
def caller(app: Flask, people: People, service: Receiver) -> Caller:
    """Return calls of team acme to the service."""
    return Caller(app, people, service)
