"""Idle connections and TLS sessions, kept apart by their owner. Independent of requests."""

import os
import select
import threading
import weakref
from collections import Counter, OrderedDict
from dataclasses import dataclass
from time import monotonic

import pycurl

from app.lib.outbound.exchange import Exchange
from app.lib.outbound.transfer import Request

#: Host and key pairs whose TLS sessions are kept; some ten KB each.
_SESSION_CACHES_MAX = 256


@dataclass(frozen=True, slots=True)
class Origin:
    """The owner and the destination of connections. Only requests of the same origin share one."""

    key: str
    scheme: str
    host: str
    port: int


@dataclass(eq=False, slots=True)
class Connection:
    """A handle with at most one connection, and when that was opened."""

    origin: Origin
    exchange: Exchange
    opened_at_s: float = 0.0
    idle_since_s: float = 0.0

    @property
    def descriptor(self) -> int | None:
        """The open socket; None when there is none."""
        fd = self.exchange.handle.getinfo(pycurl.ACTIVESOCKET)
        return None if fd < 0 else fd

    @property
    def is_quiet(self) -> bool:
        """Whether it is open and nothing has arrived since the last answer ended.

        Unexpected bytes would be read as the next answer; libcurl does not check for them.
        """
        fd = self.descriptor
        if fd is None:
            return False
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return not poll.poll(0)

    def clear(self, request: Request) -> None:
        """Free body and headers of the request that ended: the handle may be idle for long now."""
        self.exchange.handle.setopt(pycurl.HTTPHEADER, [])
        if request.body:
            self.exchange.handle.setopt(pycurl.POSTFIELDS, b"")


class Pool:
    """Idle connections, the one used last taken first. Thread-safe; closing happens outside the lock.

    A thread closes what has been idle for `idle_s`; it ends with the last of them. In a forked process the pool is
    empty, and the parent's connections are untouched.
    """

    def __init__(self, *, idle_s: float, lifetime_s: float, size_max: int, per_key_max: int) -> None:
        self._idle_s = idle_s
        self._lifetime_s = lifetime_s
        self._size_max = size_max
        self._per_key_max = per_key_max
        self._start_empty()
        _pools.add(self)

    def _start_empty(self) -> None:
        self._changed = threading.Condition()
        self._closer: threading.Thread | None = None
        self._is_closed = False
        #: Longest idle first.
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._by_origin: dict[Origin, list[Connection]] = {}
        self._per_key: Counter[str] = Counter()
        self._session_caches: OrderedDict[Origin, pycurl.CurlShare] = OrderedDict()

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, origin: Origin) -> Connection | None:
        """Return an idle connection that is fit for another request; None when there is none."""
        unfit: list[Connection] = []
        try:
            while (connection := self._pop(origin)) is not None:
                if self._is_young(connection) and connection.is_quiet:
                    return connection
                unfit.append(connection)
            return None
        finally:
            _close(unfit)

    def put(self, connection: Connection) -> None:
        """Keep a connection for the next request of its origin, or close it when it is not to be kept."""
        surplus: list[Connection] = []
        connection.idle_since_s = monotonic()
        with self._changed:
            if self._is_closed:
                surplus.append(connection)
            else:
                self._idle[connection] = None
                self._by_origin.setdefault(connection.origin, []).append(connection)
                self._per_key[connection.origin.key] += 1
                if self._per_key[connection.origin.key] > self._per_key_max:
                    surplus.append(self._longest_idle_of(connection.origin.key))
                elif len(self._idle) > self._size_max:
                    surplus.append(next(iter(self._idle)))
                for each in surplus:
                    self._remove(each)
                self._start_closer()
        _close(surplus)

    def session_cache(self, origin: Origin) -> pycurl.CurlShare:
        """Return the TLS sessions of an origin, to share among its handles; they outlive its connections."""
        with self._changed:
            cache = self._session_caches.pop(origin, None)
            if cache is None:
                # pycurl gives every share a lock of its own, so handles of several threads may use it.
                cache = pycurl.CurlShare()
                cache.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_SSL_SESSION)
            self._session_caches[origin] = cache
            if len(self._session_caches) > _SESSION_CACHES_MAX:
                self._session_caches.popitem(last=False)
            return cache

    def close(self) -> None:
        """Close everything that is idle now, and what is given back from now on."""
        with self._changed:
            self._is_closed = True
            idle = list(self._idle)
            for connection in idle:
                self._remove(connection)
            self._session_caches.clear()
            self._changed.notify_all()
        _close(idle)

    def start_again_in_child(self) -> None:
        """Drop the parent's connections, in a forked process.

        They are TLS states shared with the parent: closing them properly would end the parent's. Their
        descriptors are pointed elsewhere first; the handles themselves are left alone, because a thread that does
        not exist here may have held one of their locks.
        """
        inherited = list(self._idle)
        if inherited:
            devnull_fd = os.open(os.devnull, os.O_RDWR)
            for connection in inherited:
                fd = connection.descriptor
                if fd is not None:
                    os.dup2(devnull_fd, fd)
            os.close(devnull_fd)
        _inherited.extend(inherited)
        self._start_empty()

    def _pop(self, origin: Origin) -> Connection | None:
        with self._changed:
            same = self._by_origin.get(origin)
            if not same:
                return None
            connection = same[-1]
            self._remove(connection)
            return connection

    def _is_young(self, connection: Connection) -> bool:
        ends_at_s = min(connection.idle_since_s + self._idle_s, connection.opened_at_s + self._lifetime_s)
        return monotonic() < ends_at_s

    def _longest_idle_of(self, key: str) -> Connection:
        return next(each for each in self._idle if each.origin.key == key)

    def _remove(self, connection: Connection) -> None:
        origin = connection.origin
        del self._idle[connection]
        same = self._by_origin[origin]
        same.remove(connection)
        if not same:
            del self._by_origin[origin]
        self._per_key[origin.key] -= 1
        if not self._per_key[origin.key]:
            del self._per_key[origin.key]

    def _start_closer(self) -> None:
        if self._closer is None and self._idle:
            self._closer = threading.Thread(target=self._close_idle, name="idle-connections", daemon=True)
            self._closer.start()

    def _close_idle(self) -> None:
        while True:
            with self._changed:
                if not self._idle:
                    self._closer = None
                    return
                longest = next(iter(self._idle))
                left_s = longest.idle_since_s + self._idle_s - monotonic()
                if left_s > 0:
                    self._changed.wait(left_s)
                    continue
                self._remove(longest)
            _close([longest])


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.exchange.close()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
#: The parent's, never to be freed here.
_inherited: list[Connection] = []


def _start_again_in_child() -> None:
    for pool in list(_pools):
        pool.start_again_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_again_in_child)
