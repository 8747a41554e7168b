"""What the tests of deliveries share."""

import pytest
from flask import Flask

from tests.deliveries.stock import Stock
from tests.people import People


@pytest.fixture
def stock(app: Flask, people: People) -> Stock:
    """Return the store of team acme."""
    return Stock(app, people.acme.id)


@pytest.fixture
def other_stock(app: Flask, people: People) -> Stock:
    """Return the store of the other team."""
    return Stock(app, people.other.id)
