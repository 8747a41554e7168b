"""How web processes stop, and how several share one port."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import SQLITE, Stage
from tests.dispatch.programs import free_port, wait_until_dead
from tests.dispatch.scene import wait_until
from tests.server.programs import WebServer, read_replies, web_server_running

# Several processes start here, one after the other.
pytestmark = pytest.mark.timeout(300)
StartWeb = Callable[..., WebServer]


@pytest.fixture
def start_web(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWeb]:
    """Yield what starts a web server on SQLite; its arguments are settings."""
    with ExitStack() as running:

        def start(**env: str) -> WebServer:
            return running.enter_context(
                web_server_running(
                    stage.settings(SQLITE), tmp_path_factory.mktemp("web"), port=free_port(), **env
                )
            )

        yield start


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
