"""Several web processes on one listening socket: started, replaced when they die, and stopped together."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess

import structlog

from app.config import Settings

log = structlog.get_logger()

Serve = Callable[[Settings, socket.socket], None]

_TURN_S = 0.5
#: Else a process that cannot start would be restarted in a tight loop.
_RESTART_WAIT_S = 1.0


def run_workers(settings: Settings, listener: socket.socket, serve: Serve) -> None:
    """Run `serve` in WEB_WORKERS processes until told to stop; return once all have stopped."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    workers = [_start(settings, listener, serve) for _ in range(settings.web_workers)]
    while not stopping.is_set():
        multiprocessing.connection.wait([worker.sentinel for worker in workers], _TURN_S)
        dead = [worker for worker in workers if not worker.is_alive()]
        if not dead or stopping.is_set():
            continue
        for worker in dead:
            log.warning("web_process_died", pid=worker.pid, exit=worker.exitcode)
        time.sleep(_RESTART_WAIT_S)
        living = [worker for worker in workers if worker.is_alive()]
        workers = [*living, *(_start(settings, listener, serve) for _ in dead)]
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()


def _start(settings: Settings, listener: socket.socket, serve: Serve) -> SpawnProcess:
    # Spawned: a fork would share descriptors and threads of libraries.
    worker = multiprocessing.get_context("spawn").Process(
        target=_work, args=(settings, listener, serve), name="web"
    )
    worker.start()
    return worker


def _work(settings: Settings, listener: socket.socket, serve: Serve) -> None:
    threading.Thread(target=_stop_with_parent, name="parent", daemon=True).start()
    serve(settings, listener)


def _stop_with_parent() -> None:
    """Stop this process when the one that started it has ended for any reason."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
