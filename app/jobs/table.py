"""The job table, and the only way to hand a job to a worker.

Features declare their jobs in their `feature.py`. Jobs take ids and other JSON values, never objects. A name is a
promise between releases: workers of the last release may still hold jobs under it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from app.config import JobQueue
from app.extensions import redis_client
from app.lib.errors import Unavailable

log = structlog.get_logger()

NO_TIMEOUT = -1
#: Jobs with a longer timeout belong into the slow queue, so that no quick job waits for them.
_PATIENCE_S = 60
_FAILED_JOB_KEPT_S = 7 * 86_400
#: By name; filled once, when the features are connected.
_table: dict[str, "Job"] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A function that a worker runs: `path` is where it is, `timeout_s` after how long it is killed."""

    name: str
    path: str
    queue: JobQueue = JobQueue.DEFAULT
    #: `NO_TIMEOUT`: never killed.
    timeout_s: int = 60
    #: Interval in seconds of a periodic job, once for all workers together; None: only when enqueued.
    every_s: int | None = None


def declare(jobs: Iterable[Job]) -> None:
    """Add jobs to the table. Raises ValueError for a name that another job has, and for one in too quick a queue."""
    for job in jobs:
        if job.queue is JobQueue.DEFAULT and not 0 < job.timeout_s <= _PATIENCE_S:
            raise ValueError(
                f"{job.name} may take longer than {_PATIENCE_S} s: declare it for the queue slow"
            )
        if _table.setdefault(job.name, job) != job:
            raise ValueError(f"two jobs are named {job.name}: {_table[job.name].path} and {job.path}")


def declared_jobs() -> tuple[Job, ...]:
    """Return every job that a feature declared, in the order of the features."""
    return tuple(_table.values())


def enqueue(name: str, *args: str | int | bool | None) -> None:
    """Hand a declared job to a worker. Call it after the commit.

    Raises `Unavailable` when Redis is down, and KeyError for a job that no feature declares.
    """
    job = _table[name]
    queue = Queue(job.queue, connection=redis_client(), serializer=JSONSerializer)
    try:
        queue.enqueue_call(
            job.path,
            args=args,
            timeout=job.timeout_s,
            result_ttl=0,
            failure_ttl=_FAILED_JOB_KEPT_S,
        )
    except RedisError as error:
        log.warning("job_not_enqueued", job=name, error=str(error))
        raise Unavailable(
            "Redis does not answer, so this cannot be done now. Try again in a minute."
        ) from error
