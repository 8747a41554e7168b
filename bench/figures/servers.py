"""Web servers beside each other: which one should `make run` start?"""

import importlib.util
import sys
from collections.abc import Iterator

from bench import seed
from bench.figures.ingest import events_per_s
from bench.report import Figure, over_rounds
from bench.servers import LOOPBACK
from bench.sizes import Sizes
from bench.stage import Stage, Web, granian

_GUNICORN = (
    sys.executable,
    "-m",
    "gunicorn",
    "--bind",
    f"{LOOPBACK}:{{port}}",
    "--workers",
    "1",
    "--no-control-socket",
)
_ROUNDS = 3


def measure(stage: Stage, sizes: Sizes) -> Iterator[Figure]:
    """Yield events accepted and /healthz answered per second for each server, the servers taking turns."""
    servers = {f"granian, {threads} threads": granian(threads=threads) for threads in (1, 4)}
    if importlib.util.find_spec("gunicorn"):
        # Not the sync worker: without keep-alive the client would measure its own connections.
        servers["gunicorn gthread, 4 threads"] = (
            *_GUNICORN,
            *("--worker-class", "gthread", "--threads", "4", "--keep-alive", "30", "wsgi:app"),
        )
    else:
        sys.stderr.write("(gunicorn is not installed, so it is left out) ")
    token = seed.new_team(["http://127.0.0.1:9/"] * 3).token
    events: dict[str, list[float]] = {name: [] for name in servers}
    p99s: dict[str, list[float]] = {name: [] for name in servers}
    health: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(_ROUNDS):
        for name, argv in servers.items():
            with stage.web(argv) as web:
                events_per_s(stage, web, token, 0.5)
                rate, p99 = events_per_s(stage, web, token, sizes.ingest_s / _ROUNDS)
                events[name].append(rate)
                p99s[name].append(p99)
                health[name].append(_health_per_s(stage, web, sizes.ingest_s / _ROUNDS))
    for name in servers:
        yield over_rounds(f"{name}: events", stage.database, events[name], "/s")
        yield over_rounds(f"{name}: p99 of an event", stage.database, p99s[name], "ms")
        yield over_rounds(f"{name}: /healthz", stage.database, health[name], "/s")


def _health_per_s(stage: Stage, web: Web, for_s: float) -> float:
    settings = {
        "host": web.host,
        "port": web.port,
        "request": f"GET /healthz HTTP/1.1\r\nHost: {web.host}\r\n\r\n",
        "connections": 16,
        "rate": None,
        "for_s": for_s,
    }
    with stage.child("load", settings) as child:
        load = child.answer()
    in_time = [row for row in load["rows"] if row[3] == 200 and row[2] <= load["end_s"]]
    return len(in_time) / float(load["end_s"] - load["start_s"])
