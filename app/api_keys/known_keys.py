"""Remembers which keys were already checked, so that bcrypt runs once per process and key.

What is remembered is an HMAC of the key under a pepper, never the key. Whether a key may be used is not
remembered: its row is read on every request, so a revocation counts from the next request on, everywhere.
"""

import hmac
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.lib.errors import RateLimited, Unavailable

_KEYS_MAX = 10_000
_FORGERIES_MAX = 10_000
_FORGERY_REMEMBERED_S = 30.0
#: How many different wrong secrets of one unverified key are worth a bcrypt, and within which time.
_FAILURES_MAX = 5
_FAILURE_WINDOW_S = 10.0
#: bcrypt leaves the GIL; two at a time leave cores for requests.
_CHECKS_AT_ONCE = 2
_PATIENCE_S = 10.0


class KnownKeys:
    """Answers whether a secret belongs to a stored hash; slow only for what it has not seen.

    `check_slowly(token, key_hash)` is the bcrypt comparison. Safe for threads.
    """

    def __init__(self, check_slowly: Callable[[str, str], bool]) -> None:
        self._check_slowly = check_slowly
        self._guard = threading.Lock()
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._forged: OrderedDict[str, float] = OrderedDict()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._flights: dict[str, tuple[threading.Lock, int]] = {}
        self._slots = threading.BoundedSemaphore(_CHECKS_AT_ONCE)

    def remembers(self, kid: str, digest: str) -> bool:
        """Return whether the key with this digest was the right one before, under whatever hash."""
        with self._guard:
            known = self._known.get(kid)
        return known is not None and hmac.compare_digest(known[1], digest)

    def fits(self, kid: str, key_hash: str, token: str, digest: str) -> bool:
        """Return whether `token`, whose HMAC under a pepper is `digest`, is the key behind `key_hash`.

        Raises RateLimited when a key that was not verified yet is presented with many different wrong secrets,
        and Unavailable when too many first checks wait.
        """
        answer = self._remembered(kid, key_hash, digest)
        if answer is not None:
            return answer
        with self._single_flight(kid):
            # Whoever held the flight before may have answered our question.
            answer = self._remembered(kid, key_hash, digest)
            if answer is None:
                self._refuse_guessing(kid)
                answer = self._check(token, key_hash)
                self._remember(kid, key_hash, digest, answer)
        return answer

    def _remembered(self, kid: str, key_hash: str, digest: str) -> bool | None:
        with self._guard:
            known = self._known.get(kid)
            if known is not None and known[0] == key_hash:
                self._known.move_to_end(kid)
                return hmac.compare_digest(known[1], digest)
            until = self._forged.get(digest)
        if until is not None and until > time.monotonic():
            return False
        return None

    def _remember(self, kid: str, key_hash: str, digest: str, is_right: bool) -> None:
        now = time.monotonic()
        with self._guard:
            if is_right:
                self._known[kid] = (key_hash, digest)
                self._failures.pop(kid, None)
                _trim(self._known, _KEYS_MAX)
                return
            self._forged[digest] = now + _FORGERY_REMEMBERED_S
            self._failures.setdefault(kid, deque(maxlen=_FAILURES_MAX)).append(now)
            _trim(self._forged, _FORGERIES_MAX)
            _trim(self._failures, _FORGERIES_MAX)

    def _refuse_guessing(self, kid: str) -> None:
        with self._guard:
            failures = self._failures.get(kid)
            if failures is None or len(failures) < _FAILURES_MAX:
                return
            wait_s = failures[0] + _FAILURE_WINDOW_S - time.monotonic()
        if wait_s > 0:
            raise RateLimited(
                f"This API key was presented with too many wrong secrets. Try again in {int(wait_s) + 1} s.",
                retry_after_s=int(wait_s) + 1,
            )

    def _check(self, token: str, key_hash: str) -> bool:
        if not self._slots.acquire(timeout=_PATIENCE_S):
            raise Unavailable("Too many API keys are being checked. Try again in a second.", retry_after_s=1)
        try:
            return self._check_slowly(token, key_hash)
        finally:
            self._slots.release()

    @contextmanager
    def _single_flight(self, kid: str) -> Iterator[None]:
        with self._guard:
            flight, waiting = self._flights.get(kid) or (threading.Lock(), 0)
            self._flights[kid] = (flight, waiting + 1)
        try:
            if not flight.acquire(timeout=_PATIENCE_S):
                raise Unavailable("This API key is being checked. Try again in a second.", retry_after_s=1)
            try:
                yield
            finally:
                flight.release()
        finally:
            with self._guard:
                waiting = self._flights[kid][1] - 1
                if waiting:
                    self._flights[kid] = (flight, waiting)
                else:
                    del self._flights[kid]


def _trim(table: OrderedDict[Any, Any], size_max: int) -> None:
    while len(table) > size_max:
        table.popitem(last=False)
