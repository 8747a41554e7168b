"""Jobs that run by themselves, every so many seconds, once for all workers together."""

from app.extensions import redis_client
from app.jobs.table import declared_jobs, enqueue


def enqueue_periodic() -> None:
    """Enqueue the periodic jobs whose time has come. Called by the ticker of every worker. Raises RedisError."""
    for job in declared_jobs():
        # Whoever sets the mark enqueues; it goes away by itself when the next one is due.
        if job.every_s and redis_client().set(f"signalbox:periodic:{job.name}", 1, nx=True, ex=job.every_s):
            enqueue(job.name)
