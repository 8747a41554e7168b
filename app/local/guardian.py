"""Two processes that watch each other, so that killing either leaves no orphan.

The guardian is the process that `make` started. It forks the supervisor, passes signals on to it, and when the
supervisor has ended for any reason, ends whatever it left behind. The supervisor in turn sees the guardian's
end as end-of-file on a pipe and stops in good order.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable

from app.local import processes

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Lifeline:
    """The supervisor's end of the ties to its guardian."""

    def __init__(self, watch_fd: int, report_fd: int) -> None:
        #: Readable (end-of-file) once the guardian is gone.
        self.watch_fd = watch_fd
        self._report_fd = report_fd

    def report_group(self, group_id: int) -> None:
        """Name a process group that has to be ended if the supervisor cannot."""
        with contextlib.suppress(OSError):  # Full or closed: only platforms without process trees need it.
            os.write(self._report_fd, f"{group_id}\n".encode())


def guard(supervise: Callable[[Lifeline], int], *, grace_s: float = 15.0) -> int:
    """Run `supervise` in a forked process and return its exit code once nothing of it is left.

    Call it before any thread exists. A supervisor that was killed gives 128 + the signal's number.
    """
    processes.adopt_orphans()
    watch_fd, hold_fd = os.pipe()
    groups_fd, report_fd = os.pipe()
    sys.stdout.flush()
    supervisor_pid = os.fork()
    if supervisor_pid == 0:
        os.close(hold_fd)
        os.close(groups_fd)
        os.set_blocking(report_fd, False)
        # A session of its own: Ctrl-C reaches the guardian alone, which passes it on exactly once.
        os.setsid()
        _leave(_run(supervise, Lifeline(watch_fd, report_fd)))
    os.close(watch_fd)
    os.close(report_fd)
    for number in _FORWARDED:
        signal.signal(
            number, lambda sent, _frame: processes.send_signal([supervisor_pid], signal.Signals(sent))
        )
    code = _wait(supervisor_pid)
    for number in _FORWARDED:
        signal.signal(number, signal.SIG_IGN)
    if code < 0:
        name = signal.Signals(-code).name
        sys.stderr.write(f"The supervisor was ended by {name}; stopping what it had started.\n")
    groups = {int(line) for line in _read_all(groups_fd).split()}
    processes.end_descendants(os.getpid(), groups=groups, grace_s=grace_s)
    return 128 - code if code < 0 else code


def _run(supervise: Callable[[Lifeline], int], lifeline: Lifeline) -> int:
    try:
        return supervise(lifeline)
    except SystemExit as request:
        return request.code if isinstance(request.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 70


def _leave(code: int) -> None:
    # Not sys.exit: the code above the fork belongs to the guardian and must run once only.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def _wait(supervisor_pid: int) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == supervisor_pid:
            return os.waitstatus_to_exitcode(status)


def _read_all(fd: int) -> bytes:
    # An orphan may still hold the other end, so this reads what is there and does not wait for the end.
    os.set_blocking(fd, False)
    text = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(fd, 65536):
            text += part
    return text
