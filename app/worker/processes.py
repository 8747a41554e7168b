"""What one worker process does: serve its queues until told to stop, with Redis and without."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

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
from app.config import JobQueue
from app.extensions import db, redis_client
from app.webhooks.dispatch.tuning import tune_process
from app.webhooks.jobs import close_dispatcher, dispatch, stopping_event

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOOK_FOR_REDIS_S = 1.0


@contextlib.contextmanager
def _stop_without_redis() -> Iterator[None]:
    """Leave RQ's loop as if told to stop; anything else it would log as unhandled, with a stack trace."""
    try:
        yield
    except RedisConnectionError as error:
        raise StopRequested from error


class _GivesUpWithoutRedis(BaseWorker):
    """Leaves RQ's loop when Redis is lost: RQ waits up to a minute longer than needed; `work` goes on at once."""

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
        """Stop if a signal came before RQ's own handlers were in place. Workers are never suspended here."""
        with self.app.app_context():
            if stopping_event().is_set():
                raise StopRequested

    def subscribe(self) -> None:
        """Do not listen for remote commands: none are sent, and the thread would outlive a lost connection."""

    def unsubscribe(self) -> None:
        """Do nothing: there is no subscription."""


class DispatchWorker(_GivesUpWithoutRedis, SimpleWorker):
    """Runs dispatch slices in its own process, so that connections and transfers outlive a slice."""

    def request_stop(self, signum: int, frame: object) -> None:
        """End the slice early. RQ's own handler writes to Redis, in the middle of what it interrupts."""
        with self.app.app_context():
            stopping_event().set()
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        self._stop_requested = True


class JobWorker(_GivesUpWithoutRedis, Worker):
    """Runs each job in a fork of its own. Queues are served in their order: the first that has a job comes first."""

    #: Returns when the pool is gone.
    await_end_of_pool: Callable[[], None]

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run the job in this fork, which ends with the pool: RQ gives it a process group of its own."""
        threading.Thread(target=self._end_with_pool, daemon=True).start()
        super().main_work_horse(job, queue)

    def _end_with_pool(self) -> None:
        self.await_end_of_pool()
        os._exit(1)

    def execute_job(self, job: Job, queue: Queue) -> None:
        with self.app.app_context():
            _follow_database_clock()
        super().execute_job(job, queue)

    def request_stop(self, signum: int, frame: object) -> None:
        with self.app.app_context():
            stopping_event().set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work(app: Flask, queues: Sequence[JobQueue], await_end_of_pool: Callable[[], None]) -> None:
    """Serve the queues in this process until told to stop. Deliveries go on while Redis, and with it RQ, is down."""
    dispatches = JobQueue.DISPATCH in queues
    with app.app_context():
        stopping = stopping_event()
        db.session.remove()
        _follow_database_clock()
        if dispatches:
            tune_process()
        try:
            while not stopping.is_set():
                try:
                    _serve(app, queues, await_end_of_pool)
                except RedisError as error:
                    log.warning("redis_lost", queue=",".join(queues), reason=str(error))
                for signum in STOP_SIGNALS:
                    signal.signal(signum, lambda *_: stopping.set())
                if dispatches:
                    dispatch()
                else:
                    _await_redis(stopping)
        finally:
            close_dispatcher()


def _follow_database_clock() -> None:
    follow_database()
    # A job's fork must not inherit the connection.
    db.engine.dispose()


def _serve(app: Flask, queues: Sequence[JobQueue], await_end_of_pool: Callable[[], None]) -> None:
    """Work until told to stop, or until Redis is lost (then RedisError is raised, or not)."""
    found = [Queue(queue, connection=redis_client(), serializer=JSONSerializer) for queue in queues]
    worker: DispatchWorker | JobWorker
    if JobQueue.DISPATCH in queues:
        worker = DispatchWorker(found, connection=redis_client(), serializer=JSONSerializer)
    else:
        worker = JobWorker(found, connection=redis_client(), serializer=JSONSerializer)
        worker.await_end_of_pool = await_end_of_pool
    worker.app = app
    worker.work(logging_level="WARNING", with_scheduler=False)


def _await_redis(stopping: threading.Event) -> None:
    while not stopping.wait(_LOOK_FOR_REDIS_S):
        with contextlib.suppress(RedisError):
            redis_client().ping()
            return
