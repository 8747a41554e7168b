"""Few threads at a time wait for a provider: while it is silent, the others go on serving everybody else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from app.oauth.contract import ProviderUnavailable

#: A provider that takes longer than this for one is not waited for by another.
PATIENCE_S = 1.0


class ProviderSlots:
    """So many threads may ask a provider at once. Safe for threads; a thread that has a slot already keeps it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._freed = threading.Condition()
        #: When each thread that has a slot got it, by thread; the oldest first.
        self._since_s: dict[int, float] = {}

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot. Raises ProviderUnavailable when none becomes free while the provider is still quick."""
        thread_id = threading.get_ident()
        if thread_id in self._since_s:
            yield
            return
        with self._freed:
            while len(self._since_s) >= self._size:
                left_s = next(iter(self._since_s.values())) + PATIENCE_S - monotonic()
                if left_s <= 0 or not self._freed.wait(left_s):
                    raise ProviderUnavailable("others wait for the provider already, and it does not answer")
            self._since_s[thread_id] = monotonic()
        try:
            yield
        finally:
            with self._freed:
                del self._since_s[thread_id]
                self._freed.notify()
