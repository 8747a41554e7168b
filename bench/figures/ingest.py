"""Accepted events per second, and what the check of an API key costs."""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from app.api_keys.tokens import kid_of
from app.api_keys.verification.bcrypt_cache import BcryptCache
from app.api_keys.verification.key_cache import Caller, KeyCache
from app.api_keys.verification.verifier import Verifier, principal_of_key
from app.extensions import db, quick_redis
from app.lib import passwords
from app.web.limits import Policy, counters
from bench import seed
from bench.environment import POSTGRESQL, Environment, Web
from bench.figures.latency import load_settings
from bench.programs import ProgramFailed
from bench.report import Figure, Target, over_rounds, percentile
from bench.sizes import Sizes

_WEBHOOKS = 3
_ROUNDS = 3
_CHECKS = 2000
_FIRST_CALLS = 16
_TARGET = Target(at_least=600)
_NOTE = (
    "POST /api/v1/events over HTTP with an API key: the event (1 KB) and three deliveries committed, then 202;"
    " 16 keep-alive connections, 4 threads each process, no worker running"
)


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield the rates with one and with two web processes, and the cost of a key's first and every further check."""
    # Nothing answers there, and no worker runs: only the acceptance is measured.
    token = seed.new_team(["http://127.0.0.1:9/"] * _WEBHOOKS).token
    for workers, target in ((1, _TARGET), (2, None)):
        with environment.web(WEB_WORKERS=str(workers)) as web:
            rounds = [
                events_per_s(environment, web, token, sizes.ingest_s / _ROUNDS) for _ in range(_ROUNDS + 1)
            ]
        title = f"ingest, {workers} web process{'es' if workers > 1 else ''}"
        rates, p99s = zip(*rounds[1:], strict=True)
        yield over_rounds(
            f"{title}: events",
            environment.database,
            list(rates),
            "/s",
            note=_NOTE,
            target=target if environment.database == POSTGRESQL else None,
        )
        yield over_rounds(f"{title}: p99 of a request", environment.database, list(p99s), "ms")
    yield from _key_checks(environment, token)
    yield from _limits(environment)


def events_per_s(environment: Environment, web: Web, token: str, for_s: float) -> tuple[float, float]:
    """Return how many events were accepted per second, and the 99th percentile of a request in milliseconds."""
    with environment.child("load", load_settings(web, token, rate=None, for_s=for_s)) as child:
        load = child.answer()
    wrong = [row for row in load["rows"] if row[3] != 202]
    if wrong or load["lost"]:
        raise ProgramFailed(
            f"{len(wrong)} events were not accepted (first: {wrong[:1]}), {load['lost']} were lost"
        )
    in_time = [row for row in load["rows"] if row[2] <= load["end_s"]]
    rate = len(in_time) / (load["end_s"] - load["start_s"])
    return rate, percentile([(row[2] - row[1]) * 1000 for row in load["rows"]], 0.99)


def _key_checks(environment: Environment, token: str) -> Iterator[Figure]:
    principal_of_key(token)
    yield over_rounds(
        "API key: every further check, p50",
        environment.database,
        [_median_us(lambda: principal_of_key(token)) for _ in range(_ROUNDS)],
        "µs",
        note="one round trip to Redis, which verifies the key, takes its three limits and counts the use",
        target=Target(below=300),
    )
    counters().note_failure(ConnectionError("the benchmark says so"))
    counters()._away_until_s = time.monotonic() + 60
    yield over_rounds(
        "API key: every further check without Redis, p50",
        environment.database,
        [_median_us(lambda: principal_of_key(token)) for _ in range(_ROUNDS)],
        "µs",
        note="its row is read each time",
    )
    counters()._away_until_s = 0.0
    db.session.remove()
    yield from _first_checks(environment, token)


def _first_checks(environment: Environment, token: str) -> Iterator[Figure]:
    checks: list[str] = []

    def check(presented: str, key_hash: str) -> bool:
        checks.append(presented)
        return passwords.matches(presented, key_hash)

    def first_call(_: int) -> None:
        with environment.app.app_context():
            verifier.verify(token, Caller("127.0.0.1", ""))

    times_ms = []
    for _ in range(_ROUNDS):
        quick_redis().delete(f"signalbox:key:{kid_of(token)}")
        verifier = Verifier(KeyCache(quick_redis()), BcryptCache(check), b"pepper")
        start_s = time.perf_counter()
        with ThreadPoolExecutor(_FIRST_CALLS) as pool:
            list(pool.map(first_call, range(_FIRST_CALLS)))
        times_ms.append((time.perf_counter() - start_s) * 1000)
    yield over_rounds(
        f"API key: {_FIRST_CALLS} first calls at once",
        environment.database,
        times_ms,
        "ms",
        note=f"bcrypt ran {len(checks) / _ROUNDS:g} times for all of them",
    )


def _limits(environment: Environment) -> Iterator[Figure]:
    for count in (1, 2, 4):
        policies = [Policy(f"bench-{number}", "subject", 10**9, 3600) for number in range(count)]

        def take(policies: list[Policy] = policies) -> None:
            counters().take(policies)

        yield over_rounds(
            f"limits: {count} taken, p50",
            environment.database,
            [_median_us(take) for _ in range(_ROUNDS)],
            "µs",
        )


def _median_us(work: Callable[[], object]) -> float:
    times_s = []
    for _ in range(_CHECKS):
        start_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start_s)
    return statistics.median(times_s) * 1e6
