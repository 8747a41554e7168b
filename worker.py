"""The worker: a ticker that keeps RQ workers alive and dispatching.

`python worker.py` forks DISPATCH_WORKERS processes for the queue `dispatch` and one for the queue `default`,
restarts those that die, and each second makes sure that dispatch slices run. SIGTERM and SIGINT stop it
gracefully; when it is killed, its processes notice and end.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import NoReturn

import structlog
from flask import Flask
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.config import ConfigError
from app.extensions import current_settings, db, redis_client
from app.factory import create_app
from app.queues import DEFAULT_QUEUE, DISPATCH_QUEUE, ensure_dispatch, sign_of_life
from app.webhooks.jobs import close_dispatcher, stopping_event

log = structlog.get_logger()

TICK_S = 1.0
#: A process that dies this soon after its start waits before it is started again.
SHORT_LIFE_S = 5.0
RESTART_WAIT_S = 2.0
STOP_GRACE_S = 20.0


class DispatchWorker(SimpleWorker):
    """Runs dispatch slices in its own process, so that connections and transfers outlive a slice."""

    app: Flask

    def perform_job(self, job: Job, queue: Queue) -> bool:
        with self.app.app_context():
            return super().perform_job(job, queue)

    def request_stop(self, signum: int, frame: object) -> None:
        with self.app.app_context():
            stopping_event().set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


class JobWorker(Worker):
    """Runs each job of the default queue in a fork of its own."""

    app: Flask

    def perform_job(self, job: Job, queue: Queue) -> bool:
        with self.app.app_context():
            return super().perform_job(job, queue)


@dataclass(slots=True)
class Child:
    """A forked worker process: which queue it serves, and since when."""

    queue: str
    number: int
    pid: int = 0
    started_at_s: float = 0.0
    start_after_s: float = 0.0


class Crew:
    """The worker processes and the ticker around them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        with app.app_context():
            dispatchers = current_settings().dispatch_workers
        self._children = [Child(DISPATCH_QUEUE, number) for number in range(1, dispatchers + 1)]
        self._children.append(Child(DEFAULT_QUEUE, 1))
        self._is_stopping = False
        # Only this process holds the writing end: when it is gone, however it went, the others read its end.
        self._parent_read, self._parent_write = os.pipe()

    def run(self) -> None:
        """Work until told to stop."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        log.info("worker_started", dispatchers=len(self._children) - 1)
        while not self._is_stopping:
            self._start_missing()
            self._tick()
            time.sleep(TICK_S)
            self._reap()
        self._stop_children()
        log.info("worker_stopped")

    def _stop(self, _signum: int, _frame: object) -> None:
        self._is_stopping = True

    def _tick(self) -> None:
        ids = [
            f"{os.getpid()}-{child.number}"
            for child in self._children
            if child.queue == DISPATCH_QUEUE and child.pid
        ]
        with self._app.app_context():
            try:
                sign_of_life(redis_client(), dispatcher_ids=ids)
            except RedisError as error:
                log.warning("redis_unreachable", reason=str(error))
                return
            ensure_dispatch()

    def _start_missing(self) -> None:
        for child in self._children:
            if child.pid == 0 and time.monotonic() >= child.start_after_s and not self._is_stopping:
                child.started_at_s = time.monotonic()
                child.pid = os.fork()
                if child.pid == 0:
                    self._become(child)

    def _become(self, child: Child) -> NoReturn:
        os.close(self._parent_write)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, signal.SIG_DFL)
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        status = 1
        try:
            work(self._app, child.queue)
            status = 0
        except BaseException:
            log.exception("worker_process_failed", queue=child.queue)
        finally:
            os._exit(status)

    def _end_with_parent(self) -> None:
        os.read(self._parent_read, 1)
        os._exit(1)

    def _reap(self) -> None:
        for child in self._children:
            if not child.pid:
                continue
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid == 0:
                    continue
                log.warning("worker_process_died", queue=child.queue, exit=os.waitstatus_to_exitcode(status))
            lived_s = time.monotonic() - child.started_at_s
            child.start_after_s = time.monotonic() + (RESTART_WAIT_S if lived_s < SHORT_LIFE_S else 0.0)
            child.pid = 0

    def _stop_children(self) -> None:
        self._signal_children(signal.SIGTERM)
        ends_at_s = time.monotonic() + STOP_GRACE_S
        while any(child.pid for child in self._children) and time.monotonic() < ends_at_s:
            self._reap()
            time.sleep(0.05)
        self._signal_children(signal.SIGKILL)

    def _signal_children(self, signum: int) -> None:
        for child in self._children:
            if child.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, signum)


def work(app: Flask, queue_name: str) -> None:
    """Serve one queue in this process until told to stop."""
    kind = DispatchWorker if queue_name == DISPATCH_QUEUE else JobWorker
    with app.app_context():
        worker = kind(
            [Queue(queue_name, connection=redis_client(), serializer=JSONSerializer)],
            connection=redis_client(),
            serializer=JSONSerializer,
        )
        worker.app = app
        db.session.remove()
        try:
            worker.work(logging_level="WARNING", with_scheduler=False)
        finally:
            close_dispatcher()


def main() -> None:
    """Start the crew. Exits with 2 when the configuration does not allow it."""
    try:
        app = create_app()
    except ConfigError as error:
        sys.exit(f"{error}")
    Crew(app).run()


if __name__ == "__main__":
    main()
