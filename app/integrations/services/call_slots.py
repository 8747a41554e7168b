"""Few threads of a web process at a time wait for services: the others go on serving everybody else.

A call may take half a minute. Without slots, four slow calls of one team would stop every page of the installation.
Workers need none: they have jobs' time limits, and nobody waits for them.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from flask import has_request_context

from app.extensions import AppSlot, current_settings
from app.lib.errors import Unavailable

#: How many threads may wait for a slot, and how long: they hold a thread of the web server meanwhile.
_WAITING_MAX = 1
_WAIT_S = 0.25


class CallSlots:
    """So many threads may wait for services at once, of one team half of them. Safe for threads.

    A thread that has a slot already keeps it.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._per_team = max(1, size // 2)
        self._freed = threading.Condition()
        self._teams: Counter[str] = Counter()
        self._holders: set[int] = set()
        self._waiting = 0

    @contextmanager
    def taken(self, team_id: str) -> Iterator[None]:
        """Hold a slot. Raises Unavailable when none becomes free in a quarter of a second."""
        thread_id = threading.get_ident()
        if thread_id in self._holders:
            yield
            return
        with self._freed:
            if not self._is_free(team_id):
                self._wait(team_id)
            self._teams[team_id] += 1
            self._holders.add(thread_id)
        try:
            yield
        finally:
            with self._freed:
                self._teams[team_id] -= 1
                if not self._teams[team_id]:
                    del self._teams[team_id]
                self._holders.discard(thread_id)
                self._freed.notify_all()

    def _is_free(self, team_id: str) -> bool:
        return len(self._holders) < self._size and self._teams[team_id] < self._per_team

    def _wait(self, team_id: str) -> None:
        if self._waiting < _WAITING_MAX:
            self._waiting += 1
            try:
                if self._freed.wait_for(lambda: self._is_free(team_id), _WAIT_S):
                    return
            finally:
                self._waiting -= 1
        raise Unavailable(
            "Other calls wait for their services already, so this one was not sent. Try again in a second.",
            retry_after_s=1,
        )


_SLOTS = AppSlot("call_slots", lambda: CallSlots(max(1, current_settings().web_threads // 2)))


@contextmanager
def call_slot(team_id: str) -> Iterator[None]:
    """Hold one of this web process's slots while a service is waited for; elsewhere, nothing. Raises Unavailable."""
    if not has_request_context():
        yield
        return
    with _SLOTS.get().taken(team_id):
        yield
