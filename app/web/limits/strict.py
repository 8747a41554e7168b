"""Ten tries in a quarter of an hour, counted to the second: for acts that are slow, dangerous or worth guessing."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from app.extensions import limiter
from app.lib.errors import RateLimited
from app.web.limits.counters import counters

TRIES, WITHIN_MINUTES = 10, 15
_ITEM = RateLimitItemPerMinute(TRIES, WITHIN_MINUTES)
_own = MovingWindowRateLimiter(MemoryStorage())


def strict(act: str, subject: str) -> None:
    """Count a try of `act` by `subject`. Raises RateLimited for the eleventh within fifteen minutes."""
    for strategy in _strategies():
        try:
            if strategy.hit(_ITEM, act, subject):
                return
            resets_at = strategy.get_window_stats(_ITEM, act, subject).reset_time
        except (RedisError, StorageError) as error:
            counters().note_failure(error)
            continue
        wait_s = max(1, math.ceil(resets_at - time.time()))
        raise RateLimited(
            f"At most {TRIES} times in {WITHIN_MINUTES} minutes. Try again in {math.ceil(wait_s / 60)} minutes.",
            retry_after_s=wait_s,
        )


def _strategies() -> list[MovingWindowRateLimiter]:
    """Return where to count: with all processes, or alone while Redis is away."""
    if counters().is_away or limiter.storage is None:
        return [_own]
    return [MovingWindowRateLimiter(limiter.storage), _own]
