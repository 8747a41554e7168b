"""A client of the API: keep-alive connections that send one request after the other.

`rate` None: each connection sends as soon as it has its answer, for `for_s` seconds. With a rate, requests go
out on a fixed schedule whatever the answers do (open loop); one that finds no connection free waits for it, and
its delay counts.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import orjson

from bench.children import answer, read_settings

#: Answers under way when the time is over are waited for, so long.
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Sent:
    """One request: when it was due, when it left, when its answer was there. Monotonic clock, seconds."""

    due_s: float
    sent_s: float = 0.0
    answered_s: float = 0.0
    status: int = 0
    event_id: str = ""


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._current: Sent | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._load.on_idle(self)

    def send(self, sent: Sent) -> None:
        """Send the request; its answer goes to the load."""
        self._current = sent
        sent.sent_s = time.monotonic()
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        start = head.find(b"content-length:") + 15
        length = int(head[start:].split(b"\r", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        body, self._buffer = self._buffer[end + 4 : end + 4 + length], b""
        sent, self._current = self._current, None
        assert sent is not None
        sent.answered_s = time.monotonic()
        sent.status = int(head[9:12])
        if sent.status == 202:
            sent.event_id = orjson.loads(body)["id"]
        self._load.on_answer(sent)
        if b"connection: close" in head:
            self._transport.close()
            self._load.replace()
        else:
            self._load.on_idle(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._load.on_lost(self._current)


class Load:
    """All connections and what came of them."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.request: bytes = wanted["request"].encode()
        self.answered: list[Sent] = []
        self.lost = 0
        self._rate: float | None = wanted["rate"]
        self._for_s: float = wanted["for_s"]
        self._host, self._port, self._connections = wanted["host"], wanted["port"], wanted["connections"]
        self._idle: deque[Client] = deque()
        self._late: deque[Sent] = deque()
        self._open = 0
        self._connecting: set[asyncio.Task[None]] = set()
        self._ends_at_s = 0.0

    async def run(self) -> tuple[float, float]:
        """Send for the time wanted and return when that began and ended, on the monotonic clock."""
        start_s = time.monotonic()
        self._ends_at_s = start_s + self._for_s
        for _ in range(self._connections):
            await self._connect()
        if self._rate is None:
            await asyncio.sleep(self._ends_at_s - time.monotonic())
        else:
            await self._follow_schedule()
        end_s = time.monotonic()
        while self._open and time.monotonic() < end_s + _PATIENCE_S:
            await asyncio.sleep(0.02)
        return start_s, end_s

    def on_idle(self, client: Client) -> None:
        """Use a connection that has nothing to do."""
        if self._rate is None:
            if time.monotonic() < self._ends_at_s:
                self._open += 1
                client.send(Sent(time.monotonic()))
        elif self._late:
            client.send(self._late.popleft())
        else:
            self._idle.append(client)

    def replace(self) -> None:
        """Open a connection in place of one that the server does not keep."""
        task = asyncio.get_running_loop().create_task(self._connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def on_answer(self, sent: Sent) -> None:
        """Keep the answer."""
        self._open -= 1
        self.answered.append(sent)

    def on_lost(self, sent: Sent | None) -> None:
        """Count a connection that ended under a request."""
        if sent is not None:
            self._open -= 1
            self.lost += 1

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: Client(self), self._host, self._port)

    async def _follow_schedule(self) -> None:
        assert self._rate is not None
        start_s = time.monotonic()
        for number in range(int(self._rate * self._for_s)):
            due_s = start_s + number / self._rate
            if (wait_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            self._open += 1
            if self._idle:
                self._idle.popleft().send(Sent(due_s))
            else:
                self._late.append(Sent(due_s))


async def main(wanted: dict[str, Any]) -> None:
    """Run the load and answer with every request."""
    load = Load(wanted)
    start_s, end_s = await load.run()
    rows = [(sent.due_s, sent.sent_s, sent.answered_s, sent.status, sent.event_id) for sent in load.answered]
    answer(start_s=start_s, end_s=end_s, lost=load.lost, rows=rows)


if __name__ == "__main__":
    asyncio.run(main(read_settings()))
