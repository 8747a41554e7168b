"""The job table, and the only ways to reach a worker.

Jobs take ids and other JSON values, never objects. A name is a promise between releases: workers of the last
release may still hold jobs under it.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry
from rq.serializers import JSONSerializer

from app.extensions import redis_client
from app.lib.errors import Unavailable

log = structlog.get_logger()

DISPATCH_QUEUE = "dispatch"
DEFAULT_QUEUE = "default"

#: Redis pub/sub channel on which dispatchers hear that something became due.
WAKE_CHANNEL = "signalbox:wake"
#: Sorted sets of who is alive, scored by the time of their last sign of life on the clock of Redis.
_SLICES = "signalbox:slices"
_DISPATCHERS = "signalbox:dispatchers"
_ALIVE_S = 3.0
NO_TIMEOUT = -1
_FAILED_JOB_KEPT_S = 7 * 86_400
_WARN_AGAIN_S = 60.0
_warned_at_s = -_WARN_AGAIN_S


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Where a job's function is, which queue carries it and after how long it is killed (`NO_TIMEOUT`: never)."""

    path: str
    queue: str
    timeout_s: int
    #: A mail server that is away for a moment must not lose the mail.
    max_retries: int = 0


JOBS: dict[str, JobSpec] = {
    # A slice ends by itself, and goes on for as long as Redis is away: RQ must not interrupt it.
    "webhooks.dispatch": JobSpec("app.webhooks.jobs.dispatch", DISPATCH_QUEUE, NO_TIMEOUT),
    "webhooks.cancel_leftovers": JobSpec("app.webhooks.jobs.cancel_leftovers", DEFAULT_QUEUE, 60),
    "webhooks.send_disabled_notice": JobSpec("app.webhooks.jobs.send_disabled_notice", DEFAULT_QUEUE, 60),
    "idempotency.trim": JobSpec("app.idempotency.jobs.trim", DEFAULT_QUEUE, 60),
    "api_keys.flush_usage": JobSpec("app.api_keys.jobs.flush_usage", DEFAULT_QUEUE, 60),
    "api_keys.notify_expiring": JobSpec("app.api_keys.jobs.notify_expiring", DEFAULT_QUEUE, 60),
    "api_keys.reconcile_cache": JobSpec("app.api_keys.jobs.reconcile_cache", DEFAULT_QUEUE, 60),
    "accounts.note_failed_sign_in": JobSpec("app.accounts.jobs.note_failed_sign_in", DEFAULT_QUEUE, 60),
    "accounts.send_password_reset": JobSpec(
        "app.accounts.jobs.send_password_reset", DEFAULT_QUEUE, 60, max_retries=3
    ),
    "accounts.send_sign_in_link": JobSpec(
        "app.accounts.jobs.send_sign_in_link", DEFAULT_QUEUE, 60, max_retries=3
    ),
    "accounts.send_email_confirmation": JobSpec(
        "app.accounts.jobs.send_email_confirmation", DEFAULT_QUEUE, 60, max_retries=3
    ),
    "accounts.send_email_notice": JobSpec(
        "app.accounts.jobs.send_email_notice", DEFAULT_QUEUE, 60, max_retries=3
    ),
    "accounts.trim_sessions": JobSpec("app.accounts.jobs.trim_sessions", DEFAULT_QUEUE, 60),
    "audit.note_violation": JobSpec("app.audit.jobs.note_violation", DEFAULT_QUEUE, 60),
    "audit.trim": JobSpec("app.audit.jobs.trim", DEFAULT_QUEUE, 300),
    "accounts.send_invitation": JobSpec(
        "app.accounts.jobs.send_invitation", DEFAULT_QUEUE, 60, max_retries=3
    ),
}

#: Jobs that run by themselves, every so many seconds, once for all workers together.
PERIODIC: dict[str, int] = {
    "webhooks.cancel_leftovers": 60,
    "api_keys.flush_usage": 15,
    "api_keys.reconcile_cache": 10,
    "api_keys.notify_expiring": 600,
    "idempotency.trim": 3600,
    "accounts.trim_sessions": 3600,
    "audit.trim": 600,
}


def enqueue_periodic() -> None:
    """Enqueue the periodic jobs whose time has come. Called by the ticker of every worker. Raises RedisError."""
    for name, every_s in PERIODIC.items():
        # Whoever sets the mark enqueues; it goes away by itself when the next one is due.
        if redis_client().set(f"signalbox:periodic:{name}", 1, nx=True, ex=every_s):
            enqueue(name)


def enqueue(name: str, *args: str | int | bool | None) -> None:
    """Hand a job of the table to a worker. Call it after the commit. Raises `Unavailable` when Redis is down."""
    spec = JOBS[name]
    queue = Queue(spec.queue, connection=redis_client(), serializer=JSONSerializer)
    retry = Retry(max=spec.max_retries) if spec.max_retries else None
    try:
        queue.enqueue_call(
            spec.path,
            args=args,
            timeout=spec.timeout_s,
            result_ttl=0,
            failure_ttl=_FAILED_JOB_KEPT_S,
            retry=retry,
        )
    except RedisError as error:
        log.warning("job_not_enqueued", job=name, error=str(error))
        raise Unavailable(
            "Redis does not answer, so this cannot be done now. Try again in a minute."
        ) from error


def nudge_dispatch() -> None:
    """Tell the dispatchers that something became due. Call it after the commit.

    Only a hint: what is due stands in the database, and dispatchers look there once a second by themselves.
    """
    try:
        redis_client().publish(WAKE_CHANNEL, b"1")
    except RedisError as error:
        _warn_of_lost_nudges(str(error))


def _warn_of_lost_nudges(reason: str) -> None:
    """Say it once a minute, not once for every event that comes in while Redis is away."""
    global _warned_at_s
    now_s = time.monotonic()
    if now_s - _warned_at_s >= _WARN_AGAIN_S:
        _warned_at_s = now_s
        log.warning("nudge_failed", error=reason)


def ensure_dispatch(*, besides: str | None = None) -> bool:
    """Enqueue a dispatch slice when fewer run or wait than there are dispatching workers.

    Called by the ticker each second and by a slice about to end (`besides`: its own id, which no longer counts).
    Returns whether Redis answered. RQ alone would restart a killed slice after minutes.
    """
    redis = redis_client()
    try:
        since = _redis_time_s(redis) - _ALIVE_S
        pipe = redis.pipeline(transaction=False)
        pipe.zrangebyscore(_SLICES, since, "+inf")
        pipe.zcount(_DISPATCHERS, since, "+inf")
        pipe.llen(f"rq:queue:{DISPATCH_QUEUE}")
        slices, dispatchers, waiting = pipe.execute()
        running = len([slice_id for slice_id in slices if slice_id.decode() != besides])
        if running + waiting < dispatchers:
            enqueue("webhooks.dispatch")
        pipe = redis.pipeline(transaction=False)
        pipe.zremrangebyscore(_SLICES, "-inf", since - 60)
        pipe.zremrangebyscore(_DISPATCHERS, "-inf", since - 60)
        pipe.execute()
    except (RedisError, Unavailable):
        return False
    return True


def heartbeat(redis: Redis, *, slice_id: str | None = None, dispatcher_ids: Sequence[str] = ()) -> None:
    """Say that a slice, or the worker processes that can run one, are alive. Raises RedisError."""
    now_s = _redis_time_s(redis)
    if slice_id:
        redis.zadd(_SLICES, {slice_id: now_s})
    if dispatcher_ids:
        redis.zadd(_DISPATCHERS, dict.fromkeys(dispatcher_ids, now_s))


def _redis_time_s(redis: Redis) -> float:
    """Return the time of the one clock that all who sign and look share."""
    seconds, microseconds = cast(tuple[int, int], redis.time())
    return seconds + microseconds / 1_000_000


def forget_slice(slice_id: str) -> None:
    """Say that a slice has ended, so that it is not waited for."""
    with contextlib.suppress(RedisError):
        redis_client().zrem(_SLICES, slice_id)
