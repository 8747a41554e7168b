"""The one place that knows what time it is.

Stored times are compared by processes on several machines, whose clocks differ. A process that learned the
database's time (`follow`) tells that from then on, whatever the clock of its machine says or jumps to. Before, and
where the database is a file on the same machine, the machine's clock is right.
"""

import time
from datetime import UTC, datetime

#: Counts the time in which the machine is suspended too, where the system has such a clock.
_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
#: What the followed clock showed when the steady one stood at zero; None while no clock is followed.
_zero_epoch_s: float | None = None


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.fromtimestamp(epoch_s(), UTC)


def epoch_s() -> float:
    """Return the current time as seconds since 1970-01-01 UTC."""
    zero_epoch_s = _zero_epoch_s
    return time.time() if zero_epoch_s is None else zero_epoch_s + steady_s()


def steady_s() -> float:
    """Return the seconds since some moment in the past: a clock that nobody sets."""
    return time.clock_gettime(_STEADY_CLOCK)


def follow(other_epoch_s: float, *, at_steady_s: float) -> None:
    """Tell the time of another clock from now on: it showed `other_epoch_s` when `steady_s()` was `at_steady_s`."""
    global _zero_epoch_s
    _zero_epoch_s = other_epoch_s - at_steady_s


def follow_nobody() -> None:
    """Tell the time of this machine again."""
    global _zero_epoch_s
    _zero_epoch_s = None
