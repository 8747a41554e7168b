"""How long an accepted event takes to its receivers: through the web server, Redis and the worker."""

import time
from collections.abc import Iterator
from typing import Any

import orjson

from bench import seed
from bench.environment import Environment, Web
from bench.programs import Child, ProgramFailed
from bench.report import Figure, Target, percentile
from bench.sizes import Sizes

_CONNECTIONS = 16
_PATIENCE_S = 60.0
_NOTE = (
    "from the client having read its 202 to the request being read by the receiver, on one clock; an open-loop"
    " schedule; below zero when the receiver has it before the client has its 202"
)


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield percentiles for a quiet and for a busy rate."""
    yield from _at_rate(environment, sizes.latency_s, rate=10, webhooks=1, p99_target_ms=15)
    yield from _at_rate(environment, sizes.latency_s, rate=200, webhooks=3, p99_target_ms=60)


def load_settings(web: Web, token: str, **more: Any) -> dict[str, Any]:
    """Return settings of the client that emit an event of 1 KB with each request."""
    body = orjson.dumps({"type": seed.EVENT_TYPE, "data": seed.event_data()}).decode()
    request = (
        f"POST /api/v1/events HTTP/1.1\r\nHost: {web.host}:{web.port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    return {"host": web.host, "port": web.port, "request": request, "connections": _CONNECTIONS, **more}


def _at_rate(
    environment: Environment, for_s: float, *, rate: int, webhooks: int, p99_target_ms: float
) -> Iterator[Figure]:
    receiver, url = environment.receiver(0.0, notes_arrivals=True)
    with receiver, environment.web() as web, environment.worker():
        token = seed.new_team([url] * webhooks).token
        # The first requests of a process load code and check the key; that is start-up, not latency.
        with environment.child("load", load_settings(web, token, rate=20, for_s=2.0)) as child:
            warm = child.answer()
        with environment.child("load", load_settings(web, token, rate=rate, for_s=for_s)) as child:
            load = child.answer()
        accepted = {row[4]: row for row in load["rows"] if row[3] == 202}
        arrivals = _await_arrivals(receiver, (len(accepted) + len(warm["rows"])) * webhooks)
    waits_ms, whole_ms = [], []
    for event_id, arrived_s in arrivals:
        row = accepted.get(event_id)
        if row is not None:
            waits_ms.append((arrived_s - row[2]) * 1000)
            whole_ms.append((arrived_s - row[1]) * 1000)
    if len(accepted) != int(rate * for_s) or len(waits_ms) < len(accepted) * webhooks:
        raise ProgramFailed(
            f"{rate * for_s:g} events, {len(accepted)} accepted, {len(waits_ms)} requests received"
        )
    yield from _figures(
        environment.database, f"latency at {rate} events/s × {webhooks}", waits_ms, p99_target_ms
    )
    achieved = len(accepted) / (max(row[2] for row in accepted.values()) - load["start_s"])
    name = f"latency at {rate} events/s × {webhooks}: "
    yield Figure(name + "p99 from sending the event", environment.database, percentile(whole_ms, 0.99), "ms")
    yield Figure(name + "rate achieved", environment.database, achieved, "events/s")


def _await_arrivals(receiver: Child, count: int) -> list[tuple[str, float]]:
    ends_at_s = time.monotonic() + _PATIENCE_S
    while receiver.ask("figures")["requests"] < count and time.monotonic() < ends_at_s:
        time.sleep(0.1)
    arrivals: list[tuple[str, float]] = receiver.ask("arrivals")["arrivals"]
    return arrivals


def _figures(database: str, name: str, waits_ms: list[float], p99_target_ms: float) -> Iterator[Figure]:
    p99 = percentile(waits_ms, 0.99)
    yield Figure(f"{name}: p50", database, percentile(waits_ms, 0.5), "ms", note=_NOTE)
    yield Figure(f"{name}: p99", database, p99, "ms", target=Target(below=p99_target_ms))
    yield Figure(f"{name}: max", database, max(waits_ms), "ms")
