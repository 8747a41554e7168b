"""Receivers that behave as a test says and record what they got, on real loopback sockets."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived. Header names are lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float
    method: str = "POST"

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answers, after `delay_s` and not before `after` is set."""

    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    delay_s: float = 0.0
    after: threading.Event | None = None


def always(status: int = 200, **more: object) -> Callable[[Received], Reply]:
    """Return a behaviour that answers everything alike."""
    reply = Reply(status, **more)  # type: ignore[arg-type]
    return lambda _: reply


def in_turn(*replies: Reply) -> Callable[[Received], Reply]:
    """Return a behaviour that answers one reply after the other and then the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class Receiver:
    """A keep-alive HTTP server. `received` is in order of arrival; `most_at_once` counts open requests."""

    def __init__(self, behaviour: Callable[[Received], Reply] | None = None) -> None:
        self.behaviour = behaviour or always()
        self.received: list[Received] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def event_ids(self) -> list[str]:
        return [received.event_id for received in list(self.received)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def reply_to(self, received: Received) -> Reply:
        with self._lock:
            self.received.append(received)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            reply = self.behaviour(received)
        self._is_stopping.wait(reply.delay_s)
        while reply.after and not reply.after.wait(0.02) and not self._is_stopping.is_set():
            pass
        with self._lock:
            self._now -= 1
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    receiver: Receiver


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 30
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.receiver.reply_to(
            Received(self.path, headers, body, time.monotonic(), self.command)
        )
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - named by the library

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True  # The sender gave up waiting, as it should.

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
