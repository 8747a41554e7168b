"""Settings of the Python process that dispatches. Process-wide, so only who owns the process applies them."""

import gc
import sys

#: Every delivery makes a few dozen objects and no cycles. Python's own thresholds have the collector walk all that is
#: in flight every few milliseconds (measured: a tenth of the processor time).
_COLLECT_AFTER_OBJECTS = 20_000
#: The threads that wait for PostgreSQL compete with a busy loop for the interpreter: Python's own 5 ms are longer than
#: what they waited for.
_THREAD_TURN_S = 0.001


def tune_process() -> None:
    """Let the collector run seldom and leave out what is there already; let threads take turns sooner."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 50, 100)
    sys.setswitchinterval(_THREAD_TURN_S)
