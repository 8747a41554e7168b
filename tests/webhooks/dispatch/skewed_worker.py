"""`worker.py` on a machine whose clock is wrong by as many seconds as the argument says.

With `faketime` loaded into the process all of it sees the wrong clock, and the argument is 0. Without, only `time.time`
is wrong.
"""

import os
import select
import sys
import time

import worker


def main() -> None:
    """Work, with a wrong clock; the monotonic one is right, as on such a machine."""
    offset_s, real_time = float(sys.argv[1]), time.time
    if offset_s:
        time.time = lambda: real_time() + offset_s
    if "FAKETIME" in os.environ:
        # libfaketime 0.9.10 breaks the sleep to a moment of the monotonic clock, which is Python's.
        time.sleep = _sleep  # type: ignore[assignment]
    worker.main()


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


if __name__ == "__main__":
    main()
