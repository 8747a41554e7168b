"""Simulated name look-ups: names that resolve, names whose server is silent, names that do not exist."""

import socket
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self


class Names:
    """What a `Resolver` asks here instead of the system. Names not listed resolve to 127.0.0.1.

    Silent names hang until the test is over, or until `answer_all()`, and are then found like the others.
    """

    def __init__(self) -> None:
        #: How often each name was asked for.
        self.asked: Counter[str] = Counter()
        self.silent_suffix = ".silent.test"
        self.missing: set[str] = set()
        self.addresses: dict[str, list[str]] = {}
        self.delay_s = 0.0
        self._lock = threading.Lock()
        self._is_answering = threading.Event()

    def __call__(self, host: str) -> list[str]:
        with self._lock:
            self.asked[host] += 1
        if host.endswith(self.silent_suffix):
            self._is_answering.wait()
        if self.delay_s:
            time.sleep(self.delay_s)
        if host in self.missing:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.addresses.get(host, ["127.0.0.1"])

    def answer_all(self) -> None:
        """Make the silent names resolve."""
        self._is_answering.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.answer_all()


def silent_name(number: int | str) -> str:
    """Return one of the names that hang."""
    return f"n{number}.silent.test"
