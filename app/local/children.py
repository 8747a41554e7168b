"""The programs of the local stack: their commands, processes and output."""

import os
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.local.output import LineBuffer, Output


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One program of the stack."""

    name: str
    argv: tuple[str, ...]
    #: Asked again and again until true, before the next child starts. Must answer within a second.
    is_ready: Callable[[], bool] | None = None
    #: It runs to its end before the next child starts, and must succeed.
    is_step: bool = False
    #: Lines with one of these in them are not shown.
    muted: tuple[str, ...] = ()


@dataclass(slots=True)
class Child:
    """One program as it runs, or ran."""

    spec: ChildSpec
    process: subprocess.Popen[bytes]
    started_at: float
    deaths: deque[float] = field(default_factory=deque)
    #: Captured lines of standard output, for a command whose output is not shown.
    answer: list[str] | None = None
    code: int | None = None
    restart_at: float | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.code is None


class Reader:
    """Passes the output on one descriptor of a child on, line by line."""

    def __init__(self, child: Child, fd: int, output: Output, answer: list[str] | None) -> None:
        self.child = child
        self.is_empty = False
        self._fd = fd
        self._output = output
        self._answer = answer
        self._lines = LineBuffer()

    def read(self) -> bool:
        """Read what is available. Returns whether more may come."""
        try:
            data = os.read(self._fd, 65_536)
        except BlockingIOError:
            self.is_empty = True
            return True
        if not data:
            self.finish()
            return False
        self._pass_on(self._lines.feed(data))
        return True

    def finish(self) -> None:
        """Pass on a last line without a newline."""
        self._pass_on(self._lines.finish())

    def _pass_on(self, lines: list[str]) -> None:
        for line in lines:
            if self._answer is not None:
                self._answer.append(line)
            elif not any(words in line for words in self.child.spec.muted):
                self._output.line(self.child.spec.name, line)
