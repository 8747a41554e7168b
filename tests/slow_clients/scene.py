"""Slow clients around a server, and the latency of other requests meanwhile."""

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.config import PROJECT_DIR

KINDS = ("idle", "half_head", "half_body", "drip", "endless_chunks", "never_reading")
_PATIENCE_S = 120.0


class SlowClients:
    """The running program of slow clients."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ended(self) -> dict[str, dict[int, int]]:
        """Return for each kind how many were ended with which status."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, dict[str, int]] = self._answer()
        return {kind: {int(status): count for status, count in of.items()} for kind, of in answer.items()}

    def await_ready(self) -> None:
        """Return once all are connected."""
        assert self._answer() == {"ready": True}

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the program of slow clients has ended"
        return json.loads(line)


@contextlib.contextmanager
def slow_clients_around(
    host: str, port: int, kinds: Mapping[str, int], *, reconnects: bool = False
) -> Iterator[SlowClients]:
    """Surround a server with slow clients until the block ends."""
    options = {"host": host, "port": port, "kinds": dict(kinds), "reconnects": reconnects}
    process = subprocess.Popen(
        (sys.executable, "-m", "tests.slow_clients.clients", json.dumps(options)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT_DIR,
    )
    try:
        clients = SlowClients(process)
        clients.await_ready()
        yield clients
    finally:
        process.kill()
        process.communicate()


@dataclass(slots=True)
class Latencies:
    """What one kind of request took, in seconds, by the way from connecting to the last byte of the answer."""

    times_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def p99_s(self) -> float:
        ordered = sorted(self.times_s)
        return ordered[int(len(ordered) * 0.99)]


Request = tuple[str, str, bytes, Mapping[str, str], int]


def requests_of_others(token: str) -> dict[str, Request]:
    """Return what well-behaved clients ask for: method, target, body, headers and the status expected."""
    event = orjson.dumps({"type": "post.published", "data": {"n": 1}})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return {
        "healthz": ("GET", "/healthz", b"", {}, 200),
        "page": ("GET", "/sign-in", b"", {}, 200),
        "static": ("GET", "/static/css/signalbox.css", b"", {}, 200),
        "event": ("POST", "/api/v1/events", event, headers, 202),
    }


def latencies_of_others(
    host: str, port: int, token: str, *, until: Callable[[], bool]
) -> dict[str, Latencies]:
    """Ask for everything in turn, each kind in a thread of its own, until `until` says so."""
    found = {name: Latencies() for name in requests_of_others(token)}

    def ask(request: Request, latencies: Latencies) -> None:
        while not until():
            _ask_once(host, port, request, latencies)
            time.sleep(0.02)

    threads = [
        threading.Thread(target=ask, args=(request, found[name]))
        for name, request in requests_of_others(token).items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _ask_once(host: str, port: int, request: Request, latencies: Latencies) -> None:
    method, target, body, headers, expected = request
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
    start_s = time.monotonic()
    try:
        connection.request(method, target, body or None, dict(headers))
        answer = connection.getresponse()
        answer.read()
        if answer.status == expected:
            latencies.times_s.append(time.monotonic() - start_s)
        else:
            latencies.failures.append(f"{target}: {answer.status}")
    except (OSError, http.client.HTTPException) as error:
        latencies.failures.append(f"{target}: {error!r}")
    finally:
        connection.close()
