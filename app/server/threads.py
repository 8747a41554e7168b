"""The threads that answer requests, and the queue in front of them, which clients leave when they hang up."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from app.server.connection import Connection

Result = TypeVar("Result")
_Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]

#: So many calls are handed out for each thread: one that is done finds its next without waiting for the loop.
_CALLS_PER_THREAD = 2


class Threads:
    """A fixed number of threads for one event loop.

    Calls are served in the order in which they came; those that clients sent ahead, without waiting for an answer
    (pipelining), after all others: so few clients cannot make many wait.

    Leaner than `ThreadPoolExecutor`, whose futures are made for waiting threads: a request crosses here twice.
    """

    def __init__(self, count: int) -> None:
        self._free = count * _CALLS_PER_THREAD
        self._waiting: deque[_Call] = deque()
        self._waiting_pipelined: deque[_Call] = deque()
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._has_started = False
        self._count = count

    async def run(
        self, connection: Connection, work: Callable[..., Result], *arguments: object
    ) -> Result | None:
        """Return what `work` returns or raise what it raises; None when the client has gone before it began."""
        loop = asyncio.get_running_loop()
        if not self._has_started:
            self._start(loop)
        done: asyncio.Future[Result | None] = loop.create_future()
        if self._free:
            self._free -= 1
            self._calls.put((done, work, arguments))
            return await done
        queue = self._waiting_pipelined if connection.is_pipelining else self._waiting
        queue.append((done, work, arguments))
        connection.on_gone = partial(_give_up, done)
        try:
            return await done
        finally:
            connection.on_gone = None

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._has_started = True
        for number in range(self._count):
            # Daemons: what hangs is not waited for beyond the grace in which the server stops.
            threading.Thread(target=self._work, args=(loop,), name=f"web-{number}", daemon=True).start()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        deliver = loop.call_soon_threadsafe
        while True:
            done, work, arguments = self._calls.get()
            result: Any = None
            error: BaseException | None = None
            try:
                result = work(*arguments)
            except BaseException as raised:
                error = raised
            deliver(self._finish, done, result, error)
            # Not kept until the next call comes.
            del done, work, arguments, result, error

    def _finish(self, done: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
        self._hand_out_next()
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)

    def _hand_out_next(self) -> None:
        for queue in (self._waiting, self._waiting_pipelined):
            while queue:
                call = queue.popleft()
                if not call[0].done():
                    self._calls.put(call)
                    return
        self._free += 1


def _give_up(done: "asyncio.Future[Any]") -> None:
    if not done.done():
        done.set_result(None)
