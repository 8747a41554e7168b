"""Measures how processor time grows with the size of an input."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: The largest body that is taken: EVENT_BODY_MAX_BYTES.
BODY_CAP = 262_144
SIZES = (512, 4_096, 32_768, BODY_CAP)
#: Twice the input may take so many times the time: 2 is linear, 4 is quadratic.
PER_DOUBLING = 2.5
#: Less is not compared: there a timer measures its own work.
_FLOOR_S = 0.002
#: The smallest input has nothing to be compared with.
_FIRST_S = 0.1
#: Nothing linear takes so long for the largest input; what does is stopped, where it can be.
_STOP_AFTER_S = 1.0
_TRIES = 3

Call = Callable[[], object]


def too_fast_growth(make_call: Callable[[int], Call], sizes: tuple[int, ...] = SIZES) -> str | None:
    """Return how the time grows where it grows too fast; None where twice the input takes at most 2.5 times the time.

    `make_call` returns the call to measure for an input of about so many characters. Processor time of this thread
    counts, so other processes do not; what seems too slow is measured again and the best counts.
    """
    before_s, before = 0.0, 0
    for size in sizes:
        call = make_call(size)
        allowed_s = _FIRST_S
        if before:
            allowed_s = max(before_s, _FLOOR_S) * PER_DOUBLING ** math.log2(size / before)
        taken_s = _cpu_time(call)
        for _ in range(_TRIES - 1):
            if taken_s <= allowed_s or taken_s >= _STOP_AFTER_S:
                break
            taken_s = min(taken_s, _cpu_time(call))
        if taken_s > allowed_s:
            return f"{size} characters take {taken_s:.4f} s, {before} take {before_s:.4f} s"
        before_s, before = taken_s, size
    return None


def _cpu_time(call: Call) -> float:
    with _stopped_after(_STOP_AFTER_S):
        begun = time.thread_time()
        try:
            call()
        except TimeoutError:
            return _STOP_AFTER_S
        return time.thread_time() - begun


@contextmanager
def _stopped_after(limit_s: float) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
