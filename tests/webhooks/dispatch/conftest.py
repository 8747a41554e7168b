"""What the dispatch tests share."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.webhooks.dispatch.receivers import Receiver
from tests.webhooks.dispatch.scene import Scene, new_scene


@pytest.fixture
def scene(app: Flask) -> Scene:
    """Return a team over an empty database."""
    return new_scene(app)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Yield a receiver that answers 200 until its `behaviour` is changed."""
    with Receiver() as running:
        yield running
