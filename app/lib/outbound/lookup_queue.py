"""Which name is looked up next: bounded shares, so that no owner's dead names delay the names of others.

A look-up holds its thread until the system's resolver gives up, up to half a minute with a silent name server,
and nothing can interrupt it. So threads are shared out:

- An owner may run no more look-ups than threads are left free for everybody else. However many owners have dead
  name servers, another one finds a free thread.
- Names that resolved before may use all of that share, names never seen half of it: names that an owner
  already sends to never wait for new ones.
- Names whose last look-up was slow or hung share a few threads among themselves, and wait behind all others.
- Owners take turns, and each may have only so many names waiting.
"""

from collections import Counter, OrderedDict
from enum import IntEnum


class Lane(IntEnum):
    """What is known about a name, in order of precedence."""

    RESOLVED_BEFORE = 0
    NEVER_SEEN = 1
    SLOW_BEFORE = 2


class Lookup:
    """One name that is being looked up, or waits for it, on behalf of one or more owners."""

    __slots__ = ("host", "lane", "owner", "started_at_s")

    def __init__(self, host: str, lane: Lane) -> None:
        self.host = host
        self.lane = lane
        #: Who its thread is charged to; set when it starts.
        self.owner = ""
        #: On the monotonic clock; None while it waits.
        self.started_at_s: float | None = None


class LookupQueue:
    """Counts and turns only, without threads or a clock. Not thread-safe."""

    def __init__(self, *, threads_max: int, slow_threads_max: int, waiting_per_owner_max: int) -> None:
        self._threads_max = threads_max
        self._slow_threads_max = slow_threads_max
        self._waiting_max = waiting_per_owner_max
        self.running = 0
        self._running_by: Counter[str] = Counter()
        self._slow_running = 0
        self._slow_running_by: Counter[str] = Counter()
        #: By lane, then by owner in order of their turn, then by host in order of arrival.
        self._waiting: dict[Lane, OrderedDict[str, dict[str, Lookup]]] = {
            lane: OrderedDict() for lane in Lane
        }

    def add(self, lookup: Lookup, owner: str) -> bool:
        """Let `lookup` wait in the owner's turn, also if it waits in another's; False: too many wait there."""
        waiting = self._waiting[lookup.lane].setdefault(owner, {})
        if len(waiting) >= self._waiting_max and lookup.host not in waiting:
            return False
        waiting[lookup.host] = lookup
        return True

    def take(self) -> Lookup | None:
        """Return the next look-up that may start, counted as running from now on, or None."""
        for lane in Lane:
            owners = self._waiting[lane]
            for owner in list(owners):
                if self._has_room(owner, lane):
                    lookup = next(iter(owners[owner].values()))
                    self.discard(lookup)
                    if owner in owners:
                        owners.move_to_end(owner)
                    lookup.owner = owner
                    self._count(lookup, 1)
                    return lookup
        return None

    def discard(self, lookup: Lookup) -> None:
        """Remove `lookup` from the queue, for all of its owners."""
        owners = self._waiting[lookup.lane]
        for owner in [owner for owner, waiting in owners.items() if lookup.host in waiting]:
            del owners[owner][lookup.host]
            if not owners[owner]:
                del owners[owner]

    def end(self, lookup: Lookup) -> None:
        """Release the thread of a look-up that was started."""
        self._count(lookup, -1)

    def _has_room(self, owner: str, lane: Lane) -> bool:
        left = self._threads_max - self.running
        share = left if lane is Lane.RESOLVED_BEFORE else left // 2
        if self._running_by[owner] >= share:
            return False
        slow_left = self._slow_threads_max - self._slow_running
        return lane is not Lane.SLOW_BEFORE or self._slow_running_by[owner] < slow_left

    def _count(self, lookup: Lookup, by: int) -> None:
        is_slow = lookup.lane is Lane.SLOW_BEFORE
        self.running += by
        self._slow_running += by * is_slow
        for counts, step in ((self._running_by, by), (self._slow_running_by, by * is_slow)):
            counts[lookup.owner] += step
            if not counts[lookup.owner]:
                del counts[lookup.owner]
