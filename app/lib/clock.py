"""The application's clock.

Stored times are compared by processes on several machines, whose clocks differ. A process that learned the
database's time (`follow`) goes by that from then on, whatever its machine's clock shows. Before, and where the
database is a file on the same machine, the machine's clock is used.
"""

import time
from datetime import UTC, datetime

#: Counts the time in which the machine is suspended too, where the system has such a clock.
_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
#: The time of the followed clock when the steady one was at zero; None while no clock is followed.
_zero_epoch_s: float | None = None


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.fromtimestamp(epoch_s(), UTC)


def epoch_s() -> float:
    """Return the current time as seconds since 1970-01-01 UTC."""
    zero_epoch_s = _zero_epoch_s
    return time.time() if zero_epoch_s is None else zero_epoch_s + steady_s()


def steady_s() -> float:
    """Return the seconds since some moment in the past, by a clock that is never set."""
    return time.clock_gettime(_STEADY_CLOCK)


def follow(other_epoch_s: float, *, at_steady_s: float) -> None:
    """Return the time of another clock from now on: it showed `other_epoch_s` when `steady_s()` was `at_steady_s`."""
    global _zero_epoch_s
    _zero_epoch_s = other_epoch_s - at_steady_s


def unfollow() -> None:
    """Return the time of this machine's clock again."""
    global _zero_epoch_s
    _zero_epoch_s = None
