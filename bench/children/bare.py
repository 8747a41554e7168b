"""The bare transport: libcurl through pycurl as fast as we know to drive it, and nothing else.

The same body, headers and number of requests in flight, one handle for each, every handle at work all the time.
Nothing is looked up, timed, checked, kept or recorded; answers are thrown away. `perform()` and `select()` like
pycurl's own examples, or sockets over epoll like ours: the benchmark runs both and divides by the faster.

With `is_signed` each request is a message of its own, with its id, time and signature: what any webhook sender
must do. Without, one request is prepared and sent over and over: the ceiling of the machine.
"""

import base64
import hmac
import secrets
import select
import time
from collections.abc import Callable
from typing import Any

import pycurl

from bench.children import answer, read_settings


class Sender:
    """Makes handles, and gives each its next message."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self._wanted = wanted
        self._body = wanted["body"].encode()
        self._secret = secrets.token_bytes(32)

    def new_handle(self) -> pycurl.Curl:
        """Return a handle that posts a message and drops the answer."""
        handle = pycurl.Curl()
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.WRITEFUNCTION, len)
        handle.setopt(pycurl.URL, self._wanted["url"])
        handle.setopt(pycurl.HTTPHEADER, [*self._wanted["headers"], *self._own("msg_1", 1_700_000_000)])
        handle.setopt(pycurl.POSTFIELDS, self._body)
        return handle

    def renew(self, handle: pycurl.Curl, number: int) -> None:
        """Give the handle another message to send."""
        if not self._wanted["is_signed"]:
            return
        handle.setopt(pycurl.URL, self._wanted["url"])
        handle.setopt(
            pycurl.HTTPHEADER, [*self._wanted["headers"], *self._own(f"msg_{number}", int(time.time()))]
        )
        handle.setopt(pycurl.POSTFIELDS, self._body)

    def _own(self, message_id: str, timestamp_s: int) -> tuple[str, str, str]:
        mac = hmac.digest(
            self._secret, b"%s.%d.%s" % (message_id.encode(), timestamp_s, self._body), "sha256"
        )
        signature = base64.b64encode(mac).decode()
        return (
            f"webhook-id: {message_id}",
            f"webhook-timestamp: {timestamp_s}",
            f"webhook-signature: v1,{signature}",
        )


def run_select(wanted: dict[str, Any]) -> None:
    """Send with `perform()` and `select()`."""
    multi = pycurl.CurlMulti()
    turn = _start(multi, wanted)
    done = 0
    while done < wanted["count"]:
        multi.perform()
        ended = turn()
        done += ended
        if not ended:
            multi.select(1.0)


def run_epoll(wanted: dict[str, Any]) -> None:
    """Send with `socket_action()` and epoll."""
    multi, poller = pycurl.CurlMulti(), select.epoll()
    known: set[int] = set()

    def on_socket(what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            return
        change = poller.modify if fd in known else poller.register
        known.add(fd)
        change(fd, {1: select.EPOLLIN, 2: select.EPOLLOUT, 3: select.EPOLLIN | select.EPOLLOUT}[what])

    multi.setopt(pycurl.M_SOCKETFUNCTION, on_socket)
    turn = _start(multi, wanted)
    done = 0
    while done < wanted["count"]:
        multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        for fd, events in poller.poll(0.001):
            bits = (1 if events & ~select.EPOLLOUT else 0) | (2 if events & select.EPOLLOUT else 0)
            multi.socket_action(fd, bits)
        done += turn()


def _start(multi: pycurl.CurlMulti, wanted: dict[str, Any]) -> Callable[[], int]:
    """Put every handle to work; return what starts the next request of each that ended, and counts those."""
    sender = Sender(wanted)
    left = wanted["count"]
    for _ in range(min(wanted["in_flight"], left)):
        multi.add_handle(sender.new_handle())
        left -= 1

    def turn() -> int:
        nonlocal left
        ended = _ended(multi)
        for handle in ended:
            multi.remove_handle(handle)
            if left > 0:
                sender.renew(handle, left)
                multi.add_handle(handle)
                left -= 1
        return len(ended)

    return turn


def _ended(multi: pycurl.CurlMulti) -> list[pycurl.Curl]:
    ended: list[pycurl.Curl] = []
    remaining = 1
    while remaining:
        remaining, done, failed = multi.info_read()
        if failed:
            raise RuntimeError(f"The bare transport failed: {failed[0][1:]}")
        ended += done
    return ended


if __name__ == "__main__":
    settings = read_settings()
    start_s, start_cpu_s = time.monotonic(), time.process_time()
    {"select": run_select, "epoll": run_epoll}[settings["kind"]](settings)
    answer(elapsed_s=time.monotonic() - start_s, cpu_s=time.process_time() - start_cpu_s)
