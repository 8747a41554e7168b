"""WSGI (PEP 3333) on one side, ASGI's messages on the other: the environ of a request, the answer of an application."""

import contextlib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import unquote_to_bytes

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
#: Headers as ASGI requires them: names in lower case.
HeaderList = list[tuple[bytes, bytes]]

#: How much of an answer is kept in memory; the rest goes into a temporary file.
ANSWER_IN_MEMORY_MAX_BYTES = 262_144
#: Limit for all temporary files of one process together.
ANSWERS_ON_DISK_MAX_BYTES = 1_073_741_824
_PIECE_BYTES = 65_536


def environ_of(scope: Any, body: IO[bytes], content_length: int) -> Environ:  # noqa: ANN401 - ASGI's scope
    """Return the environ of a request whose body was read. `content_length` is what the application sees."""
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        # Bytes as Latin-1 text, as PEP 3333 requires.
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        # `X_Forwarded_For` would become the variable of `X-Forwarded-For`, which a proxy guards.
        if b"_" in raw_name or raw_name in (b"content-length", b"transfer-encoding"):
            continue
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        if name != "CONTENT_TYPE":
            name = f"HTTP_{name}"
        if name in environ:
            value = f"{environ[name]}{'; ' if name == 'HTTP_COOKIE' else ','}{value}"
        environ[name] = value
    if content_length or scope["method"] in ("POST", "PUT", "PATCH"):
        environ["CONTENT_LENGTH"] = str(content_length)
    return environ


def header_list(headers: Iterable[tuple[str, str]]) -> HeaderList:
    """Return the headers of a WSGI application as ASGI's."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


class DiskFull(Exception):
    """The answers that slow clients have not fetched yet use up the disk space allowed for them."""


class DiskRoom:
    """The disk space for answers, all threads together, in bytes."""

    def __init__(self, size_bytes: int) -> None:
        self._free_bytes = size_bytes
        self._guard = threading.Lock()

    def take(self, count_bytes: int) -> None:
        """Reserve space. Raises DiskFull when there is not enough left."""
        with self._guard:
            if count_bytes > self._free_bytes:
                raise DiskFull
            self._free_bytes -= count_bytes

    def give_back(self, count_bytes: int) -> None:
        """Release space."""
        with self._guard:
            self._free_bytes += count_bytes


@dataclass(slots=True)
class Answer:
    """A complete answer of the application, which needs its thread no more. Close it."""

    room: DiskRoom
    status: int = 0
    headers: HeaderList = field(default_factory=list)
    size_bytes: int = 0
    _chunks: list[bytes] = field(default_factory=list)
    _file: IO[bytes] | None = None
    _on_disk_bytes: int = 0

    def add(self, chunk: bytes) -> None:
        """Append to the body. Raises DiskFull."""
        self.size_bytes += len(chunk)
        if self._file is None:
            if self.size_bytes <= ANSWER_IN_MEMORY_MAX_BYTES:
                self._chunks.append(chunk)
                return
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self.room.take(len(chunk))
        self._on_disk_bytes += len(chunk)
        self._file.write(chunk)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body in chunks."""
        body = b"".join(self._chunks)
        for start in range(0, len(body), _PIECE_BYTES):
            yield body[start : start + _PIECE_BYTES]
        if self._file is not None:
            self._file.seek(0)
            while piece := self._file.read(_PIECE_BYTES):
                yield piece

    def close(self) -> None:
        """Release the disk space of the answer."""
        if self._file is not None:
            self._file.close()
        self.room.give_back(self._on_disk_bytes)
        self._on_disk_bytes = 0


def call(app: Application, environ: Environ, room: DiskRoom) -> Answer:
    """Call the application and return all of its answer. Raises what it raises, and DiskFull."""
    answer = Answer(room)

    def start_response(
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401 - as sys.exc_info()
    ) -> Callable[[bytes], None]:
        if answer.status and exc_info is None:
            raise RuntimeError("start_response was called twice")
        answer.status = int(status.split(" ", 1)[0])
        answer.headers = header_list(headers)
        return answer.add

    with contextlib.ExitStack() as on_error:
        on_error.callback(answer.close)
        iterable = app(environ, start_response)
        try:
            for chunk in iterable:
                answer.add(chunk)
        finally:
            if hasattr(iterable, "close"):
                iterable.close()
        on_error.pop_all()
    has_body = environ["REQUEST_METHOD"] != "HEAD" and answer.status not in (204, 304)
    if has_body and not any(name == b"content-length" for name, _ in answer.headers):
        answer.headers.append((b"content-length", b"%d" % answer.size_bytes))
    return answer
