"""The worker: a ticker that keeps RQ workers alive and dispatching.

`python worker.py` forks DISPATCH_WORKERS processes for the queue `dispatch` and one for the queue `default`,
restarts those that die, and each second makes sure that dispatch slices run. SIGTERM and SIGINT stop it
gracefully; when it is killed, its processes notice and end.
"""

import contextlib
import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import rq.utils
import structlog
from flask import Flask
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker, WorkerStatus

from app.clock_skew import follow_database
from app.config import ConfigError
from app.extensions import current_settings, db, redis_client
from app.factory import create_app
from app.jobs.heartbeats import ensure_dispatch, heartbeat
from app.jobs.periodic import enqueue_periodic
from app.jobs.table import DEFAULT_QUEUE, DISPATCH_QUEUE
from app.lib import clock
from app.lib.errors import Unavailable
from app.webhooks.dispatch.tuning import tune_process
from app.webhooks.jobs import close_dispatcher, dispatch, stopping_event

log = structlog.get_logger()

TICK_S = 1.0
#: A process that dies this soon after its start waits before it is started again.
SHORT_LIFE_S = 5.0
RESTART_WAIT_S = 2.0
#: More than the dispatcher drains for, less than supervisors wait before they kill.
STOP_GRACE_S = 13.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def _stop_without_redis() -> Iterator[None]:
    """Leave RQ's loop as if told to stop; anything else it would log as unhandled, with a stack trace."""
    try:
        yield
    except RedisConnectionError as error:
        raise StopRequested from error


class _GivesUpWithoutRedis(BaseWorker):
    """RQ's own loop waits up to a minute for a Redis that is back already; `work` knows better what to do."""

    app: Flask

    def perform_job(self, job: Job, queue: Queue) -> bool:
        with self.app.app_context():
            return super().perform_job(job, queue)

    def execute_job(self, job: Job, queue: Queue) -> None:
        with _stop_without_redis():
            super().execute_job(job, queue)

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        with _stop_without_redis():
            return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        with _stop_without_redis():
            super().heartbeat(timeout, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        """Stop, if told so before RQ's own handlers were in place. Nobody suspends workers here."""
        with self.app.app_context():
            if stopping_event().is_set():
                raise StopRequested

    def subscribe(self) -> None:
        """Listen to no remote commands: nobody sends any, and the thread outlives a Redis that is lost."""

    def unsubscribe(self) -> None:
        """Undo nothing."""


class DispatchWorker(_GivesUpWithoutRedis, SimpleWorker):
    """Runs dispatch slices in its own process, so that connections and transfers outlive a slice."""

    def request_stop(self, signum: int, frame: object) -> None:
        """End the slice early. Not RQ's own: it writes to Redis from here, in the middle of what we interrupt."""
        with self.app.app_context():
            stopping_event().set()
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        self._stop_requested = True


class JobWorker(_GivesUpWithoutRedis, Worker):
    """Runs each job of the default queue in a fork of its own."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        with self.app.app_context():
            _follow_database_clock()
        super().execute_job(job, queue)

    def request_stop(self, signum: int, frame: object) -> None:
        with self.app.app_context():
            stopping_event().set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class Child:
    """A forked worker process: which queue it serves, and since when."""

    queue: str
    number: int
    pid: int = 0
    started_at_s: float = 0.0
    start_after_s: float = 0.0


class WorkerPool:
    """The worker processes and the ticker around them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        with app.app_context():
            dispatchers = current_settings().dispatch_workers
        self._children = [Child(DISPATCH_QUEUE, number) for number in range(1, dispatchers + 1)]
        self._children.append(Child(DEFAULT_QUEUE, 1))
        self._is_stopping = False
        # Not the process id: in containers everybody's is 1.
        self._name = secrets.token_hex(6)
        #: Said once at the beginning and once at the end of an outage.
        self._is_redis_lost = False
        # Only this process holds the writing end: when it is gone, however it went, the others read its end.
        self._parent_read, self._parent_write = os.pipe()

    def run(self) -> None:
        """Work until told to stop."""
        for signum in STOP_SIGNALS:
            signal.signal(signum, self._stop)
        log.info("worker_started", dispatchers=len(self._children) - 1)
        # What is never collected is never written to either: its pages stay shared with every process forked.
        gc.collect()
        gc.freeze()
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
            f"{self._name}-{child.number}"
            for child in self._children
            if child.queue == DISPATCH_QUEUE and child.pid
        ]
        with self._app.app_context():
            try:
                heartbeat(redis_client(), dispatcher_ids=ids)
            except RedisError as error:
                if not self._is_redis_lost:
                    log.warning("redis_unreachable", reason=str(error))
                self._is_redis_lost = True
                return
            if self._is_redis_lost:
                log.info("redis_reached_again")
            self._is_redis_lost = False
            ensure_dispatch()
            with contextlib.suppress(RedisError, Unavailable):
                enqueue_periodic()

    def _start_missing(self) -> None:
        for child in self._children:
            if child.pid == 0 and time.monotonic() >= child.start_after_s and not self._is_stopping:
                self._start(child)

    def _start(self, child: Child) -> None:
        child.started_at_s = time.monotonic()
        # A signal that arrived between the fork and the child's own handlers would be lost on it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            child.pid = os.fork()
            if child.pid == 0:
                self._become(child)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        log.info("worker_process_started", queue=child.queue, pid=child.pid)

    def _become(self, child: Child) -> NoReturn:
        os.close(self._parent_write)
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
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
                if not self._is_stopping:
                    exit_code = os.waitstatus_to_exitcode(status)
                    log.warning("worker_process_died", queue=child.queue, exit=exit_code)
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
    """Serve one queue in this process until told to stop. Deliveries go on when Redis, or RQ with it, does not."""
    with app.app_context():
        stopping = stopping_event()
        db.session.remove()
        _follow_database_clock()
        if queue_name == DISPATCH_QUEUE:
            tune_process()
        try:
            while not stopping.is_set():
                try:
                    _serve(app, queue_name)
                except RedisError as error:
                    log.warning("redis_lost", queue=queue_name, reason=str(error))
                for signum in STOP_SIGNALS:
                    signal.signal(signum, lambda *_: stopping.set())
                if queue_name == DISPATCH_QUEUE:
                    dispatch()
                else:
                    _await_redis(stopping)
        finally:
            close_dispatcher()


def _follow_database_clock() -> None:
    follow_database()
    # A job's fork must not inherit the connection.
    db.engine.dispose()


def _serve(app: Flask, queue_name: str) -> None:
    """Work until told to stop, or until Redis is lost (then RedisError is raised, or not)."""
    kind = DispatchWorker if queue_name == DISPATCH_QUEUE else JobWorker
    worker = kind(
        [Queue(queue_name, connection=redis_client(), serializer=JSONSerializer)],
        connection=redis_client(),
        serializer=JSONSerializer,
    )
    worker.app = app
    worker.work(logging_level="WARNING", with_scheduler=False)


def _await_redis(stopping: threading.Event) -> None:
    while not stopping.wait(TICK_S):
        with contextlib.suppress(RedisError):
            redis_client().ping()
            return


def _let_rq_follow() -> None:
    """Give RQ the application's clock. By that of each machine, one that is ahead takes the jobs of others for abandoned."""
    rq.utils.now = clock.now


def main() -> None:
    """Start the pool. Exits with 2 when the configuration does not allow it."""
    try:
        app = create_app()
    except ConfigError as error:
        sys.exit(f"{error}")
    _let_rq_follow()
    WorkerPool(app).run()


if __name__ == "__main__":
    main()
