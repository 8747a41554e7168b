"""Lets few slow checks run at once, and decides which of the waiting ones is next."""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.lib.errors import Unavailable


class CheckSlots:
    """A number of slots for the checks of one process. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._turn = threading.Condition()
        self._waiting: list[tuple[int, int]] = []
        self._tickets = itertools.count()

    @contextmanager
    def taken(self, rank: int, *, timeout_s: float) -> Iterator[None]:
        """Hold a slot. The lowest rank comes first; within a rank, in order of arrival.

        Raises Unavailable when no slot was free for this caller within `timeout_s`.
        """
        if not self._acquire(rank, timeout_s):
            raise Unavailable("Too many API keys are being checked. Try again in a second.", retry_after_s=1)
        try:
            yield
        finally:
            with self._turn:
                self._free += 1
                self._turn.notify_all()

    def _acquire(self, rank: int, timeout_s: float) -> bool:
        with self._turn:
            ticket = (rank, next(self._tickets))
            heapq.heappush(self._waiting, ticket)
            is_next = False
            try:
                is_next = self._turn.wait_for(
                    lambda: self._free > 0 and self._waiting[0] == ticket, timeout_s
                )
            finally:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._free -= is_next
                # More than one slot may be free, and the next ticket is first now.
                self._turn.notify_all()
            return is_next
