"""Counts uses against limits, all or nothing, in one round trip to Redis.

While Redis is down or silent each process counts for itself: a limit then holds per process, and nobody waits. What
a process counted alone is not added to Redis afterwards. Windows begin with the first use, so within two of them at
most twice the quota passes in a burst.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import structlog
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from app.extensions import AppSlot, quick_redis
from app.web.limits.policies import LimitStatus, Policy

log = structlog.get_logger()

#: After a failure Redis is left alone for so long.
_APART_S = 1.0
_OWN_COUNTERS_MAX = 50_000

#: `take(first, count, argument)`: for the counters KEYS[first…], with (quota, window in ms) in ARGV from `argument` on.
#: Returns refused (0 or 1) and then used, milliseconds left and refusing (0 or 1; 2: the first of its window) of each.
TAKE_LUA = """
local function take(first, count, argument)
  local answer, refused = {0}, 0
  for i = 0, count - 1 do
    local used = tonumber(redis.call('GET', KEYS[first + i]) or '0')
    local left = redis.call('PTTL', KEYS[first + i])
    if left < 0 then used = 0; left = tonumber(ARGV[argument + 2 * i + 1]) end
    local refusing = 0
    if used >= tonumber(ARGV[argument + 2 * i]) then
      refused = 1
      refusing = 1
      if redis.call('SET', KEYS[first + i] .. ':told', '1', 'NX', 'PX', left) then refusing = 2 end
    end
    answer[#answer + 1] = used
    answer[#answer + 1] = left
    answer[#answer + 1] = refusing
  end
  answer[1] = refused
  if refused == 0 then
    for i = 0, count - 1 do
      local used = redis.call('INCR', KEYS[first + i])
      if used == 1 then redis.call('PEXPIRE', KEYS[first + i], ARGV[argument + 2 * i + 1]) end
      answer[2 + 3 * i] = used
    end
  end
  return answer
end
"""
_TAKE = TAKE_LUA + "return take(1, #KEYS, 1)"
_TAKE_BACK = """
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return {}
"""


class RedisUnavailable(Exception):
    """Redis does not answer in time; somebody else has to decide."""


class Counters:
    """The counters of one process: in Redis, or its own while Redis is away. Safe for threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._take_back = redis.register_script(_TAKE_BACK)
        self._away_until_s = 0.0
        self._guard = threading.Lock()
        self._own: dict[str, tuple[int, float]] = {}

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
        """Leave Redis alone for a moment. Said once for each outage that begins."""
        if not self.is_away:
            log.warning("limits_without_redis", reason=str(error))
        self._away_until_s = time.monotonic() + _APART_S

    def take(self, policies: Sequence[Policy]) -> tuple[list[LimitStatus], bool]:
        """Count one use against all policies, or against none if one refuses.

        Returns their statuses in order, and whether a refusal is the first of its window.
        """
        try:
            answer = self.run(self._take, [policy.counter for policy in policies], take_arguments(policies))
        except RedisUnavailable:
            return self.take_alone(policies), False
        return statuses_of(policies, answer)

    def take_back(self, policies: Sequence[Policy]) -> None:
        """Take one use of each policy back; windows go on, and none falls below zero."""
        try:
            self.run(self._take_back, [policy.counter for policy in policies], [])
        except RedisUnavailable:
            with self._guard:
                for policy in policies:
                    used, ends_at_s = self._own.get(policy.counter, (0, 0.0))
                    if used:
                        self._own[policy.counter] = (used - 1, ends_at_s)

    def clear(self, policies: Sequence[Policy]) -> None:
        """Forget what was used of each policy."""
        with self._guard:
            for policy in policies:
                self._own.pop(policy.counter, None)
        if self.is_away:
            return
        try:
            self._redis.delete(*(policy.counter for policy in policies))
        except RedisError as error:
            self.note_failure(error)

    def peek(self, policies: Sequence[Policy]) -> list[LimitStatus]:
        """Return the statuses in order, without counting."""
        if not self.is_away:
            try:
                pipe = self._redis.pipeline(transaction=False)
                for policy in policies:
                    pipe.get(policy.counter)
                    pipe.pttl(policy.counter)
                answers = pipe.execute()
                return [
                    LimitStatus(policy, int(used or 0), (left if left > 0 else policy.window_s * 1000) / 1000)
                    for policy, used, left in zip(policies, answers[::2], answers[1::2], strict=True)
                ]
            except RedisError as error:
                self.note_failure(error)
        now_s = time.monotonic()
        with self._guard:
            return [self._own_standing(policy, now_s) for policy in policies]

    def take_alone(self, policies: Sequence[Policy]) -> list[LimitStatus]:
        """Count in this process only, all or nothing."""
        now_s = time.monotonic()
        with self._guard:
            statuses = [self._own_standing(policy, now_s) for policy in policies]
            if any(status.used >= status.policy.quota for status in statuses):
                return [
                    LimitStatus(one.policy, one.used, one.resets_in_s, one.used >= one.policy.quota)
                    for one in statuses
                ]
            for one in statuses:
                self._own[one.policy.counter] = (one.used + 1, now_s + one.resets_in_s)
            while len(self._own) > _OWN_COUNTERS_MAX:
                # The oldest: a flood of subjects must not grow the process, nor cost a walk over all of them.
                del self._own[next(iter(self._own))]
            return [LimitStatus(one.policy, one.used + 1, one.resets_in_s) for one in statuses]

    def _own_standing(self, policy: Policy, now_s: float) -> LimitStatus:
        used, ends_at_s = self._own.get(policy.counter, (0, 0.0))
        if ends_at_s <= now_s:
            return LimitStatus(policy, 0, policy.window_s)
        return LimitStatus(policy, used, ends_at_s - now_s)


def take_arguments(policies: Sequence[Policy]) -> list[int]:
    """Return what TAKE_LUA reads from ARGV for these policies."""
    return [number for policy in policies for number in (policy.quota, policy.window_s * 1000)]


def statuses_of(policies: Sequence[Policy], answer: Sequence[int]) -> tuple[list[LimitStatus], bool]:
    """Return what TAKE_LUA answered: statuses in order, and whether a refusal is the first of its window."""
    statuses = [
        LimitStatus(policy, answer[1 + 3 * index], answer[2 + 3 * index] / 1000, answer[3 + 3 * index] > 0)
        for index, policy in enumerate(policies)
    ]
    return statuses, any(answer[3 + 3 * index] == 2 for index in range(len(policies)))


def counters() -> Counters:
    """Return the counters of the current app."""
    return _counters.get()


_counters = AppSlot[Counters]("counters", lambda: Counters(quick_redis()))
