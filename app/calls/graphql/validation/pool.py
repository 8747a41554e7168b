"""Starts, asks and ends the child processes that validate."""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import structlog

from app.lib.errors import Unavailable

log = structlog.get_logger()

#: Child processes of one process at once, and how many of them one team may keep busy.
SIZE, SIZE_PER_OWNER = 2, 1
#: Who waits holds a thread of the web server, which has four: few may, as long as usual checks take, and others are
#: refused at once.
WAITING_MAX = 2
WAIT_S = 0.1
MEMORY_BYTES = 1024 * 1024 * 1024

_CHILD = str(Path(__file__).with_name("child.py"))


class CheckEnded(Exception):
    """The child process ended before it answered: it was killed at the deadline, or it ran out of memory."""


class _Child:
    def __init__(self) -> None:
        # Nothing of ours is given to it: no environment, no file, no directory to import from.
        self._process = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
            [sys.executable, "-I", _CHILD, str(MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        self.is_fresh = True

    def ask(self, line: bytes, *, deadline_s: float) -> dict[str, Any]:
        """Return the answer to one request. Raises CheckEnded; the process is no more then."""
        self.is_fresh = False
        stdin, stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        # Killed, it lets go of both pipes: neither of the calls below waits longer.
        timer = threading.Timer(deadline_s, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            stdin.write(line)
            stdin.flush()
            answer = stdout.readline()
        except OSError:
            answer = b""
        finally:
            timer.cancel()
        if not answer.endswith(b"\n"):
            self.close()
            raise CheckEnded
        return cast(dict[str, Any], json.loads(answer))

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                cast(IO[bytes], pipe).close()
            except OSError:
                # What was not written yet.
                continue
        self._process.wait()


class ValidatorPool:
    """Child processes that validate. Thread-safe; a few at once, and none of them for one team alone."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._idle: list[_Child] = []
        self._busy: Counter[str] = Counter()
        self._waiting = 0
        self._pid = os.getpid()

    def ask(self, request: dict[str, Any], *, owner: str, deadline_s: float) -> dict[str, Any]:
        """Return a child's answer to `request`, on behalf of a team. Raises CheckEnded, and Unavailable when too many wait."""
        line = json.dumps(request).encode() + b"\n"
        self._disown_after_fork()
        with self._slot(owner):
            child = self._take()
            was_fresh = child.is_fresh
            try:
                answer = child.ask(line, deadline_s=deadline_s)
            except CheckEnded:
                if was_fresh:
                    raise
                # It may have ended for want of work in this very moment: a new one has no such excuse.
                child = _Child()
                answer = child.ask(line, deadline_s=deadline_s)
            self._give_back(child)
        return answer

    def close(self) -> None:
        """End the child processes that are idle; those that work end when their stdin does."""
        if self._pid == os.getpid():
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _slot(self, owner: str) -> Iterator[None]:
        with self._turn:
            if not self._may_run(owner):
                self._wait(owner)
            self._busy[owner] += 1
        try:
            yield
        finally:
            with self._turn:
                self._busy[owner] -= 1
                self._busy += Counter()
                self._turn.notify_all()

    def _wait(self, owner: str) -> None:
        if self._waiting >= WAITING_MAX:
            raise _too_many()
        self._waiting += 1
        try:
            if not self._turn.wait_for(lambda: self._may_run(owner), WAIT_S):
                raise _too_many()
        finally:
            self._waiting -= 1

    def _may_run(self, owner: str) -> bool:
        return self._busy.total() < SIZE and self._busy[owner] < SIZE_PER_OWNER

    def _take(self) -> _Child:
        with self._turn:
            while self._idle:
                child = self._idle.pop()
                if child.is_alive():
                    return child
                child.close()
        return _Child()

    def _give_back(self, child: _Child) -> None:
        with self._turn:
            self._idle.append(child)

    def _disown_after_fork(self) -> None:
        """Leave the children of the process that this one was forked from to that one."""
        if self._pid != os.getpid():
            self.__init__()  # type: ignore[misc]


def _too_many() -> Unavailable:
    return Unavailable("Too many GraphQL checks are running. Try again in a few seconds.", retry_after_s=3)


#: Of this process: the children know nothing of an app.
POOL = ValidatorPool()
atexit.register(POOL.close)
