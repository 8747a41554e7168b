"""The bare transport: libcurl through pycurl as fast as we know to drive it, and nothing else.

The same body, the same number and size of headers, the same requests in flight, one handle for each, every
handle at work all the time. Nothing is looked up, signed, timed, judged, kept or recorded; answers are thrown
away. `perform()` and `select()` like pycurl's own examples, or sockets over epoll like ours: the benchmark runs
both and divides by the faster.
"""

import select
import time
from typing import Any

import pycurl

from bench.children import answer, read_settings


def new_handle(wanted: dict[str, Any]) -> pycurl.Curl:
    """Return a handle that posts the body with the headers and drops the answer."""
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, wanted["url"])
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.HTTPHEADER, wanted["headers"])
    handle.setopt(pycurl.POSTFIELDS, wanted["body"].encode())
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.WRITEFUNCTION, len)
    return handle


def run_select(wanted: dict[str, Any]) -> None:
    """Send with `perform()` and `select()`."""
    multi = pycurl.CurlMulti()
    left, done = wanted["count"], 0
    for _ in range(min(wanted["in_flight"], left)):
        multi.add_handle(new_handle(wanted))
        left -= 1
    while done < wanted["count"]:
        multi.perform()
        ended = _ended(multi)
        done += len(ended)
        for handle in ended:
            multi.remove_handle(handle)
            if left > 0:
                multi.add_handle(handle)
                left -= 1
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
    left, done = wanted["count"], 0
    for _ in range(min(wanted["in_flight"], left)):
        multi.add_handle(new_handle(wanted))
        left -= 1
    while done < wanted["count"]:
        multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        for fd, events in poller.poll(0.001):
            bits = (1 if events & ~select.EPOLLOUT else 0) | (2 if events & select.EPOLLOUT else 0)
            multi.socket_action(fd, bits)
        for handle in _ended(multi):
            done += 1
            multi.remove_handle(handle)
            if left > 0:
                multi.add_handle(handle)
                left -= 1


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
