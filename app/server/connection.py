"""One client's connection: uvicorn's protocol, with a deadline for everything that the client does."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.server import heads, refusals
from app.server.eviction import make_room
from app.server.limits import (
    BODY_RATE_MIN_BYTES_PER_S,
    CHUNK_FRAMING_PER_BYTE_MAX,
    HEAD_MAX_BYTES,
    LINGER_S,
    Limits,
)
from app.server.outgoing import Outgoing
from app.server.refusals import Refusal

#: The parser gets no more at once, so that few requests of one piece can follow each other.
_PIECE_BYTES = 4096
_DRAIN_POLL_S = 0.05
_END_OF_HEAD = b"\r\n\r\n"
#: Where the application finds the connection in its scope.
EXTENSION = "signalbox.connection"


class Phase(Enum):
    """Who is waited for, and for what."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    #: Not for the client, but for the application.
    APP = auto()
    #: Refused in the middle of a request: what still comes is thrown away, so that the refusal can be read.
    LINGER = auto()


class Connection(HttpToolsProtocol):
    """One client's connection.

    `check` ends it when the client is too slow. Requests behind the first (pipelining) are not even parsed before
    the answer to the first has left this process.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._phase = Phase.IDLE
        self.since_s = self.loop.time()
        self._has_served = False
        self._unread = b""
        self._head_bytes = 0
        self._body_bytes = 0
        self._received_bytes = 0
        self._announced_bytes = 0
        self._unsent_since_s: float | None = None
        self._was_sent_ahead = False
        #: Called once when the client has gone while a request of it waits for a thread.
        self.on_gone: Callable[[], None] | None = None

    @property
    def is_waiting_for_client(self) -> bool:
        """Whether nothing will happen here before the client does something."""
        return self._phase is not Phase.APP or self.transport.get_write_buffer_size() > 0

    @property
    def is_pipelining(self) -> bool:
        """Whether the client sends requests without waiting for the answers to those before them."""
        return self._was_sent_ahead or bool(self._unread)

    def check(self, now_s: float) -> None:
        """End the connection when its client is overdue. `now_s` is the loop's time."""
        if self._is_unread_too_long(now_s) or (
            self._phase is Phase.LINGER and now_s > self.since_s + LINGER_S
        ):
            self.transport.abort()
        elif self._phase is Phase.IDLE:
            limits = self._limits
            patience_s = limits.keep_alive_timeout_s if self._has_served else limits.head_timeout_s
            if now_s > self.since_s + patience_s:
                self.transport.close()
        elif self._phase is Phase.HEAD:
            if now_s > self.since_s + self._limits.head_timeout_s:
                self.refuse(refusals.SLOW_HEAD)
        elif self._phase is Phase.BODY:
            earned_s = self._body_bytes / BODY_RATE_MIN_BYTES_PER_S
            if now_s > self.since_s + self._limits.body_timeout_s + earned_s:
                self.refuse(refusals.SLOW_BODY)

    def refuse(self, refusal: Refusal) -> None:
        """Answer instead of the application, and end the connection. A pending answer goes out, but no other."""
        self._unread = b""
        if self._phase is Phase.LINGER or self.transport.is_closing():
            return
        if self.pipeline or (self._phase is Phase.APP and not self.cycle.response_complete):
            # The fault is in what follows a request that is being served.
            self.cycle.keep_alive = False
            return
        cycle: RequestResponseCycle | None = self.cycle
        has_answer = cycle is not None and cycle.response_started and not cycle.response_complete
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if not has_answer:
            self.transport.write(refusals.as_bytes(refusal, self.server_state.default_headers))
        self._linger()

    def close_gently(self) -> None:
        """Close after what was written has left. What the client still sends must not destroy it on the way."""
        if self._phase is Phase.BODY:
            self._linger()
        else:
            self.transport.close()

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections_max:
            make_room(self.connections, self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unread = b""
        if self.on_gone is not None:
            self.on_gone()

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.LINGER:
            return
        if self._unread:
            self._unread += data
        else:
            self._unread = data
            self._was_sent_ahead = False
        self._feed()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unsent_since_s = None

    def shutdown(self) -> None:
        if self._phase in (Phase.HEAD, Phase.BODY):
            self.transport.close()
        else:
            super().shutdown()

    # ---- httptools ----

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._body_bytes = self._received_bytes = 0
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        refusal = self._find_fault()
        if refusal is not None:
            # The parser stops at an exception, and its callers come to `send_400_response`.
            self._fault = refusal
            raise httptools.HttpParserError(refusal.detail)
        super().on_headers_complete()
        # What follows the body is no header: the application must not see it as one.
        self.headers = []
        self.cycle.transport = Outgoing(self.transport.write, self.transport.is_closing, self.close_gently)  # type: ignore[assignment]
        if self.parser.should_upgrade():
            # Answered as HTTP/1.1; what comes behind it may already be the other protocol.
            self.cycle.keep_alive = False
        self._enter(Phase.BODY)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._phase is Phase.BODY:
            self._enter(Phase.APP)

    def send_400_response(self, msg: str) -> None:
        self.refuse(self._fault)

    # ---- uvicorn ----

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._has_served = True
        if self.transport.is_closing() or self._phase in (Phase.LINGER, Phase.BODY):
            return
        if self.pipeline or not self.cycle.response_complete:
            return
        self._enter(Phase.IDLE)
        if self._unread:
            self.loop.call_soon(self._continue)

    # ---- our own ----

    def _feed(self) -> None:
        """Parse what arrived, up to the end of the first request; the rest waits for its answer."""
        # A view: a large body in small pieces would otherwise be copied once for every piece.
        unread = memoryview(self._unread)
        while unread and self._phase is not Phase.APP and not self.transport.is_closing():
            if self._phase is Phase.IDLE:
                self._enter(Phase.HEAD)
                self._head_bytes = 0
                self._fault = refusals.BAD_REQUEST
            piece = unread[: self._piece_bytes(len(self._unread) - len(unread))]
            unread = unread[len(piece) :]
            if self._phase is Phase.HEAD:
                self._head_bytes += len(piece)
            else:
                self._received_bytes += len(piece)
            super().data_received(piece)  # type: ignore[arg-type]
            if self._phase is Phase.HEAD and self._head_bytes > HEAD_MAX_BYTES:
                self.refuse(refusals.HEAD_TOO_LARGE)
            elif self._phase is Phase.BODY and self._has_excessive_framing():
                self.refuse(refusals.CHUNK_FRAMING_TOO_LARGE)
            if self._phase is Phase.LINGER:
                return
        self._unread = bytes(unread)
        if self._unread:
            self.flow.pause_reading()

    def _has_excessive_framing(self) -> bool:
        """Return whether what came of a chunked body is more framing, or trailers, than a body needs."""
        content_bytes = self._body_bytes * (1 + CHUNK_FRAMING_PER_BYTE_MAX)
        return self._received_bytes > HEAD_MAX_BYTES + content_bytes

    def _piece_bytes(self, offset: int) -> int:
        """Return how much the parser gets next of what is unread from `offset` on."""
        if self._phase is Phase.HEAD:
            end = self._unread.find(_END_OF_HEAD, offset, offset + HEAD_MAX_BYTES)
            if end >= 0:
                return end + len(_END_OF_HEAD) - offset
        elif self._announced_bytes:
            # No byte of the next request comes with the body of this one.
            return min(_PIECE_BYTES, self._announced_bytes - self._body_bytes)
        return _PIECE_BYTES

    def _continue(self) -> None:
        """Turn to the next request of a pipeline, once the client has taken the answer before it."""
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(_DRAIN_POLL_S, self._continue)
            return
        self._was_sent_ahead = True
        self._feed()

    def _find_fault(self) -> Refusal | None:
        """Return why the request whose head was just read is refused, if it is. Completes its headers."""
        if self._head_bytes > HEAD_MAX_BYTES:
            return refusals.HEAD_TOO_LARGE
        refusal = heads.find_fault(
            self.headers,
            version=self.parser.get_http_version(),
            asks_for_upgrade=self.parser.should_upgrade(),
        )
        if refusal is None:
            self._announced_bytes = heads.announced_bytes(self.headers)
            self.url = heads.take_authority(self.url, self.headers)
        return refusal

    def _is_unread_too_long(self, now_s: float) -> bool:
        """Return whether the client has taken nothing, or too little, of the answer for too long."""
        if self.transport.get_write_buffer_size() == 0:
            self._unsent_since_s = None
            return False
        if self._unsent_since_s is None:
            self._unsent_since_s = now_s
        return now_s > self._unsent_since_s + self._limits.response_timeout_s

    def _linger(self) -> None:
        self._enter(Phase.LINGER)
        self._unread = b""
        self.flow.resume_reading()
        self.transport.write_eof()

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self.since_s = self.loop.time()
