"""What the tests of the home page share."""

import pytest

from tests.deliveries.stock import Stock


@pytest.fixture
def stock(app, people) -> Stock:
    """Return the store of team acme."""
    return Stock(app, people.acme.id)


@pytest.fixture
def other_stock(app, people) -> Stock:
    """Return the store of the other team."""
    return Stock(app, people.other.id)
