"""Many transfers at once on one thread: the dispatcher's door out.

libcurl's multi interface driven by its socket and timer callbacks, so the cost of a round follows what
happened in it and not how much is in flight, and there is no limit of 1 024 descriptors (`CurlMulti.select`
has it). Connections are kept and used again; how many requests go to one host at a time is the caller's to
bound. Not for use by several threads.
"""

import logging
from time import monotonic
from types import TracebackType
from typing import Self, cast

import pycurl

from app.lib import clock
from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks
from app.lib.outbound.exchange import Exchange
from app.lib.outbound.readiness import open_readiness
from app.lib.outbound.transfer import Request, Result
from app.lib.outbound.trust import find_ca_file

log = logging.getLogger(__name__)

_IDLE_EXCHANGES_MAX = 1024
_TIMEOUT = pycurl.SOCKET_TIMEOUT


class Multi:
    """Sends requests concurrently. Every request added comes back from `poll` once, unless cancelled."""

    def __init__(
        self,
        allowed: AllowedNetworks = NOTHING_ALLOWED,
        *,
        ca_file: str | None = None,
        idle_connections_max: int = 1024,
    ) -> None:
        self.in_flight = 0
        """Requests added and not yet returned by `poll`."""
        self._allowed = allowed
        self._ca_file = find_ca_file(ca_file)
        self._running: dict[pycurl.Curl, Exchange] = {}
        self._idle: list[Exchange] = []
        self._failed_early: list[tuple[Request, Result]] = []
        self._wakers: set[int] = set()
        self._timer_at: float | None = None
        self._readiness = open_readiness()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, 0)
        self._multi.setopt(pycurl.M_MAXCONNECTS, idle_connections_max)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._readiness.on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def register_waker(self, fd: int) -> None:
        """Make `poll` return early when `fd` is readable. The caller drains it; unregister before closing."""
        self._wakers.add(fd)
        self._readiness.on_socket(pycurl.POLL_IN, fd)

    def unregister_waker(self, fd: int) -> None:
        """Undo `register_waker`."""
        self._wakers.discard(fd)
        self._readiness.on_socket(pycurl.POLL_REMOVE, fd)

    def add(self, request: Request) -> None:
        """Start `request`. Never raises: one that cannot be sent comes back from `poll` as `url_invalid`."""
        self.in_flight += 1
        exchange = self._idle.pop() if self._idle else Exchange(self._allowed, self._ca_file)
        try:
            exchange.begin(request)
            self._multi.add_handle(exchange.handle)
        except Exception as error:
            exchange.close()
            is_refused = isinstance(error, ValueError)
            if not is_refused:
                log.exception("A request could not be set up")
            detail = str(error) if is_refused else "The request could not be set up."
            self._failed_early.append(
                (request, Result(clock.now(), error_kind="url_invalid", error_detail=detail))
            )
        else:
            self._running[exchange.handle] = exchange

    def poll(self, timeout_s: float) -> list[tuple[Request, Result]]:
        """Return the requests that ended, waiting up to `timeout_s` for the first of them.

        Returns early and empty when a waker is readable. In order of completion; 0 only looks.
        """
        ends_at = monotonic() + timeout_s
        while True:
            self._run_timer()
            ended = self._harvest()
            now = monotonic()
            wait_until = ends_at if self._timer_at is None else min(ends_at, self._timer_at)
            is_woken = self._run_sockets(0 if ended else max(0.0, wait_until - now))
            self._run_timer()
            ended += self._harvest()
            if ended or is_woken or monotonic() >= ends_at:
                self.in_flight -= len(ended)
                return ended

    def cancel_all(self) -> list[Request]:
        """Abandon everything in flight and return those requests; `poll` will not return them."""
        cancelled = [request for request, _ in self._failed_early]
        self._failed_early.clear()
        for handle, exchange in self._running.items():
            self._multi.remove_handle(handle)
            if exchange.request is not None:
                cancelled.append(exchange.request)
            exchange.close()
        self._running.clear()
        self.in_flight = 0
        return cancelled

    def close(self) -> None:
        """Cancel what is in flight and close every connection. Safe to call twice; nothing else may follow.

        Waits for name lookups under way: a silent name server can hold it up for some seconds.
        """
        if self._multi.closed:
            return
        self.cancel_all()
        self._multi.close()
        for exchange in self._idle:
            exchange.close()
        self._idle.clear()
        self._readiness.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run_timer(self) -> None:
        if self._timer_at is not None and monotonic() >= self._timer_at:
            self._timer_at = None
            self._multi.socket_action(_TIMEOUT, 0)

    def _run_sockets(self, timeout_s: float) -> bool:
        is_woken = False
        socket_action = self._multi.socket_action
        wakers = self._wakers
        for fd, bits in self._readiness.wait(timeout_s):
            if fd in wakers:
                is_woken = True
            else:
                socket_action(fd, bits)
        return is_woken

    def _harvest(self) -> list[tuple[Request, Result]]:
        ended = self._failed_early
        self._failed_early = []
        remaining = 1
        while remaining:
            remaining, done, failed = self._multi.info_read()
            for handle in done:
                ended.append(self._finish(handle, 0, ""))
            for handle, code, message in failed:
                ended.append(self._finish(handle, code, message))
        return ended

    def _finish(self, handle: pycurl.Curl, code: int, message: str) -> tuple[Request, Result]:
        self._multi.remove_handle(handle)
        exchange = self._running.pop(handle)
        request = cast(Request, exchange.request)
        try:
            result = exchange.finish(code, message)
        except Exception:
            # A result must not be lost to an answer we failed to read; the handle may be in any state now.
            log.exception("The answer of a transfer could not be read")
            exchange.close()
            return request, Result(
                clock.now(), error_kind="unknown", error_detail="The answer could not be read."
            )
        if len(self._idle) < _IDLE_EXCHANGES_MAX:
            self._idle.append(exchange)
        else:
            exchange.close()
        return request, result

    def _on_timer(self, timeout_ms: int) -> None:
        self._timer_at = None if timeout_ms < 0 else monotonic() + timeout_ms / 1000
