"""Counts uses against limits, all or nothing, in one round trip to Redis.

While Redis is down or silent each process counts for itself: a limit then holds per process, and no request waits. What
a process counted alone is not added to Redis afterwards. Windows begin with the first use, so within two of them at
most twice the quota passes in a burst; sliding limits are exact at any moment, and cost a number for each use: what is
counted of one person or address slides, what API keys use by the hour and day has windows.
"""

import time
from collections.abc import Sequence
from typing import Any, cast

import structlog
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from app.extensions import AppSlot, quick_redis
from app.web.limits import scripts
from app.web.limits.policies import LimitStatus, Policy
from app.web.limits.process_counters import ProcessCounters

log = structlog.get_logger()

#: After a failure Redis is not asked for so long.
_APART_S = 1.0


class RedisUnavailable(Exception):
    """Redis does not answer in time; the caller has to go on without it."""


class Counters:
    """The counters of one process: in Redis, or its own while Redis is away. Safe for threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(scripts.TAKE)
        self._peek = redis.register_script(scripts.PEEK)
        self._take_back = redis.register_script(scripts.TAKE_BACK)
        self._away_until_s = 0.0
        self._own = ProcessCounters()

    @property
    def is_away(self) -> bool:
        """Whether Redis failed a moment ago and is not asked."""
        return time.monotonic() < self._away_until_s

    def run(self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]) -> list[Any]:
        """Run a registered script. Raises RedisUnavailable at once after a failure, else within the time limit."""
        if self.is_away:
            raise RedisUnavailable
        try:
            return cast(list[Any], script(keys=keys, args=args))
        except RedisError as error:
            self.note_failure(error)
            raise RedisUnavailable from error

    def note_failure(self, error: Exception) -> None:
        """Do not ask Redis for a moment. Logged once per outage."""
        if not self.is_away:
            log.warning("limits_without_redis", reason=str(error))
        self._away_until_s = time.monotonic() + _APART_S

    def take(self, policies: Sequence[Policy]) -> tuple[list[LimitStatus], bool]:
        """Count one use against all policies, or against none if one refuses.

        Returns their statuses in order, and whether a refusal is the first of its window.
        """
        try:
            return scripts.taken(policies, self._run(self._take, policies))
        except RedisUnavailable:
            return self.take_alone(policies), False

    def take_back(self, policies: Sequence[Policy]) -> None:
        """Take one use of each policy back; windows go on, and none falls below zero."""
        try:
            self._run(self._take_back, policies)
        except RedisUnavailable:
            self._own.take_back(policies)

    def clear(self, policies: Sequence[Policy]) -> None:
        """Clear the counters of each policy."""
        self._own.clear(policies)
        if self.is_away:
            return
        try:
            self._redis.delete(*(policy.counter for policy in policies))
        except RedisError as error:
            self.note_failure(error)

    def peek(self, policies: Sequence[Policy]) -> list[LimitStatus]:
        """Return the statuses in order, without counting."""
        if not policies:
            return []
        try:
            return scripts.peeked(policies, self._run(self._peek, policies))
        except RedisUnavailable:
            return self._own.peek(policies)

    def take_alone(self, policies: Sequence[Policy]) -> list[LimitStatus]:
        """Count in this process only, all or nothing."""
        return self._own.take(policies)

    def _run(self, script: Script, policies: Sequence[Policy]) -> list[Any]:
        return self.run(script, [policy.counter for policy in policies], scripts.arguments_of(policies))


def counters() -> Counters:
    """Return the counters of the current app."""
    return _counters.get()


_counters = AppSlot[Counters]("counters", lambda: Counters(quick_redis()))
