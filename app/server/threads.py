"""The threads that answer requests, and their queues, which drop the calls of clients that hang up."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from app.server.connection import Connection

Result = TypeVar("Result")

#: How many calls are handed out per thread: a thread that is done finds its next without waiting for the loop.
_CALLS_PER_THREAD = 2


class _Call(NamedTuple):
    done: "asyncio.Future[Any]"
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    yields: bool


class Threads:
    """A fixed number of threads for one event loop.

    Calls are served in the order in which they came. Those that yield come after all others, and never take more than
    half of the threads: so a few clients cannot delay all others. Cheaper than `ThreadPoolExecutor`, whose futures are
    made for waiting threads: each request crosses between loop and thread twice.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = count * _CALLS_PER_THREAD
        self._free_for_yielding = max(1, count // 2)
        self._waiting: deque[_Call] = deque()
        self._waiting_yielding: deque[_Call] = deque()
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._has_started = False

    async def run(
        self, connection: Connection, work: Callable[..., Result], *arguments: object, yields: bool
    ) -> Result | None:
        """Return what `work` returns or raise what it raises; None when the client has gone before it began."""
        loop = asyncio.get_running_loop()
        if not self._has_started:
            self._start(loop)
        done: asyncio.Future[Result | None] = loop.create_future()
        call = _Call(done, work, arguments, yields)
        if self._take(yields):
            self._calls.put(call)
            return await done
        (self._waiting_yielding if yields else self._waiting).append(call)
        connection.on_gone = partial(_give_up, done)
        try:
            return await done
        finally:
            connection.on_gone = None

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._has_started = True
        for number in range(self._count):
            # Daemons: a call that hangs does not keep the process from ending after the server's grace.
            threading.Thread(target=self._work, args=(loop,), name=f"web-{number}", daemon=True).start()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        deliver = loop.call_soon_threadsafe
        while True:
            call = self._calls.get()
            result: Any = None
            error: BaseException | None = None
            try:
                result = call.work(*call.arguments)
            except BaseException as raised:
                error = raised
            deliver(self._finish, call, result, error)
            # Released now, and not only when the next call comes.
            del call, result, error

    def _finish(self, call: _Call, result: object, error: BaseException | None) -> None:
        self._free += 1
        self._free_for_yielding += call.yields
        self._hand_out()
        if call.done.done():
            return
        if error is not None:
            call.done.set_exception(error)
        else:
            call.done.set_result(result)

    def _hand_out(self) -> None:
        for queue in (self._waiting, self._waiting_yielding):
            while queue:
                if queue[0].done.done():
                    queue.popleft()
                elif self._take(queue[0].yields):
                    self._calls.put(queue.popleft())
                else:
                    break

    def _take(self, yields: bool) -> bool:
        """Take a place for a call, if there is one."""
        if not self._free or (yields and not self._free_for_yielding):
            return False
        self._free -= 1
        self._free_for_yielding -= yields
        return True


def _give_up(done: "asyncio.Future[Any]") -> None:
    if not done.done():
        done.set_result(None)
