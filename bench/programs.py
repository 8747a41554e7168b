"""Starting programs, and ending all that was started."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.config import PROJECT_DIR
from app.local import processes

START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 15.0
_READY_POLL_S = 0.01


class ProgramFailed(Exception):
    """A program did not start or did not do its work; the message holds what it printed."""


@contextlib.contextmanager
def running(
    argv: Sequence[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    cwd: Path = PROJECT_DIR,
    **account: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; enter the block once `is_ready`. What it prints goes to `log`.

    `account` is what `Popen` calls it: user, group, extra_groups.
    """
    bench_pid = os.getpid()
    with log.open("ab") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            preexec_fn=lambda: processes.end_with_parent(bench_pid),
            cwd=cwd,
            **account,
        )
    try:
        _await(process, is_ready, log)
        yield process
    finally:
        end(process, stop_signal)


def end(process: "subprocess.Popen[Any]", stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """Ask the program to stop; kill it, and all it started, when it does not."""
    family = processes.descendants(process.pid)
    if process.poll() is None:
        process.send_signal(stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
    processes.send_signal(family & processes.descendants(os.getpid()), signal.SIGKILL)
    processes.kill_group(process.pid)
    process.wait()


class Child:
    """A program of `bench.children`: takes one JSON object, answers with JSON objects, one a line."""

    def __init__(self, name: str, settings: Mapping[str, Any], env: Mapping[str, str], log: Path) -> None:
        bench_pid = os.getpid()
        self.name = name
        self._log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                (sys.executable, "-m", f"bench.children.{name}"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=PROJECT_DIR,
                env=env,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: processes.end_with_parent(bench_pid),
            )
        self.tell(json.dumps(settings))

    def tell(self, line: str) -> None:
        """Send it a line."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None

    def answer(self) -> dict[str, Any]:
        """Wait for its next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and wait for the answer."""
        self.tell(line)
        return self.answer()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _failure(self) -> ProgramFailed:
        return ProgramFailed(f"{self.name} ended without an answer:\n{tail(self._log)}")


def _await(process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], log: Path) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise ProgramFailed(f"{process.args!r} did not start:\n{tail(log)}")
        time.sleep(_READY_POLL_S)


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else ""
