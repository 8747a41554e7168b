"""A running web server with short deadlines, and raw sockets to it."""

import http.client
from collections.abc import Iterator

import pytest

from tests.conftest import SQLITE, TestApps
from tests.server.fixtures import start_web, token
from tests.server.programs import WebServer, web_server_running
from tests.webhooks.dispatch.programs import free_port

__all__ = ["connection", "start_web", "token", "web"]

#: Of the server under test. Tests wait for what happens, and never longer than they must.
DEADLINES = {
    "REQUEST_HEAD_TIMEOUT_S": "1",
    "REQUEST_BODY_TIMEOUT_S": "1",
    "RESPONSE_TIMEOUT_S": "2",
    "KEEP_ALIVE_TIMEOUT_S": "2",
}


@pytest.fixture(scope="session")
def web(test_apps: TestApps, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Yield a web server on SQLite whose clients have a second or two."""
    with web_server_running(
        test_apps.settings(SQLITE), tmp_path_factory.mktemp("web"), port=free_port(), **DEADLINES
    ) as server:
        yield server


@pytest.fixture
def connection(web: WebServer) -> Iterator[http.client.HTTPConnection]:
    """Yield a well-behaved connection."""
    connection = http.client.HTTPConnection(web.host, web.port, timeout=60)
    yield connection
    connection.close()
