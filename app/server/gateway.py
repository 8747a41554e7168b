"""The ASGI application: reads a request to its end, has a thread answer it, sends the answer."""

import asyncio
import io
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from app.server import refusals
from app.server.admission import Admission
from app.server.connection import EXTENSION
from app.server.refusals import Refusal
from app.server.wsgi import ANSWERS_ON_DISK_MAX_BYTES, Answer, Application, DiskFull, DiskRoom, call, environ_of

#: Of a body so much is kept in memory, more in a temporary file.
_BODY_IN_MEMORY_MAX_BYTES = 65_536
#: So many requests wait inside the pool, so that a thread that is done finds the next at once.
_SLOTS_PER_THREAD = 2


class Gateway:
    """Serves a WSGI application.

    A body above `body_max_bytes` is not read: the application is told its length, and refuses it in its own words.
    """

    def __init__(self, app: Application, *, threads: int, body_max_bytes: int) -> None:
        self._app = app
        self._body_max_bytes = body_max_bytes
        self._threads = ThreadPoolExecutor(threads, "web")
        self._admission = Admission(threads * _SLOTS_PER_THREAD)
        self._disk_room = DiskRoom(ANSWERS_ON_DISK_MAX_BYTES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer one request."""
        body = await self._read_body(scope, receive)
        if body is None:
            return
        stream, content_length, is_whole = body
        with stream:
            answer = await self._answer(scope, stream, content_length)
        if isinstance(answer, Refusal):
            headers, text = refusals.headers_and_body(answer)
            await _send(send, answer.status, headers, (text,))
        elif answer is not None:
            try:
                headers = answer.headers if is_whole else [*answer.headers, (b"connection", b"close")]
                await _send(send, answer.status, headers, answer.pieces())
            finally:
                answer.close()

    async def _read_body(self, scope: Any, receive: Any) -> tuple[IO[bytes], int, bool] | None:  # noqa: ANN401
        """Return the body, its length and whether it is all of it; None when the client gave up."""
        announced = _content_length(scope)
        if announced > self._body_max_bytes:
            return io.BytesIO(), announced, False
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if not message["more_body"]:
            return io.BytesIO(message["body"]), len(message["body"]), True
        stream = tempfile.SpooledTemporaryFile(_BODY_IN_MEMORY_MAX_BYTES)  # noqa: SIM115 - closed by the caller
        size_bytes = 0
        while message["type"] != "http.disconnect":
            size_bytes += len(message["body"])
            if size_bytes > self._body_max_bytes:
                stream.close()
                return io.BytesIO(), size_bytes, False
            stream.write(message["body"])
            if not message["more_body"]:
                stream.seek(0)
                return stream, size_bytes, True
            message = await receive()
        stream.close()
        return None

    async def _answer(
        self,
        scope: Any,  # noqa: ANN401 - ASGI
        stream: IO[bytes],
        content_length: int,
    ) -> Answer | Refusal | None:
        """Return the application's answer; None when the client has gone before it was asked."""
        if not await self._admission.enter(scope["extensions"][EXTENSION]):
            return None
        try:
            environ = environ_of(scope, stream, content_length)
            work: Callable[..., Answer] = call
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, work, self._app, environ, self._disk_room
            )
        except DiskFull:
            return refusals.OVERLOADED
        finally:
            self._admission.leave()


async def _send(
    send: Any,  # noqa: ANN401 - ASGI
    status: int,
    headers: list[tuple[bytes, bytes]],
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
