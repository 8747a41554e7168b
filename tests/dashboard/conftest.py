"""What the tests of the home page share."""

import pytest
from flask import Flask

from tests.people import People
from tests.webhooks.deliveries.factories import Factories


@pytest.fixture
def factories(app: Flask, people: People) -> Factories:
    """Return the store of team acme."""
    return Factories(app, people.acme.id)


@pytest.fixture
def other_factories(app: Flask, people: People) -> Factories:
    """Return the store of the other team."""
    return Factories(app, people.other.id)
