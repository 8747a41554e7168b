"""Waiting for many sockets at once, cheaply: epoll where there is one, whatever `selectors` finds elsewhere.

Uses libcurl's constants without translation, because it is called for every request: POLL_IN and POLL_OUT for
what is wanted, CSELECT_* for what is ready. On epoll a socket that libcurl releases stays registered until its next
event: on a keep-alive connection the next request registers it again at once, which saves a system call per request.
A descriptor that was closed and reused by another socket meanwhile does no harm: every registration goes to the
kernel, which knows the socket.
"""

import contextlib
import select
import selectors
from typing import Protocol

import pycurl

_REMOVE = pycurl.POLL_REMOVE
_IN, _OUT, _ERR = pycurl.CSELECT_IN, pycurl.CSELECT_OUT, pycurl.CSELECT_ERR


class Readiness(Protocol):
    """A set of sockets and what is wanted of each."""

    def on_socket(self, what: int, fd: int, multi: object = None, data: object = None) -> None:
        """Watch `fd` from now on for exactly `what`; POLL_REMOVE: report it no more, it may be closed at any
        time.

        Has the signature of libcurl's socket callback and is used as such.
        """

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        """Return (fd, CSELECT bits) of the ready sockets; nothing when `timeout_s` passed first."""

    def close(self) -> None:
        """Free the descriptor; nothing may be called afterwards."""


def open_readiness() -> Readiness:
    """Return the fastest Readiness this system has."""
    return EpollReadiness() if hasattr(select, "epoll") else SelectorReadiness()


class EpollReadiness:
    """Readiness over epoll."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        # What libcurl wants; 0 for a socket that it released and that may still be registered.
        self._wanted: dict[int, int] = {}
        self._events = [0, select.EPOLLIN, select.EPOLLOUT, select.EPOLLIN | select.EPOLLOUT]
        self._bits = [_curl_bits(events) for events in range(32)]

    def on_socket(self, what: int, fd: int, multi: object = None, data: object = None) -> None:
        if what == _REMOVE:
            self._wanted[fd] = 0
            return
        is_known = fd in self._wanted
        self._wanted[fd] = what
        try:
            if is_known:
                self._epoll.modify(fd, self._events[what])
            else:
                self._epoll.register(fd, self._events[what])
        except FileNotFoundError:
            self._epoll.register(fd, self._events[what])
        except FileExistsError:
            self._epoll.modify(fd, self._events[what])

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        polled = self._epoll.poll(timeout_s)
        wanted, bits = self._wanted.get, self._bits
        ready = [(fd, bits[events & 31]) for fd, events in polled if wanted(fd)]
        if len(ready) != len(polled):
            for fd, _ in polled:
                if not wanted(fd):
                    self._drop(fd)
        return ready

    def close(self) -> None:
        self._epoll.close()

    def _drop(self, fd: int) -> None:
        self._wanted.pop(fd, None)
        with contextlib.suppress(OSError):  # Closed since: the kernel has removed it already.
            self._epoll.unregister(fd)


class SelectorReadiness:
    """Readiness over `selectors`: kqueue on macOS and BSD."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def on_socket(self, what: int, fd: int, multi: object = None, data: object = None) -> None:
        if what == _REMOVE:
            with contextlib.suppress(KeyError, OSError):  # Never watched, or closed by libcurl first.
                self._selector.unregister(fd)
            return
        events = (selectors.EVENT_READ if what & _IN else 0) | (selectors.EVENT_WRITE if what & _OUT else 0)
        try:
            self._selector.modify(fd, events)
        except KeyError:
            self._selector.register(fd, events)

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (_IN if events & selectors.EVENT_READ else 0)
                | (_OUT if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in self._selector.select(timeout_s)
        ]

    def close(self) -> None:
        self._selector.close()


def _curl_bits(events: int) -> int:
    bits = 0
    if events & (select.EPOLLIN | select.EPOLLPRI):
        bits |= _IN
    if events & select.EPOLLOUT:
        bits |= _OUT
    if events & (select.EPOLLERR | select.EPOLLHUP):
        bits |= _ERR
    return bits
