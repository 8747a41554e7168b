"""A receiver that counts: fast, keep-alive, on a thread of its own."""

import asyncio
import threading
from collections import Counter
from types import TracebackType
from typing import Self

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class CountingReceiver:
    """Counts `(path, webhook-id)` of every request, before it answers: what is counted was really received."""

    def __init__(self) -> None:
        self.receipts: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_ready = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ids_at(self, path: str) -> set[str]:
        """Return the ids that arrived at a path."""
        return {event_id for where, event_id in self.receipts.copy() if where == path}

    @property
    def duplicates(self) -> int:
        """How many receipts repeated an earlier one."""
        receipts = self.receipts.copy()
        return receipts.total() - len(receipts)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self.receipts), "127.0.0.1", 0, backlog=512)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        self._loop.run_forever()
        server.close()
        for connection in list(_Connection.open):
            connection.abort()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()


class _Connection(asyncio.Protocol):
    open: set[asyncio.Transport] = set()  # noqa: RUF012 - there is one receiver at a time

    def __init__(self, receipts: Counter[tuple[str, str]]) -> None:
        self._receipts = receipts
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.open.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, blank, rest = self._buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            size = int(headers["content-length"])
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            self._receipts[lines[0].split(" ")[1], headers["webhook-id"]] += 1
            self._transport.write(_ANSWER)
