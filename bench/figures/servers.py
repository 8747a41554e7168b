"""Web servers beside each other: which one should `make run` start?"""

import http.client
import importlib.util
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from app.local import processes
from bench import seed
from bench.environment import SIGNALBOX, Environment, Web, granian
from bench.figures.ingest import events_per_s
from bench.report import Figure, over_rounds, percentile
from bench.servers import LOOPBACK
from bench.sizes import Sizes
from tests.slow_clients.scene import KINDS, slow_clients_around

_ADDRESS = f"{LOOPBACK}:{{port}}"
#: The others, as their manuals advise for a threaded WSGI application.
_RIVALS = {
    "granian": granian(threads=4),
    "gunicorn": (
        *(sys.executable, "-m", "gunicorn", "--bind", _ADDRESS, "--workers", "1", "--no-control-socket"),
        # Not the sync worker: without keep-alive the client would measure its own connections.
        *("--worker-class", "gthread", "--threads", "4", "--keep-alive", "30", "wsgi:app"),
    ),
    "waitress": (
        *(sys.executable, "-m", "waitress", f"--listen={_ADDRESS}", "--threads=4"),
        *("--connection-limit=4000", "--channel-timeout=30", "--asyncore-use-poll", "wsgi:app"),
    ),
    "hypercorn": (sys.executable, "-m", "hypercorn", "--bind", _ADDRESS, "wsgi:app"),
}
_ROUNDS = 3
#: Slow clients of each kind at once.
_SLOW_CLIENTS = 100
#: Later the first of them have met a deadline, where there is one.
_SLOW_FOR_S = 10.0
#: Who is not answered by then is not answered.
_PATIENCE_S = 5.0


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield events and /healthz answered per second, memory, and p99 of /healthz among slow clients."""
    servers: dict[str, tuple[str, ...]] = {"signalbox": SIGNALBOX}
    for name, argv in _RIVALS.items():
        if importlib.util.find_spec(name):
            servers[name] = argv
        else:
            sys.stderr.write(f"({name} is not installed, so it is left out) ")
    token = seed.new_team(["http://127.0.0.1:9/"] * 3).token
    events: dict[str, list[float]] = {name: [] for name in servers}
    p99s: dict[str, list[float]] = {name: [] for name in servers}
    health: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(_ROUNDS):
        for name, argv in servers.items():
            with environment.web(argv) as web:
                events_per_s(environment, web, token, 0.5)
                rate, p99 = events_per_s(environment, web, token, sizes.ingest_s / _ROUNDS)
                events[name].append(rate)
                p99s[name].append(p99)
                health[name].append(_health_per_s(environment, web, sizes.ingest_s / _ROUNDS))
    for name in servers:
        yield over_rounds(f"{name}: events", environment.database, events[name], "/s")
        yield over_rounds(f"{name}: p99 of an event", environment.database, p99s[name], "ms")
        yield over_rounds(f"{name}: /healthz", environment.database, health[name], "/s")
    for name, argv in servers.items():
        with environment.web(argv) as web:
            for kind in KINDS:
                yield from _among_slow_clients(environment, web, name, kind)


def _health_per_s(environment: Environment, web: Web, for_s: float) -> float:
    settings = {
        "host": web.host,
        "port": web.port,
        "request": f"GET /healthz HTTP/1.1\r\nHost: {web.host}\r\n\r\n",
        "connections": 16,
        "rate": None,
        "for_s": for_s,
    }
    with environment.child("load", settings) as child:
        load = child.answer()
    in_time = [row for row in load["rows"] if row[3] == 200 and row[2] <= load["end_s"]]
    return len(in_time) / float(load["end_s"] - load["start_s"])


def _among_slow_clients(environment: Environment, web: Web, name: str, kind: str) -> Iterator[Figure]:
    """Yield what a new client waits for /healthz, and the memory, while slow ones of one kind are there."""
    with slow_clients_around(web.host, web.port, {kind: _SLOW_CLIENTS}, reconnects=True):
        times_ms, ends_at_s = [], time.monotonic() + _SLOW_FOR_S
        while time.monotonic() < ends_at_s:
            times_ms.append(_health_ms(web))
            time.sleep(0.02)
        memory_mib = _resident_mib(web.pid)
    # The next figure must not pay for the connections that these clients left behind.
    _await_health(web)
    title = f"{name}: {_SLOW_CLIENTS} × {kind}"
    refused = sum(took_ms >= _PATIENCE_S * 1000 for took_ms in times_ms)
    yield Figure(
        f"{title}, p99 of /healthz",
        environment.database,
        percentile(times_ms, 0.99),
        "ms",
        note=f"{refused} of {len(times_ms)} had no answer within {_PATIENCE_S:g} s" if refused else "",
    )
    yield Figure(f"{title}, memory", environment.database, memory_mib, "MiB")


def _await_health(web: Web) -> None:
    ends_at_s = time.monotonic() + 10 * _PATIENCE_S
    while _health_ms(web) >= _PATIENCE_S * 1000 and time.monotonic() < ends_at_s:
        time.sleep(0.1)


def _health_ms(web: Web) -> float:
    """Return how long a new client waited; at least the patience where it was in vain."""
    start_s = time.monotonic()
    connection = http.client.HTTPConnection(web.host, web.port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return max(_PATIENCE_S, time.monotonic() - start_s) * 1000
    finally:
        connection.close()
    return (time.monotonic() - start_s) * 1000


def _resident_mib(pid: int) -> float:
    family = {pid} | processes.descendants(pid)
    texts = [Path(f"/proc/{member}/status").read_text() for member in family]
    return sum(int(found[1]) for text in texts if (found := re.search(r"VmRSS:\s+(\d+)", text))) / 1024
