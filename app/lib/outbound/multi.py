"""Many transfers at once on one thread: the dispatcher's door out.

libcurl's multi interface driven by its socket and timer callbacks, so the cost of a round follows what
happened in it and not how much is in flight, and there is no limit of 1 024 descriptors (`CurlMulti.select`
has it). Connections are kept and used again; the caller bounds how many requests go to one host at
a time. Names are looked up by the resolver, beside the transfers. Not for use by several threads.
"""

import logging
from time import monotonic
from typing import cast

import pycurl

from app.lib import clock
from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks
from app.lib.outbound.closing import Closing
from app.lib.outbound.exchange import Exchange
from app.lib.outbound.hosts import Resolved
from app.lib.outbound.lookups import PendingLookups
from app.lib.outbound.readiness import open_readiness
from app.lib.outbound.resolver import Resolver, shared_resolver
from app.lib.outbound.transfer import Request, Result
from app.lib.outbound.trust import find_ca_file

log = logging.getLogger(__name__)

_IDLE_EXCHANGES_MAX = 1024
_TIMEOUT = pycurl.SOCKET_TIMEOUT


class Multi(Closing):
    """Sends requests concurrently. Every request added comes back from `poll` once, unless cancelled."""

    def __init__(
        self,
        allowed: AllowedNetworks = NOTHING_ALLOWED,
        *,
        ca_file: str | None = None,
        idle_connections_max: int = 1024,
        resolver: Resolver | None = None,
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
        self._lookups = PendingLookups(resolver or shared_resolver())
        self._lookups_fd = self._lookups.fileno()
        self._readiness.on_socket(pycurl.POLL_IN, self._lookups_fd)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, 0)
        self._multi.setopt(pycurl.M_MAXCONNECTS, idle_connections_max)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._readiness.on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    @property
    def resolving(self) -> int:
        """How many of those in flight wait for the addresses of their host and hold nothing but memory."""
        return len(self._lookups)

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
        self._start(request)

    def _start(self, request: Request, resolved: Resolved | None = None) -> None:
        exchange = self._idle.pop() if self._idle else Exchange(self._allowed, self._ca_file)
        try:
            exchange.begin(request, resolved)
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
            ended = self._take_completed()
            is_woken = self._run_sockets(0 if ended else self._patience_s(ends_at))
            self._run_timer()
            ended += self._take_completed()
            if ended or is_woken or monotonic() >= ends_at:
                self.in_flight -= len(ended)
                return ended

    def cancel_lookups(self) -> list[Request]:
        """Abandon what waits for the addresses of its host, and return it: nothing of it has been sent."""
        cancelled = self._lookups.cancel_all()
        self.in_flight -= len(cancelled)
        return cancelled

    def cancel_all(self) -> list[Request]:
        """Abandon everything in flight and return those requests; `poll` will not return them."""
        cancelled = [request for request, _ in self._failed_early] + self._lookups.cancel_all()
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
        """Cancel what is in flight and close every connection. Safe to call twice; nothing else may follow."""
        if self._multi.closed:
            return
        self.cancel_all()
        self._multi.close()
        for exchange in self._idle:
            exchange.close()
        self._idle.clear()
        self._lookups.close()
        self._readiness.close()

    def _patience_s(self, ends_at: float) -> float:
        wake_at = (ends_at, self._timer_at, self._lookups.next_deadline_s)
        return max(0.0, min(at for at in wake_at if at is not None) - monotonic())

    def _run_timer(self) -> None:
        if self._timer_at is not None and monotonic() >= self._timer_at:
            self._timer_at = None
            self._multi.socket_action(_TIMEOUT, 0)

    def _run_sockets(self, timeout_s: float) -> bool:
        is_woken = False
        socket_action = self._multi.socket_action
        wakers, lookups_fd = self._wakers, self._lookups_fd
        for fd, bits in self._readiness.wait(timeout_s):
            if fd in wakers:
                is_woken = True
            elif fd == lookups_fd:
                self._lookups.drain()
            else:
                socket_action(fd, bits)
        return is_woken

    def _take_completed(self) -> list[tuple[Request, Result]]:
        ended = self._take_lookups() if self._lookups else []
        ended += self._failed_early
        self._failed_early = []
        remaining = 1
        while remaining:
            remaining, done, failed = self._multi.info_read()
            for handle in done:
                ended.append(self._finish(self._running.pop(handle), 0, ""))
            for handle, code, message in failed:
                exchange = self._running.pop(handle)
                if exchange.wants_lookup:
                    self._wait_for_addresses(exchange)
                else:
                    ended.append(self._finish(exchange, code, message))
        return ended

    def _wait_for_addresses(self, exchange: Exchange) -> None:
        self._multi.remove_handle(exchange.handle)
        self._lookups.add(*exchange.stop())
        self._keep(exchange)

    def _take_lookups(self) -> list[tuple[Request, Result]]:
        """Begin those that have got addresses, and return those whose host has none."""
        ended = []
        for request, outcome in self._lookups.take_ended():
            if isinstance(outcome, Resolved):
                self._start(request, outcome)
            else:
                ended.append((request, outcome))
        return ended

    def _finish(self, exchange: Exchange, code: int, message: str) -> tuple[Request, Result]:
        self._multi.remove_handle(exchange.handle)
        request = cast(Request, exchange.request)
        try:
            result = exchange.finish(code, message)
        except Exception:
            # An answer that cannot be read must not lose the request; the handle may be in any state now.
            log.exception("The answer of a transfer could not be read")
            exchange.close()
            return request, Result(
                clock.now(), error_kind="unknown", error_detail="The answer could not be read."
            )
        self._keep(exchange)
        return request, result

    def _keep(self, exchange: Exchange) -> None:
        if len(self._idle) < _IDLE_EXCHANGES_MAX:
            self._idle.append(exchange)
        else:
            exchange.close()

    def _on_timer(self, timeout_ms: int) -> None:
        self._timer_at = None if timeout_ms < 0 else monotonic() + timeout_ms / 1000
