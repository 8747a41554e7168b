"""Fixtures for everything that needs the web server itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from app.accounts.models import Team
from app.api_keys.services import create_key
from app.extensions import db
from app.lib.ids import new_id
from app.web.permissions import FULL
from tests.conftest import SQLITE, TestApps
from tests.server.programs import WebServer, web_server_running
from tests.webhooks.dispatch.programs import free_port

StartWeb = Callable[..., WebServer]


@pytest.fixture
def start_web(test_apps: TestApps, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWeb]:
    """Yield a function that starts a web server on SQLite; its arguments are settings."""
    with ExitStack() as running:

        def start(**env: str) -> WebServer:
            directory = tmp_path_factory.mktemp("web")
            settings = test_apps.settings(SQLITE)
            return running.enter_context(web_server_running(settings, directory, port=free_port(), **env))

        yield start


@pytest.fixture
def token(test_apps: TestApps) -> str:
    """Return an API key that may emit events."""
    test_apps.empty(SQLITE)
    with test_apps.app(SQLITE).app_context():
        team = Team(slug=new_id("t").replace("_", "-"), name="Others", per_hour=1_000_000)
        db.session.add(team)
        db.session.commit()
        key = create_key(
            team.id,
            "tests",
            scopes=["events:write"],
            granted_by=frozenset({FULL}),
            created_by_id=None,
            # A quick machine sends more in a minute than a key may in an hour.
            per_hour=1_000_000,
            per_day=1_000_000,
        )
        db.session.remove()
        return key.token
