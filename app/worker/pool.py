"""The pool of worker processes, and the ticker around them."""

import contextlib
import gc
import os
import secrets
import signal
import threading
import time
from dataclasses import dataclass
from typing import NoReturn

import structlog
from flask import Flask
from redis.exceptions import RedisError

from app.config import JobQueue
from app.extensions import current_settings, redis_client
from app.jobs.heartbeats import ensure_dispatch, heartbeat
from app.jobs.periodic import enqueue_periodic
from app.lib.errors import Unavailable
from app.worker.processes import STOP_SIGNALS, work

log = structlog.get_logger()

_TICK_S = 1.0
#: A process that dies this soon after its start waits before it is started again.
_SHORT_LIFE_S = 5.0
_RESTART_WAIT_S = 2.0
#: Longer than the dispatcher drains, shorter than supervisors wait before they kill.
_STOP_GRACE_S = 13.0


@dataclass(slots=True)
class Child:
    """A forked worker process: which queues it serves, and since when."""

    queues: tuple[JobQueue, ...]
    number: int
    pid: int = 0
    started_at_s: float = 0.0
    start_after_s: float = 0.0

    @property
    def name(self) -> str:
        """The names of its queues, as WORKER_QUEUES has them."""
        return "+".join(self.queues)

    @property
    def dispatches(self) -> bool:
        """Whether it sends deliveries."""
        return JobQueue.DISPATCH in self.queues


class WorkerPool:
    """The worker processes and the ticker around them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        with app.app_context():
            groups = current_settings().worker_groups
        self._children = [
            Child(group.queues, number) for group in groups for number in range(1, group.processes + 1)
        ]
        self._is_stopping = False
        # Not the process id: in containers it is always 1.
        self._name = secrets.token_hex(6)
        #: Logged once at the beginning and once at the end of an outage.
        self._is_redis_lost = False
        # Only this process holds the writing end: when it ends for any reason, the others read end-of-file.
        self._parent_read, self._parent_write = os.pipe()

    def run(self) -> None:
        """Work until told to stop."""
        for signum in STOP_SIGNALS:
            signal.signal(signum, self._stop)
        log.info("worker_started", processes=[child.name for child in self._children])
        # The collector does not write to frozen objects, so their pages stay shared with the forked processes.
        gc.collect()
        gc.freeze()
        while not self._is_stopping:
            self._start_missing()
            self._tick()
            time.sleep(_TICK_S)
            self._reap()
        self._stop_children()
        log.info("worker_stopped")

    def _stop(self, _signum: int, _frame: object) -> None:
        self._is_stopping = True

    def _tick(self) -> None:
        ids = [f"{self._name}-{child.number}" for child in self._children if child.dispatches and child.pid]
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
        # A signal between the fork and the child's own handlers would only set a flag of the parent's code.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            child.pid = os.fork()
            if child.pid == 0:
                self._become(child)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        log.info("worker_process_started", queue=child.name, pid=child.pid)

    def _become(self, child: Child) -> NoReturn:
        os.close(self._parent_write)
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        status = 1
        try:
            work(self._app, child.queues, self._await_parent)
            status = 0
        except BaseException:
            log.exception("worker_process_failed", queue=child.name)
        finally:
            os._exit(status)

    def _await_parent(self) -> None:
        os.read(self._parent_read, 1)

    def _end_with_parent(self) -> None:
        self._await_parent()
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
                    log.warning("worker_process_died", queue=child.name, exit=exit_code)
            lived_s = time.monotonic() - child.started_at_s
            child.start_after_s = time.monotonic() + (_RESTART_WAIT_S if lived_s < _SHORT_LIFE_S else 0.0)
            child.pid = 0

    def _stop_children(self) -> None:
        self._signal_children(signal.SIGTERM)
        ends_at_s = time.monotonic() + _STOP_GRACE_S
        while any(child.pid for child in self._children) and time.monotonic() < ends_at_s:
            self._reap()
            time.sleep(0.05)
        self._signal_children(signal.SIGKILL)

    def _signal_children(self, signum: int) -> None:
        for child in self._children:
            if child.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, signum)
