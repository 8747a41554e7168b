"""Slow clients by the hundred, as a program: `python -m tests.slow_clients.clients '{"port": …, "kinds": {…}}'`.

It connects them all, says `{"ready": true}`, and then answers each line on standard input with the state of each
kind so far: how many the server has ended, and with which status (0: without an answer). With `reconnects`, clients
that were disconnected come back at once, so that their number stays. It ends with its standard input.
"""

import asyncio
import contextlib
import json
import resource
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

_POST = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
_GET = b"GET /sign-in HTTP/1.1\r\nHost: x\r\n\r\n"
#: So many requests of one client follow each other: their answers are more than any buffer holds.
_PIPELINED = 200
_CHUNK = b"400\r\n" + b"a" * 0x400 + b"\r\n"
_CHUNK_EVERY_S = 0.1
_CONNECTING_MAX = 64


class Client:
    """One slow client. Each kind is a method that returns when the server has ended the connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()

    async def idle(self) -> int:
        """Send nothing."""
        return await self._status()

    async def half_head(self) -> int:
        """Stop in the middle of a header."""
        await self._send(_POST + b"X-Slow: ")
        return await self._status()

    async def half_body(self) -> int:
        """Stop in the middle of the body."""
        await self._send(_POST + b"Content-Length: 500\r\n\r\na")
        return await self._status()

    async def drip(self) -> int:
        """Send a byte of the body each second."""
        await self._send(_POST + b"Content-Length: 20000\r\n\r\n")
        return await self._status_while_sending(b"a", 1.0)

    async def endless_chunks(self) -> int:
        """Send chunks, fast enough and without end."""
        await self._send(_POST + b"Transfer-Encoding: chunked\r\n\r\n")
        return await self._status_while_sending(_CHUNK, _CHUNK_EVERY_S)

    async def never_reading(self) -> int:
        """Ask again and again, and read no answer."""
        with contextlib.suppress(OSError):
            await self._send(_GET * _PIPELINED)
            while True:
                await asyncio.sleep(0.5)
                self._socket.send(b"\r\n", socket.MSG_DONTWAIT)
        return 0

    async def _send(self, content: bytes) -> None:
        await self._loop.sock_sendall(self._socket, content)

    async def _status(self) -> int:
        received = b""
        with contextlib.suppress(OSError):
            while chunk := await self._loop.sock_recv(self._socket, 65_536):
                received += chunk
        return int(received[9:12]) if received else 0

    async def _status_while_sending(self, content: bytes, every_s: float) -> int:
        sending = self._loop.create_task(self._keep_sending(content, every_s))
        try:
            return await self._status()
        finally:
            sending.cancel()

    async def _keep_sending(self, content: bytes, every_s: float) -> None:
        with contextlib.suppress(OSError):
            while True:
                await self._send(content)
                await asyncio.sleep(every_s)


class SlowClients:
    """All slow clients of this program."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._address = (options["host"], options["port"])
        self._kinds: dict[str, int] = options["kinds"]
        self._reconnects: bool = options.get("reconnects", False)
        self._statuses: dict[str, Counter[int]] = defaultdict(Counter)
        self._connecting = asyncio.Semaphore(_CONNECTING_MAX)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Connect all and answer questions until standard input ends."""
        connected: list[asyncio.Event] = []
        for kind, count in self._kinds.items():
            for _ in range(count):
                connected.append(asyncio.Event())
                self._tasks.append(asyncio.create_task(self._live(kind, connected[-1])))
        for event in connected:
            await event.wait()
        _say({"ready": True})
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            _say(
                {
                    kind: {str(key): count for key, count in self._statuses[kind].items()}
                    for kind in self._kinds
                }
            )

    async def _live(self, kind: str, connected: asyncio.Event) -> None:
        while True:
            status = await self._live_once(kind, connected)
            self._statuses[kind][status] += 1
            if not self._reconnects:
                return

    async def _live_once(self, kind: str, connected: asyncio.Event) -> int:
        with socket.socket() as sock:
            sock.setblocking(False)
            if kind == "never_reading":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with self._connecting:
                await asyncio.get_running_loop().sock_connect(sock, self._address)
            connected.set()
            behaviour: Callable[[], Awaitable[int]] = getattr(Client(sock), kind)
            try:
                return await behaviour()
            except OSError:
                return 0


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(SlowClients(json.loads(sys.argv[1])).run())
