"""A receiver that takes its time: answers after `delay_s`, or never, and tells what it saw when asked to.

Answers to a line on standard input: `figures` gives the requests so far and how many were open, `arrivals` the
webhook-id and the time (monotonic clock) of each.
"""

import asyncio
import contextlib
import sys
import time
from typing import Any

from bench.children import answer, read_settings

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
_BACKLOG = 4096


class Seen:
    """What all connections saw."""

    def __init__(self) -> None:
        self.requests = 0
        self.open = 0
        self.arrivals: list[tuple[str, float]] = []
        self._open_s = 0.0
        self._since_s = time.monotonic()

    def change(self, by: int) -> None:
        """Note that a request came (1) or was answered (-1)."""
        now_s = time.monotonic()
        self._open_s += self.open * (now_s - self._since_s)
        self._since_s = now_s
        self.open += by
        self.requests += by > 0

    def figures(self) -> dict[str, float]:
        """Return the time, the requests so far, and the integral of open requests over time, in seconds."""
        self.change(0)
        return {"at_s": self._since_s, "requests": self.requests, "open_s": self._open_s}


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other."""

    def __init__(self, seen: Seen, delay_s: float | None, notes_arrivals: bool) -> None:
        self._seen = seen
        self._delay_s = delay_s
        self._notes_arrivals = notes_arrivals
        self._buffer = b""
        self._open = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer = data if not self._buffer else self._buffer + data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            start = head.find(b"content-length:") + 15
            size = end + 4 + int(head[start : head.find(b"\r", start) if b"\r" in head[start:] else end])
            if len(self._buffer) < size:
                return
            if self._notes_arrivals:
                self._note(head)
            self._buffer = self._buffer[size:]
            self._take()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._open:
            self._seen.change(-self._open)

    def _note(self, head: bytes) -> None:
        start = head.find(b"webhook-id:") + 11
        webhook_id = head[start : head.find(b"\r", start)].strip().decode()
        self._seen.arrivals.append((webhook_id, time.monotonic()))

    def _take(self) -> None:
        self._open += 1
        self._seen.change(1)
        if self._delay_s == 0:
            self._answer()
        elif self._delay_s is not None:
            asyncio.get_running_loop().call_later(self._delay_s, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._open -= 1
            self._seen.change(-1)
            self._transport.write(_ANSWER)


async def main(wanted: dict[str, Any]) -> None:
    """Receive until standard input ends."""
    loop, seen, is_over = asyncio.get_running_loop(), Seen(), asyncio.Event()

    def on_line() -> None:
        line = sys.stdin.readline().strip()
        if not line:
            is_over.set()
        elif line == "arrivals":
            answer(arrivals=seen.arrivals)
        else:
            answer(**seen.figures())

    server = await loop.create_server(
        lambda: Connection(seen, wanted["delay_s"], wanted["notes_arrivals"]),
        "127.0.0.1",
        0,
        backlog=_BACKLOG,
    )
    loop.add_reader(sys.stdin.fileno(), on_line)
    answer(port=server.sockets[0].getsockname()[1])
    await is_over.wait()
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(read_settings()))
