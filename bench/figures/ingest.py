"""Accepted events per second, and what the check of an API key costs."""

import time
from collections.abc import Iterator

from app.api_keys.verification import principal_of_key
from app.extensions import db
from app.lib import passwords
from bench import seed
from bench.figures.latency import load_settings
from bench.programs import ProgramFailed
from bench.report import Figure, over_rounds, percentile
from bench.sizes import Sizes
from bench.stage import Stage, Web

_WEBHOOKS = 3
_ROUNDS = 3
_CHECKS = 2000
_NOTE = (
    "POST /api/v1/events over HTTP with an API key: the event (1 KB) and three deliveries committed, then 202;"
    " 16 keep-alive connections, one web process with 4 threads, no worker running"
)


def measure(stage: Stage, sizes: Sizes) -> Iterator[Figure]:
    """Yield the rate with its p99, and the cost of a key's first and every further check."""
    # Nothing answers there, and no worker runs: only the acceptance is measured.
    token = seed.new_team(["http://127.0.0.1:9/"] * _WEBHOOKS).token
    with stage.web() as web:
        rounds = [events_per_s(stage, web, token, sizes.ingest_s / _ROUNDS) for _ in range(_ROUNDS + 1)][1:]
    yield over_rounds("ingest: events", stage.database, [rate for rate, _ in rounds], "/s", note=_NOTE)
    yield over_rounds("ingest: p99 of a request", stage.database, [p99 for _, p99 in rounds], "ms")
    yield from _key_checks(stage, token)


def events_per_s(stage: Stage, web: Web, token: str, for_s: float) -> tuple[float, float]:
    """Return how many events were accepted per second, and the 99th percentile of a request in milliseconds."""
    with stage.child("load", load_settings(web, token, rate=None, for_s=for_s)) as child:
        load = child.answer()
    wrong = [row for row in load["rows"] if row[3] != 202]
    if wrong or load["lost"]:
        raise ProgramFailed(
            f"{len(wrong)} events were not accepted (first: {wrong[:1]}), {load['lost']} were lost"
        )
    in_time = [row for row in load["rows"] if row[2] <= load["end_s"]]
    rate = len(in_time) / (load["end_s"] - load["start_s"])
    return rate, percentile([(row[2] - row[1]) * 1000 for row in load["rows"]], 0.99)


def _key_checks(stage: Stage, token: str) -> Iterator[Figure]:
    principal_of_key(token)
    start_s = time.perf_counter()
    for _ in range(_CHECKS):
        principal_of_key(token)
    hot_us = (time.perf_counter() - start_s) / _CHECKS * 1e6
    db.session.remove()
    key_hash = passwords.hash_secret(token, rounds=passwords.API_KEY_ROUNDS)
    colds_ms = []
    for _ in range(5):
        start_s = time.perf_counter()
        passwords.matches(token, key_hash)
        colds_ms.append((time.perf_counter() - start_s) * 1000)
    yield Figure(
        "API key: every further check",
        stage.database,
        hot_us,
        "µs",
        note="its row is read each time, so a revocation counts at once",
    )
    yield over_rounds(
        "API key: first check in a process", stage.database, colds_ms, "ms", note="bcrypt, outside of the GIL"
    )
