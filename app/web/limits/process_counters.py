"""Counters of one process, used while Redis is down. Bounded, and lost with the process."""

import threading
import time
from collections import deque
from collections.abc import Sequence

from app.web.limits.policies import LimitStatus, Policy

_COUNTERS_MAX = 50_000


class ProcessCounters:
    """Counts uses as Redis does, for this process alone. Safe for threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        #: Of a window: what is used, and when it ends. Of a sliding limit: the times of its uses, oldest first.
        self._counts: dict[str, tuple[int, float] | deque[float]] = {}

    def take(self, policies: Sequence[Policy]) -> list[LimitStatus]:
        """Count one use against all policies, or against none if one refuses. Returns their statuses in order."""
        now_s = time.monotonic()
        with self._guard:
            statuses = [self._status(policy, now_s) for policy in policies]
            if any(one.used >= one.policy.quota for one in statuses):
                return [
                    LimitStatus(one.policy, one.used, one.resets_in_s, one.used >= one.policy.quota)
                    for one in statuses
                ]
            for one in statuses:
                self._add(one, now_s)
            while len(self._counts) > _COUNTERS_MAX:
                # The oldest: a flood of subjects must neither grow the process nor cost a scan of all of them.
                del self._counts[next(iter(self._counts))]
            return [LimitStatus(one.policy, one.used + 1, one.resets_in_s) for one in statuses]

    def take_back(self, policies: Sequence[Policy]) -> None:
        """Take one use of each policy back; none falls below zero."""
        with self._guard:
            for policy in policies:
                count = self._counts.get(policy.counter)
                if isinstance(count, deque):
                    if count:
                        count.pop()
                elif count is not None and count[0]:
                    self._counts[policy.counter] = (count[0] - 1, count[1])

    def __len__(self) -> int:
        """Return how many counters there are."""
        return len(self._counts)

    def clear(self, policies: Sequence[Policy]) -> None:
        """Clear the counters of each policy."""
        with self._guard:
            for policy in policies:
                self._counts.pop(policy.counter, None)

    def peek(self, policies: Sequence[Policy]) -> list[LimitStatus]:
        """Return the statuses in order, without counting."""
        now_s = time.monotonic()
        with self._guard:
            return [self._status(policy, now_s) for policy in policies]

    def _add(self, status: LimitStatus, now_s: float) -> None:
        counter = status.policy.counter
        uses = self._counts.get(counter)
        if isinstance(uses, deque):
            uses.append(now_s)
        elif status.policy.is_sliding:
            self._counts[counter] = deque([now_s])
        else:
            self._counts[counter] = (status.used + 1, now_s + status.resets_in_s)

    def _status(self, policy: Policy, now_s: float) -> LimitStatus:
        count = self._counts.get(policy.counter)
        if isinstance(count, deque):
            while count and count[0] <= now_s - policy.window_s:
                count.popleft()
            leaving = max(0, len(count) - policy.quota)
            left_s = count[leaving] + policy.window_s - now_s if leaving < len(count) else policy.window_s
            return LimitStatus(policy, len(count), left_s)
        if count is None or count[1] <= now_s:
            return LimitStatus(policy, 0, policy.window_s)
        return LimitStatus(policy, count[0], count[1] - now_s)
