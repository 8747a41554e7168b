"""What the tests of the home page share."""

import pytest
from flask import Flask

from tests.deliveries.factories import Factories
from tests.people import People


@pytest.fixture
def factories(app: Flask, people: People) -> Factories:
    """Return the store of team acme."""
    return Factories(app, people.acme.id)


@pytest.fixture
def other_stock(app: Flask, people: People) -> Factories:
    """Return the store of the other team."""
    return Factories(app, people.other.id)
