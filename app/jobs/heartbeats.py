"""Which dispatchers and dispatch slices are alive, and how they are notified that something became due."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from redis import Redis
from redis.exceptions import RedisError

from app.config import JobQueue
from app.extensions import AppSlot, quick_redis, redis_client
from app.jobs.table import enqueue
from app.lib.errors import Unavailable

log = structlog.get_logger()

#: Redis pub/sub channel that notifies dispatchers that something became due.
WAKE_CHANNEL = "signalbox:wake"
#: Sorted sets of who is alive, scored by the time of their last heartbeat on the clock of Redis.
_SLICES = "signalbox:slices"
_DISPATCHERS = "signalbox:dispatchers"
_ALIVE_S = 3.0
#: After a nudge that failed none is tried for so long; the dispatchers look by themselves as often.
_APART_S = 1.0
_WARN_AGAIN_S = 60.0


@dataclass(slots=True)
class _LostNudges:
    """What a process remembers of a Redis that does not answer: until when it is left alone, when that was told."""

    apart_until_s: float = 0.0
    warned_at_s: float | None = None


_lost_nudges = AppSlot("lost_nudges", _LostNudges)


def nudge_dispatch() -> None:
    """Notify the dispatchers that something became due. Call it after the commit.

    Only a hint: what is due is in the database, and dispatchers look there once a second anyway. So no request waits for a
    Redis that is silent.
    """
    lost = _lost_nudges.get()
    if time.monotonic() < lost.apart_until_s:
        return
    try:
        quick_redis().publish(WAKE_CHANNEL, b"1")
    except RedisError as error:
        lost.apart_until_s = time.monotonic() + _APART_S
        _warn_of_lost_nudges(lost, str(error))


def _warn_of_lost_nudges(lost: _LostNudges, reason: str) -> None:
    """Log it once a minute, not for every event that arrives while Redis is down."""
    now_s = time.monotonic()
    if lost.warned_at_s is None or now_s - lost.warned_at_s >= _WARN_AGAIN_S:
        lost.warned_at_s = now_s
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
        pipe.llen(f"rq:queue:{JobQueue.DISPATCH}")
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
    """Record that a slice, or the worker processes that can run one, are alive. Raises RedisError."""
    now_s = _redis_time_s(redis)
    if slice_id:
        redis.zadd(_SLICES, {slice_id: now_s})
    if dispatcher_ids:
        redis.zadd(_DISPATCHERS, dict.fromkeys(dispatcher_ids, now_s))


def _redis_time_s(redis: Redis) -> float:
    """Return the time of Redis: the one clock that all workers share."""
    seconds, microseconds = cast(tuple[int, int], redis.time())
    return seconds + microseconds / 1_000_000


def end_slice(slice_id: str) -> None:
    """Record that a slice has ended, so that the next one can start at once."""
    with contextlib.suppress(RedisError):
        redis_client().zrem(_SLICES, slice_id)
