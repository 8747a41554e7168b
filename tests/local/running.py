"""Drives a started program by its output, and finds the processes that it left behind."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.config import PROJECT_DIR
from app.local import processes

PATIENCE_S = 100.0


class Running:
    """A started program whose output is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.family: set[int] = set()
        self._arrived: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the match in the first line, not looked at before, that matches."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self._arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line like {pattern!r} in:\n" + "\n".join(self.lines))
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match

    def remember_family(self) -> None:
        """Note which processes belong to the program now."""
        self.family |= processes.descendants(self.process.pid)

    @property
    def supervisor_pid(self) -> int:
        """The one process that the program itself has started."""
        self.remember_family()
        living = processes.descendants(self.process.pid)
        (pid,) = [pid for pid in living if parent_of(pid) == self.process.pid]
        return pid

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.remember_family()
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code; what it printed is in `lines` then."""
        code = self.process.wait(PATIENCE_S)
        with contextlib.suppress(queue.Empty):
            while (line := self._arrived.get(timeout=10.0)) is not None:
                self.lines.append(line)
        return code

    def survivors(self, *, within_s: float = PATIENCE_S) -> set[int]:
        """Return which processes of the program still live after `within_s`, without waiting longer than needed."""
        deadline = time.monotonic() + within_s
        while (alive := {pid for pid in self.family if is_alive(pid)}) and time.monotonic() < deadline:
            time.sleep(0.05)
        return alive

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._arrived.put(line.rstrip("\n"))
        self._arrived.put(None)


@contextlib.contextmanager
def running(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start a program in the project's directory; whatever is left of it at the end is killed."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT_DIR,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    program = Running(process)
    try:
        yield program
    finally:
        program.remember_family()
        process.kill()
        process.wait()
        processes.send_signal(program.family, signal.SIGKILL)


def parent_of(pid: int) -> int:
    """Return the id of the parent of a living process."""
    return int(_stat(pid)[1])


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is more than a zombie."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    # The fields after the command's name, which may itself hold anything.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
