"""What waits, runs and failed in the queues, and when periodic jobs ran."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from app.config import JobQueue
from app.extensions import redis_client
from app.jobs.periodic import next_run_in_s
from app.jobs.table import declared_jobs
from app.lib import clock
from app.lib.errors import Unavailable
from app.web.lists import ChoiceFilter, SearchFilter, ShortList

#: Of each state and queue; the counts include all.
SHOWN_MAX = 50
_ERROR_CHARS_MAX = 300


class JobState(StrEnum):
    """Where a job is. One that succeeded is gone."""

    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownJob:
    """A job in a queue. Its arguments are left out: they may hold secrets."""

    id: str
    name: str
    queue: JobQueue
    state: JobState
    enqueued_at: datetime | None
    started_at: datetime | None
    #: Until now for a running job; None for a waiting one.
    took_s: float | None
    #: The line of its trace that names the exception.
    error: str | None = None
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownQueue:
    """A queue: how many processes serve it, and how many jobs wait, run and failed in it."""

    name: JobQueue
    worker_count: int
    waiting_count: int
    running_count: int
    failed_count: int


@dataclass(frozen=True, slots=True)
class ShownPeriodicJob:
    """A periodic job. `last_at` is when it was enqueued last, if that was within its interval."""

    name: str
    queue: JobQueue
    every_s: int
    last_at: datetime | None
    next_at: datetime


def queues() -> list[ShownQueue]:
    """Return every queue, the most urgent first. Raises Unavailable when Redis does not answer."""
    try:
        return [_queue(name, redis_client()) for name in JobQueue]
    except RedisError as error:
        raise _unavailable() from error


def jobs() -> list[ShownJob]:
    """Return the oldest waiting, the running and the newest failed jobs of every queue, enqueued last first.

    Up to SHOWN_MAX of each. Raises Unavailable when Redis does not answer.
    """
    try:
        found = [job for name in JobQueue for job in _jobs(name, redis_client())]
    except RedisError as error:
        raise _unavailable() from error
    return sorted(found, key=lambda job: (job.enqueued_at is not None, job.enqueued_at, job.id), reverse=True)


def periodic_jobs() -> list[ShownPeriodicJob]:
    """Return the periodic jobs, by name. Raises Unavailable when Redis does not answer."""
    found = []
    now = clock.now()
    try:
        for job in sorted(declared_jobs(), key=lambda one: one.name):
            if job.every_s:
                left_s = next_run_in_s(job)
                last_at = now - timedelta(seconds=job.every_s - left_s) if left_s is not None else None
                next_at = now + timedelta(seconds=left_s or 0)
                found.append(ShownPeriodicJob(job.name, job.queue, job.every_s, last_at, next_at))
    except RedisError as error:
        raise _unavailable() from error
    return found


def find_failed(job_id: str) -> ShownJob | None:
    """Return a failed job; None when it did not fail, or is gone. Raises Unavailable when Redis does not answer."""
    try:
        registry = registry_of_failed(job_id)
        if registry is None:
            return None
        return next(_shown({job_id: JobState.FAILED}, JobQueue(registry.name), redis_client()), None)
    except RedisError as error:
        raise _unavailable() from error


def registry_of_failed(job_id: str) -> FailedJobRegistry | None:
    """Return the registry that holds a failed job; None when it did not fail, or is gone. Raises RedisError."""
    for name in JobQueue:
        registry = FailedJobRegistry(name, connection=redis_client(), serializer=JSONSerializer)
        if job_id in registry:
            return registry
    return None


def _queue(name: JobQueue, redis: Redis) -> ShownQueue:
    queue = Queue(name, connection=redis, serializer=JSONSerializer)
    # Without RQ's clean-up: showing a page must not change anything.
    return ShownQueue(
        name=name,
        worker_count=Worker.count(queue=queue),
        waiting_count=queue.count,
        running_count=StartedJobRegistry(queue=queue).get_job_count(cleanup=False),
        failed_count=FailedJobRegistry(queue=queue).get_job_count(cleanup=False),
    )


def _jobs(name: JobQueue, redis: Redis) -> Iterator[ShownJob]:
    queue = Queue(name, connection=redis, serializer=JSONSerializer)
    last = SHOWN_MAX - 1
    ids = {
        JobState.WAITING: queue.get_job_ids(0, SHOWN_MAX),
        JobState.RUNNING: StartedJobRegistry(queue=queue).get_job_ids(end=last, cleanup=False),
        JobState.FAILED: FailedJobRegistry(queue=queue).get_job_ids(end=last, desc=True, cleanup=False),
    }
    # One that moves on between two of these questions is shown once.
    states = {job_id: state for state, found in ids.items() for job_id in found}
    return _shown(states, name, redis)


def _shown(states: Mapping[str, JobState], queue: JobQueue, redis: Redis) -> Iterator[ShownJob]:
    names = {job.path: job.name for job in declared_jobs()}
    for job in Job.fetch_many(list(states), connection=redis, serializer=JSONSerializer):
        if job is None:
            continue  # It ended meanwhile.
        state = states[job.id]
        result = job.latest_result() if state is JobState.FAILED else None
        ended_at = job.ended_at or (result.created_at if result else None)
        took_until = ended_at or clock.now()
        yield ShownJob(
            id=job.id,
            name=_name(job, names),
            queue=queue,
            state=state,
            enqueued_at=job.enqueued_at,
            started_at=job.started_at,
            took_s=max(0.0, (took_until - job.started_at).total_seconds()) if job.started_at else None,
            error=_error_line(result.exc_string) if result else None,
            failed_at=ended_at if state is JobState.FAILED else None,
        )


def _name(job: Job, names: dict[str, str]) -> str:
    try:
        path = str(job.func_name)
    except DeserializationError:
        return "unknown"
    return names.get(path, path)


def _error_line(trace: str | None) -> str | None:
    """Return the first line of the last exception of a trace: the message of a database's goes on for several."""
    lines = [line for line in (trace or "").splitlines() if line.strip()]
    is_frame, found = False, lines[-1:]
    for line in lines:
        if line.startswith("  File "):
            is_frame = True
        elif is_frame and not line.startswith(" "):
            is_frame, found = False, [line]
    return found[0].strip()[:_ERROR_CHARS_MAX] if found else None


def _unavailable() -> Unavailable:
    return Unavailable("Redis does not answer, so nobody knows which jobs wait. Try again in a minute.")


def _text(job: ShownJob, text: str) -> bool:
    return text.lower() in f"{job.name} {job.error or ''}".lower()


#: Jobs belong to the installation: they are the same in every team.
JOBS = ShortList[ShownJob](
    load=lambda _team_id: jobs(),
    filters=(
        SearchFilter(
            fits=_text,
            chars_max=100,
            placeholder="Name or error",
            description="Part of the name or of the error.",
        ),
        ChoiceFilter(
            field="state",
            label="State",
            choices=[(state.value, state.value.capitalize()) for state in JobState],
            description="Only jobs in this state.",
        ),
        ChoiceFilter(
            field="queue",
            label="Queue",
            choices=[(queue.value, queue.value.capitalize()) for queue in JobQueue],
            description="Only jobs of this queue.",
        ),
    ),
)
