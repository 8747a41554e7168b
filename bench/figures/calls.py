"""What a call through an integration costs beside the same request sent by libcurl alone."""

import time
from collections.abc import Callable, Iterator
from io import BytesIO

import orjson
import pycurl

from app.integrations.services.access import open_access
from app.integrations.services.calling import send_call
from app.integrations.services.integrations import create_integration
from app.integrations.services.outgoing import OutgoingCall
from app.integrations.services.settings import IntegrationSettings
from bench import seed
from bench.environment import Environment
from bench.report import Figure, Target, over_rounds, percentile
from bench.sizes import Sizes

_BODY = orjson.dumps({"text": "x" * 1_000, "labels": {"priority": "high", "source": "benchmark"}})
# With a key it may be sent again, so connections are kept; without one each call has its own.
_HEADERS = [("Content-Type", "application/json"), ("Idempotency-Key", "benchmark")]
_OVERHEAD_TARGET_MS = 3.0


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield the overhead of a call."""
    receiver, url = environment.receiver(0.0)
    with receiver:
        team_id = seed.new_team([]).team_id
        answers = {"base_url": url, "token": "benchmark-secret-0123456789"}
        integration_id = create_integration(
            team_id,
            "rest",
            IntegrationSettings(
                name="Benchmark",
                auth_method="bearer",
                answers=answers,
                hourly_limit=1_000_000,
                daily_limit=1_000_000,
            ),
        )
        bare = _bare(url)

        def through() -> None:
            call = OutgoingCall(url=url, purpose="rest", method="POST", headers=_HEADERS, body=_BODY)
            outcome = send_call(open_access(team_id, integration_id), call)
            assert outcome.result.status_code == 200, outcome.result.error_detail

        for send in (bare, through):
            _times_ms(send, 50)
        rounds = [
            (_times_ms(bare, sizes.calls), _times_ms(through, sizes.calls)) for _ in range(sizes.rounds)
        ]
    name, database = "call through an integration", environment.database
    for share, label in ((0.5, "p50"), (0.99, "p99")):
        pairs = [(percentile(one, share), percentile(other, share)) for one, other in rounds]
        yield over_rounds(f"{name}: libcurl alone, {label}", database, [one for one, _ in pairs], "ms")
        yield over_rounds(
            f"{name}: overhead, {label}",
            database,
            [other - one for one, other in pairs],
            "ms",
            target=Target(below=_OVERHEAD_TARGET_MS) if share == 0.5 else None,
            note="POST of 1 KB over a kept connection; with everything: credentials opened, two limits taken, logged,"
            " counted",
        )


def _bare(url: str) -> Callable[[], None]:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.POSTFIELDS, _BODY)
    handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in _HEADERS])

    def send() -> None:
        answer = BytesIO()
        handle.setopt(pycurl.WRITEDATA, answer)
        handle.perform()
        assert handle.getinfo(pycurl.RESPONSE_CODE) == 200

    return send


def _times_ms(send: Callable[[], None], count: int) -> list[float]:
    times = []
    for _ in range(count):
        start_s = time.perf_counter()
        send()
        times.append((time.perf_counter() - start_s) * 1000)
    return times
