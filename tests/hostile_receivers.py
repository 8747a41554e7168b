"""Receivers that misbehave, on real loopback sockets. Each runs in threads of its own and stops with its `with` block.

with Receiver(drip_body) as receiver:
    … receiver.url …; receiver.connection_count; receiver.requests
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

#: A busy machine may need long for it.
_HANDSHAKE_S = 30.0
#: How often a connection that waits for its peer sees whether the receiver stops.
_LOOK_UP_EVERY_S = 0.2

Behaviour = Callable[[socket.socket, "Receiver"], None]


class Receiver:
    """A TCP server that runs `behaviour(connection, receiver)` for every connection it accepts.

    `behaviour=None` never accepts and leaves the backlog full. With `certificate` (cert and key file) it speaks TLS.
    """

    def __init__(
        self,
        behaviour: Behaviour | None,
        *,
        host: str = "127.0.0.1",
        certificate: tuple[str, str] | None = None,
    ) -> None:
        self.requests: list[bytes] = []
        self.connection_count = 0
        self.is_stopping = threading.Event()
        self._behaviour = behaviour
        self._tls = _server_context(*certificate) if certificate else None
        self._threads: list[threading.Thread] = []
        self._fillers: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=512 if behaviour else 0)
        self.host, self.port = self._listener.getsockname()[:2]
        if behaviour is None:
            self._fill_backlog()

    @property
    def url(self) -> str:
        """The receiver's address as a URL with the path `/hook`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/hook"

    def __enter__(self) -> Self:
        if self._behaviour is not None:
            self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.is_stopping.set()
        for thread in self._threads:
            thread.join(5)
        for filler in self._fillers:
            filler.close()
        self._listener.close()

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.is_stopping.is_set():
            if not select.select([self._listener], [], [], 0.05)[0]:
                continue
            connection, _ = self._listener.accept()
            self.connection_count += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        assert self._behaviour is not None
        connection.settimeout(_HANDSHAKE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
            closing.callback(connection.close)
            if self._tls is not None:
                connection = closing.enter_context(self._tls.wrap_socket(connection, server_side=True))
            connection.settimeout(_LOOK_UP_EVERY_S)
            self._behaviour(connection, self)

    def _fill_backlog(self) -> None:
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host, self.port))
            self._fillers.append(filler)
        time.sleep(0.05)


def read_request(connection: socket.socket, receiver: Receiver) -> bytes:
    """Return one whole request (head and body), or b"" when the peer closed or the receiver stops."""
    received = b""
    while not receiver.is_stopping.is_set():
        try:
            chunk = connection.recv(65536)
        except TimeoutError:
            continue
        if not chunk:
            return b""
        received += chunk
        head, blank, body = received.partition(b"\r\n\r\n")
        if blank and len(body) >= _content_length(head):
            receiver.requests.append(received)
            return received
    return b""


def answer(raw: bytes, *, close: bool = False, delay_s: float = 0.0) -> Behaviour:
    """Return a behaviour that answers every request with these very bytes, keeping the connection unless `close`."""

    def behave(connection: socket.socket, receiver: Receiver) -> None:
        while read_request(connection, receiver):
            receiver.is_stopping.wait(delay_s)
            connection.sendall(raw)
            if close:
                return

    return behave


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
answer_ok = answer(OK)


def drip(first: bytes, drop: bytes, every_s: float = 0.05) -> Behaviour:
    """Return a behaviour that answers with `first` and then `drop` again and again, for ever."""

    def behave(connection: socket.socket, receiver: Receiver) -> None:
        read_request(connection, receiver)
        connection.sendall(first)
        while not receiver.is_stopping.wait(every_s):
            connection.sendall(drop)

    return behave


drip_body = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")
drip_status_line = drip(b"HTTP/1.1 200 O", b"O")
drip_headers = drip(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n")
endless_body = drip(
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n", 0
)
endless_headers = drip(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n", 0)
endless_header_line = drip(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 1000, 0)
endless_interim = drip(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0)


def never_answer(connection: socket.socket, receiver: Receiver) -> None:
    """Read the request and never answer."""
    read_request(connection, receiver)
    receiver.is_stopping.wait(30)


def never_read(connection: socket.socket, receiver: Receiver) -> None:
    """Accept and do nothing at all, so that a large request cannot even be sent."""
    receiver.is_stopping.wait(30)


def reset(connection: socket.socket, receiver: Receiver) -> None:
    """Close with RST as soon as the connection is accepted."""
    _reset(connection)


def reset_after_request(connection: socket.socket, receiver: Receiver) -> None:
    """Read the request, then close with RST."""
    read_request(connection, receiver)
    _reset(connection)


def reset_in_body(connection: socket.socket, receiver: Receiver) -> None:
    """Begin a valid answer, then close with RST."""
    read_request(connection, receiver)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    time.sleep(0.1)
    _reset(connection)


def close_without_answer(connection: socket.socket, receiver: Receiver) -> None:
    """Read the request and close properly."""
    read_request(connection, receiver)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _server_context(certificate_file: str, key_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context
