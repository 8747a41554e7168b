"""What the tests of integrations share."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.integrations.callers import Caller
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver


@pytest.fixture
def service() -> Iterator[Receiver]:
    """Yield a service that is called through integrations: it answers 200 to every method until told otherwise."""
    with Receiver() as running:
        yield running


@pytest.fixture
def caller(app: Flask, people: People, service: Receiver) -> Caller:
    """Return calls of team acme to the service."""
    return Caller(app, people, service)
