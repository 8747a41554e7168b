"""Caches the results of bcrypt checks, so that bcrypt runs once per process and key.

The cache holds an HMAC of the key under a pepper, never the key, and only whether a secret belongs to a hash. Whether
the key may be used is not cached here: its state comes from the key cache in Redis, or from its row.

The public part of a key is no secret, so wrong guesses of others must not cost its holder anything: they are counted
per key and address, checks of different secrets do not wait for each other, and addresses that guessed wrong lately
wait behind those that did not. All of this is counted per process.
"""

import hmac
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.api_keys.check_slots import CheckSlots
from app.lib.errors import RateLimited, Unavailable

_KEYS_MAX = 10_000
_WRONG_SECRETS_MAX = 10_000
_WRONG_SECRET_CACHED_S = 30.0
#: How many different wrong secrets of one unverified key from one address are worth a bcrypt, and within which time.
_GUESSES_MAX = 5
_GUESSES_WINDOW_S = 10.0
#: For how long an address that presented a wrong secret waits behind those that did not.
_FAILED_LATELY_S = 60.0
#: bcrypt releases the GIL; two at a time leave cores for requests.
_CHECKS_AT_ONCE = 2
_PATIENCE_S = 10.0


class BcryptCache:
    """Answers whether a secret belongs to a stored hash; slow only for new pairs of both.

    `check_slowly(token, key_hash)` is the bcrypt comparison. Safe for threads.
    """

    def __init__(self, check_slowly: Callable[[str, str], bool]) -> None:
        self._check_slowly = check_slowly
        self._guard = threading.Lock()
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._wrong: OrderedDict[str, float] = OrderedDict()
        self._guesses: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self._last_failures: OrderedDict[str, float] = OrderedDict()
        self._flights: dict[str, tuple[threading.Lock, int]] = {}
        self._slots = CheckSlots(_CHECKS_AT_ONCE)

    def has_verified(self, kid: str, digest: str) -> bool:
        """Return whether the key with this digest was the right one before, under whatever hash."""
        with self._guard:
            known = self._known.get(kid)
        return known is not None and hmac.compare_digest(known[1], digest)

    def matches(self, kid: str, key_hash: str, token: str, digest: str, *, address: str = "unknown") -> bool:
        """Return whether `token`, whose HMAC under a pepper is `digest`, is the key behind `key_hash`.

        `address` is where it comes from, as limits count addresses. Raises RateLimited when many different wrong
        secrets of a key that was not verified yet came from there, and Unavailable when too many first checks wait.
        """
        answer = self._cached(kid, key_hash, digest)
        if answer is not None:
            return answer
        with self._single_flight(digest):
            # The caller that held the flight before may have found the answer.
            answer = self._cached(kid, key_hash, digest)
            if answer is None:
                self._count_guess(kid, address)
                with self._slots.taken(self._rank_of(address), timeout_s=_PATIENCE_S):
                    # The key may have been verified while this one waited: then no check is needed.
                    answer = self._cached(kid, key_hash, digest)
                    if answer is None:
                        answer = self._check_slowly(token, key_hash)
                self._store(kid, key_hash, digest, answer, address)
        return answer

    def _cached(self, kid: str, key_hash: str, digest: str) -> bool | None:
        with self._guard:
            known = self._known.get(kid)
            if known is not None and known[0] == key_hash:
                self._known.move_to_end(kid)
                return hmac.compare_digest(known[1], digest)
            until = self._wrong.get(digest)
        if until is not None and until > time.monotonic():
            return False
        return None

    def _store(self, kid: str, key_hash: str, digest: str, is_right: bool, address: str) -> None:
        now_s = time.monotonic()
        with self._guard:
            if is_right:
                self._known[kid] = (key_hash, digest)
                self._guesses.pop((kid, address), None)
                _trim(self._known, _KEYS_MAX)
                return
            self._wrong[digest] = now_s + _WRONG_SECRET_CACHED_S
            self._last_failures[address] = now_s
            self._last_failures.move_to_end(address)
            _trim(self._wrong, _WRONG_SECRETS_MAX)
            _trim(self._last_failures, _WRONG_SECRETS_MAX)

    def _count_guess(self, kid: str, address: str) -> None:
        """Count before the slow check: afterwards, guesses sent at the same moment would all pass.

        Raises RateLimited.
        """
        now_s = time.monotonic()
        with self._guard:
            guesses = self._guesses.setdefault((kid, address), deque(maxlen=_GUESSES_MAX))
            wait_s = guesses[0] + _GUESSES_WINDOW_S - now_s if len(guesses) == _GUESSES_MAX else 0.0
            if wait_s <= 0:
                guesses.append(now_s)
                _trim(self._guesses, _WRONG_SECRETS_MAX)
                return
        raise RateLimited(
            "This API key was presented with too many wrong secrets from your network address. Try again in"
            f" {int(wait_s) + 1} s.",
            retry_after_s=int(wait_s) + 1,
        )

    def _rank_of(self, address: str) -> int:
        with self._guard:
            failed_at_s = self._last_failures.get(address)
        return int(failed_at_s is not None and time.monotonic() - failed_at_s < _FAILED_LATELY_S)

    @contextmanager
    def _single_flight(self, digest: str) -> Iterator[None]:
        with self._guard:
            flight, waiting = self._flights.get(digest) or (threading.Lock(), 0)
            self._flights[digest] = (flight, waiting + 1)
        try:
            if not flight.acquire(timeout=_PATIENCE_S):
                raise Unavailable("This API key is being checked. Try again in a second.", retry_after_s=1)
            try:
                yield
            finally:
                flight.release()
        finally:
            with self._guard:
                waiting = self._flights[digest][1] - 1
                if waiting:
                    self._flights[digest] = (flight, waiting)
                else:
                    del self._flights[digest]


def _trim(table: OrderedDict[Any, Any], size_max: int) -> None:
    while len(table) > size_max:
        table.popitem(last=False)
