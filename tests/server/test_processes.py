"""How web processes stop, and how several share one port."""

import contextlib
import http.client
import os
import signal
import threading
from pathlib import Path

import orjson
import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.request_log.models import LoggedRequest
from tests.conftest import SQLITE, TestApps
from tests.server.fixtures import StartWeb
from tests.server.programs import WebServer, read_replies
from tests.webhooks.dispatch.programs import wait_until_dead
from tests.webhooks.dispatch.scene import wait_until

# Several processes start here, one after the other.
pytestmark = pytest.mark.timeout(300)


def test_stopping_server_finishes_what_is_under_way(start_web: StartWeb) -> None:
    web = start_web()
    get = b"GET /sign-in HTTP/1.1\r\nHost: x\r\n\r\n"
    answers: list[int] = []

    def ask() -> None:
        with web.connect() as client:
            client.sendall(get * 20)
            client.recv(1)
            asked.set()
            replies, _ = read_replies(client)
            answers.append(len(replies))

    asked = threading.Event()
    asking = threading.Thread(target=ask)
    asking.start()
    asked.wait(30)

    assert web.stop() == 0
    asking.join()
    assert answers


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stopping_server_writes_what_the_request_log_holds(
    start_web: StartWeb, test_apps: TestApps, token: str, workers: str
) -> None:
    # Under test settings nothing is written in the background.
    web = start_web(WEB_WORKERS=workers, APP_ENV="development")
    connection = http.client.HTTPConnection(web.host, web.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(
        "POST", "/api/v1/events", orjson.dumps({"type": "post.published", "data": {}}), headers
    )
    assert connection.getresponse().status == 202
    connection.close()

    assert web.stop() == 0

    with test_apps.app(SQLITE).app_context():
        assert db.session.scalar(select(func.count()).select_from(LoggedRequest)) == 1
        db.session.remove()


def test_processes_share_the_port_and_are_replaced_and_stop_together(start_web: StartWeb) -> None:
    web = start_web(WEB_WORKERS="2", WEB_THREADS="1")
    wait_until(lambda: len(workers_of(web)) == 2)
    first = workers_of(web)

    os.kill(min(first), signal.SIGKILL)
    wait_until(lambda: len(workers_of(web) - {min(first)}) == 2 and web.is_healthy(), within_s=60)
    family = web.family()

    assert web.stop() == 0
    wait_until_dead(family, within_s=30)


def test_processes_end_when_their_parent_is_killed(start_web: StartWeb) -> None:
    web = start_web(WEB_WORKERS="2", WEB_THREADS="1")
    wait_until(lambda: len(workers_of(web)) == 2)
    family = web.family()

    web.kill()

    wait_until_dead(family, within_s=30)


def workers_of(web: WebServer) -> set[int]:
    """Return the processes that serve: multiprocessing has one more, which keeps count of resources."""
    found = set()
    for pid in web.family():
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found
