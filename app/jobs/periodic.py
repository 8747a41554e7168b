"""Periodic jobs: enqueued at their interval, once for all workers together."""

from typing import cast

from app.extensions import redis_client
from app.jobs.table import Job, declared_jobs, enqueue


def enqueue_periodic() -> None:
    """Enqueue the periodic jobs whose time has come. Called by the ticker of every worker. Raises RedisError."""
    for job in declared_jobs():
        # The ticker that sets the mark enqueues the job; the mark expires when the next run is due.
        if job.every_s and redis_client().set(_key(job), 1, nx=True, ex=job.every_s):
            enqueue(job.name)


def next_run_in_s(job: Job) -> float | None:
    """Return in how many seconds the job is enqueued again; None when that is due now. Raises RedisError."""
    left_ms = cast(int, redis_client().pttl(_key(job)))
    return left_ms / 1000 if left_ms > 0 else None


def _key(job: Job) -> str:
    return f"signalbox:periodic:{job.name}"
