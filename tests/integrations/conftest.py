"""What the tests of integrations share."""

from collections.abc import Iterator

import pytest

from tests.webhooks.dispatch.receivers import Receiver


@pytest.fixture
def service() -> Iterator[Receiver]:
    """Yield a service that is called through integrations: it answers 200 to every method until told otherwise."""
    with Receiver() as running:
        yield running
