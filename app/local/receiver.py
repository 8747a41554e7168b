"""The demo receiver: an endpoint on this machine that behaves, or misbehaves, as its path says.

Standard library only, so that it also runs as a plain file: `python app/local/receiver.py [port]`.
"""

import json
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

DEFAULT_PORT = 8090
SLOW_MAX_S = 60.0
BODY_MAX_BYTES = 16 * 1024 * 1024
_SHOWN_MAX_CHARS = 80

EXPLANATION = """\
Signalbox demo receiver. Point a webhook at one of these:

  /ok                          answers 200
  /status/<code>               answers that code; ?retry_after=<s> adds Retry-After
  /slow/<seconds>              answers 200 after that long (at most 60)
  /flaky                       answers 500 and 200 in turn
  /gone                        answers 410, which disables the webhook

Every event that arrives is printed where `make run` runs.
"""


class Receiver(ThreadingHTTPServer):
    """Listens on loopback only; port 0 takes any free one, see `port`."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._lock = threading.Lock()
        self._flaky_calls = 0
        #: Types of the events received, oldest first.
        self.received: list[str] = []

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def note(self, event_type: str, line: str) -> None:
        """Record an event and print its line."""
        with self._lock:
            self.received.append(event_type)
            del self.received[:-1000]
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def next_flaky_status(self) -> int:
        """Return 500 and 200 in turn, beginning with 500."""
        with self._lock:
            self._flaky_calls += 1
            return 500 if self._flaky_calls % 2 else 200


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "signalbox-demo-receiver"
    sys_version = ""
    timeout = 120
    server: Receiver

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        self._note(body)
        self._answer(body)

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815  the names are those of the base class

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: one line per event is written by `note`."""

    def _body(self) -> bytes | None:
        try:
            size = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            size = -1
        if not 0 <= size <= BODY_MAX_BYTES or self.headers.get("Transfer-Encoding"):
            # Without reading the body, the rest of the connection cannot be parsed.
            self.close_connection = True
            self._send(413, {"error": "send a Content-Length of at most 16 MiB"})
            return None
        return self.rfile.read(size)

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        words = parts.path.strip("/").split("/")
        match words:
            case [""]:
                self._send_bytes(200, EXPLANATION.encode(), "text/plain; charset=utf-8")
            case ["ok"]:
                self._send(200, {"ok": True, "received_bytes": len(body)})
            case ["gone"]:
                self._send(410, {"ok": False})
            case ["flaky"]:
                status = self.server.next_flaky_status()
                self._send(status, {"ok": status == HTTPStatus.OK})
            case ["slow", seconds] if _is_number(seconds):
                time.sleep(min(float(seconds), SLOW_MAX_S))
                self._send(200, {"ok": True})
            case ["status", code] if code.isdigit() and 200 <= int(code) <= 599:
                wait = parse_qs(parts.query).get("retry_after", [""])[0]
                is_wait = wait.isascii() and wait.isprintable()
                headers = {"Retry-After": wait} if int(code) in {429, 503} and wait and is_wait else {}
                self._send(int(code), {"ok": int(code) < 300}, headers)
            case _:
                self._send(404, {"error": f"unknown path; GET http://127.0.0.1:{self.server.port}/ explains"})

    def _send(self, status: int, answer: dict[str, object], headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(answer).encode(), "application/json", headers)

    def _send_bytes(
        self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status in {204, 205, 304}:  # These have no body by definition.
            body = b""
        if status not in {204, 304}:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _note(self, body: bytes) -> None:
        event_type = "?"
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError):
            envelope = None
        if isinstance(envelope, dict):
            event_type = str(envelope.get("type", "?"))
        # Escaped: input from outside must not send control sequences to the terminal.
        webhook_id = _printable(self.headers.get("webhook-id", "-"))
        path = _printable(self.path)
        self.server.note(event_type, f"{path}  {_printable(event_type)}  {webhook_id}  {len(body)} bytes")


def _printable(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")[:_SHOWN_MAX_CHARS]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() and text.isascii()


def main() -> None:
    """Serve until killed."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_PORT
    with Receiver(port) as receiver:
        receiver.serve_forever()


if __name__ == "__main__":
    main()
