"""What operators do with failed jobs."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry

from app.lib.errors import NotFound, Unavailable
from app.operations.queries import registry_of_failed

log = structlog.get_logger()


def retry(job_id: str, *, operator: str) -> None:
    """Let a failed job run again. Raises NotFound, Unavailable."""
    with _failed(job_id) as registry:
        registry.requeue(job_id)
    log.info("job_retried", job_id=job_id, operator=operator)


def dismiss(job_id: str, *, operator: str) -> None:
    """Delete a failed job. Raises NotFound, Unavailable."""
    with _failed(job_id) as registry:
        # Of a retry and a dismissal at once one gets the job: what waits again is not deleted.
        if not registry.remove(job_id):
            raise _not_failed()
        Job.fetch(job_id, connection=registry.connection, serializer=registry.serializer).delete()
    log.info("job_dismissed", job_id=job_id, operator=operator)


@contextmanager
def _failed(job_id: str) -> Iterator[FailedJobRegistry]:
    """Yield the registry that holds the failed job."""
    try:
        registry = registry_of_failed(job_id)
        if registry is None:
            raise _not_failed()
        yield registry
    except (NoSuchJobError, InvalidJobOperation):
        raise _not_failed() from None
    except RedisError as error:
        raise Unavailable("Redis does not answer, so nothing was done. Try again in a minute.") from error


def _not_failed() -> NotFound:
    return NotFound("There is no such failed job (any more).")
