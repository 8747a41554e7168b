"""The web server as `make run` and docs/operations.md start it, and a client with a raw socket."""

import contextlib
import http.client
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from tests.servers import START_TIMEOUT_S
from tests.webhooks.dispatch.programs import Program, environment
from tests.webhooks.dispatch.scene import wait_until

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `headers` have names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class WebServer(Program):
    """`python -m app.server`."""

    def __init__(self, settings: Settings, directory: Path, *, port: int, **env: str) -> None:
        self.host, self.port = "127.0.0.1", port
        super().__init__(
            *(sys.executable, "-m", "app.server"),
            env=environment(settings) | {"PORT": str(port), **env},
            log=directory / "web.log",
        )

    def is_healthy(self) -> bool:
        """Return whether /healthz answers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def connect(self, *, receive_buffer_bytes: int | None = None) -> socket.socket:
        """Return a connected socket."""
        client = socket.socket()
        if receive_buffer_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        client.settimeout(PATIENCE_S)
        client.connect((self.host, self.port))
        return client

    def exchange(self, request: bytes) -> tuple[list[Reply], bool]:
        """Send the bytes; return all answers, and whether the server closed the connection within its deadlines."""
        with self.connect() as client:
            client.sendall(request)
            return read_replies(client)


def read_replies(client: socket.socket) -> tuple[list[Reply], bool]:
    """Read until the server closes; return the answers in their order, and whether it did close."""
    received, is_closed = b"", False
    try:
        while chunk := client.recv(65_536):
            received += chunk
        is_closed = True
    except ConnectionResetError:
        is_closed = True
    except TimeoutError:
        pass
    return list(_parse(received)), is_closed


def _parse(received: bytes) -> Iterator[Reply]:
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        length = 0 if status in (100, 204, 304) else int(headers.get("content-length", 0))
        yield Reply(status, headers, received[:length])
        received = received[length:]


@contextlib.contextmanager
def web_server_running(settings: Settings, directory: Path, *, port: int, **env: str) -> Iterator[WebServer]:
    """Run the web server until the block ends."""
    server = WebServer(settings, directory, port=port, **env)
    server.start()
    try:
        wait_until(lambda: server.is_healthy() or not server.is_running, within_s=START_TIMEOUT_S)
        assert server.is_running, server.output
        yield server
    finally:
        server.kill_all()
