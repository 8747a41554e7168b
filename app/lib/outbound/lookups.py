"""The requests of a `Multi` that wait for the addresses of their host."""

import contextlib
import heapq
import socket
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from time import monotonic

from app.lib.outbound.hosts import Host, Resolved, host_of
from app.lib.outbound.resolver import NOT_FOUND, NOT_IN_TIME, Answer, Question, Resolver
from app.lib.outbound.transfer import Request, Result


@dataclass(slots=True, eq=False)
class _Waiting:
    request: Request
    host: Host
    started_at: datetime
    since_s: float
    question: Question | None = None


class PendingLookups:
    """Asks the resolver. Its `fileno()` is readable when there are answers."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._waiting: dict[int, _Waiting] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._answered: deque[tuple[int, Answer]] = deque()
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._read.fileno()

    def drain(self) -> None:
        """Make the descriptor unreadable, before `take_ended()`."""
        with contextlib.suppress(BlockingIOError):
            self._read.recv(65_536)

    @property
    def next_deadline_s(self) -> float | None:
        """When the first of them has waited long enough, on the monotonic clock; None: nothing waits."""
        while self._deadlines and self._deadlines[0][1] not in self._waiting:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def add(self, request: Request, started_at: datetime) -> None:
        """Let a request wait that began at `started_at`."""
        number, now_s = next(self._numbers), monotonic()
        waiting = self._waiting[number] = _Waiting(request, host_of(request.url), started_at, now_s)
        wait_s = lookup_timeout_s(request)
        heapq.heappush(self._deadlines, (now_s + wait_s, number))
        if waiting.host.is_name:
            waiting.question = self._resolver.ask(
                waiting.host.name, owner=request.owner, on_answer=partial(self._hear, number)
            )
        else:
            self._hear(number, NOT_FOUND)

    def take_ended(self) -> list[tuple[Request, Resolved | Result]]:
        """Return the requests that have ended waiting, with the addresses of their host or the failure."""
        ended = []
        while self._answered:
            number, answer = self._answered.popleft()
            waiting = self._waiting.pop(number, None)
            if waiting is not None:
                ended.append(_ended(waiting, answer))
        while (deadline_s := self.next_deadline_s) is not None and deadline_s <= monotonic():
            waiting = self._waiting.pop(self._deadlines[0][1])
            self._cancel(waiting)
            ended.append(_ended(waiting, NOT_IN_TIME))
        return ended

    def cancel_all(self) -> list[Request]:
        """Drop all waiting requests and return them."""
        for waiting in self._waiting.values():
            self._cancel(waiting)
        cancelled = [waiting.request for waiting in self._waiting.values()]
        self._waiting.clear()
        self._answered.clear()
        return cancelled

    def close(self) -> None:
        """Drop all waiting requests; threads that still look names up end by themselves."""
        self.cancel_all()
        self._read.close()
        self._write.close()

    def _cancel(self, waiting: _Waiting) -> None:
        if waiting.question is not None:
            self._resolver.cancel(waiting.question)

    def _hear(self, number: int, answer: Answer) -> None:
        """Take an answer, from any thread."""
        self._answered.append((number, answer))
        # A full pipe wakes the loop already; with a closed one there is nothing to wake.
        with contextlib.suppress(OSError):
            self._write.send(b"a")


def lookup_timeout_s(request: Request) -> float:
    """Return how long the name of a request may be looked up."""
    return min(request.dns_timeout_s, request.connect_timeout_s, request.timeout_s)


def failed_lookup(answer: Answer, started_at: datetime, took_s: float) -> Result:
    """Return the result of a request whose host has no addresses."""
    took_ms = took_s * 1000
    return Result(
        started_at,
        error_kind=answer.error_kind,
        error_detail=answer.error_detail,
        dns_ms=took_ms,
        total_ms=took_ms,
    )


def _ended(waiting: _Waiting, answer: Answer) -> tuple[Request, Resolved | Result]:
    took_s = monotonic() - waiting.since_s
    if answer.addresses:
        return waiting.request, Resolved(waiting.host, answer.addresses, waiting.started_at, took_s)
    return waiting.request, failed_lookup(answer, waiting.started_at, took_s)
