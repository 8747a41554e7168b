"""The ASGI application: reads a request to its end, has a thread answer it, sends the answer."""

import contextlib
import io
import tempfile
from collections.abc import Iterable
from typing import IO, Any

from app.server import refusals
from app.server.connection import EXTENSION
from app.server.refusals import Refusal
from app.server.static import StaticFiles
from app.server.threads import Threads
from app.server.wsgi import (
    ANSWERS_ON_DISK_MAX_BYTES,
    Answer,
    Application,
    DiskFull,
    DiskRoom,
    HeaderList,
    call,
    environ_of,
    header_list,
)

#: Up to this size a body is kept in memory, a larger one in a temporary file.
_BODY_IN_MEMORY_MAX_BYTES = 65_536
_CLOSE = (b"connection", b"close")


class Gateway:
    """Serves a WSGI application.

    A body above `body_max_bytes` is not read: the application gets its length, and refuses it with its own error.
    """

    def __init__(
        self, app: Application, *, threads: int, body_max_bytes: int, static_files: StaticFiles
    ) -> None:
        self._app = app
        self._body_max_bytes = body_max_bytes
        self._static_files = static_files
        self._threads = Threads(threads)
        self._disk_room = DiskRoom(ANSWERS_ON_DISK_MAX_BYTES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request."""
        if self._static_files.is_below(scope) and await self._send_file(scope, send):
            return
        body = await self._read_body(scope, receive)
        if body is None:
            return
        stream, content_length, is_whole = body
        with stream:
            answer = await self._answer(scope, stream, content_length, is_whole=is_whole)
        if isinstance(answer, Refusal):
            headers, text = refusals.headers_and_body(answer)
            await _send(send, answer.status, headers, (text,))
        elif answer is not None:
            with contextlib.closing(answer):
                # The unread rest of the body would be parsed as the next request.
                headers = answer.headers if is_whole else [*answer.headers, _CLOSE]
                await _send(send, answer.status, headers, answer.pieces())

    async def _send_file(self, scope: Any, send: Any) -> bool:  # noqa: ANN401 - ASGI
        """Send the static file that is asked for. Returns whether there is one."""
        environ = environ_of(scope, io.BytesIO(), 0)
        response = self._static_files.answer(environ)
        if response is None:
            return False
        with contextlib.closing(response):
            pieces, _, headers = response.get_wsgi_response(environ)
            await _send(send, response.status_code, header_list(headers), pieces)
        return True

    async def _read_body(
        self,
        scope: Any,  # noqa: ANN401 - ASGI
        receive: Any,  # noqa: ANN401 - ASGI
    ) -> tuple[IO[bytes], int, bool] | None:
        """Return the body, its length and whether it is all of it; None when the client gave up or was too slow."""
        announced_bytes = _content_length(scope)
        if announced_bytes > self._body_max_bytes:
            return io.BytesIO(), announced_bytes, False
        message = await receive()
        if message["type"] == "http.request" and not message["more_body"]:
            return io.BytesIO(message["body"]), len(message["body"]), True
        size_bytes = 0
        with contextlib.ExitStack() as unless_whole:
            stream = unless_whole.enter_context(tempfile.SpooledTemporaryFile(_BODY_IN_MEMORY_MAX_BYTES))
            while message["type"] == "http.request":
                size_bytes += len(message["body"])
                if size_bytes > self._body_max_bytes:
                    return io.BytesIO(), size_bytes, False
                stream.write(message["body"])
                if not message["more_body"]:
                    unless_whole.pop_all()
                    stream.seek(0)
                    return stream, size_bytes, True
                message = await receive()
        return None

    async def _answer(
        self,
        scope: Any,  # noqa: ANN401 - ASGI
        stream: IO[bytes],
        content_length: int,
        *,
        is_whole: bool,
    ) -> Answer | Refusal | None:
        """Return the application's answer; None when the client has gone before it began."""
        environ = environ_of(scope, stream, content_length)
        connection = scope["extensions"][EXTENSION]
        try:
            return await self._threads.run(
                connection,
                call,
                self._app,
                environ,
                self._disk_room,
                yields=connection.is_pipelining or not is_whole,
            )
        except DiskFull:
            return refusals.OVERLOADED


async def _send(
    send: Any,  # noqa: ANN401 - ASGI
    status: int,
    headers: HeaderList,
    pieces: Iterable[bytes],
) -> None:
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    last = b""
    for piece in pieces:
        if last:
            await send({"type": "http.response.body", "body": last, "more_body": True})
        last = piece
    await send({"type": "http.response.body", "body": last, "more_body": False})


def _content_length(scope: Any) -> int:  # noqa: ANN401 - ASGI
    # The parser has made sure that it is a number, and that there is only one.
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
