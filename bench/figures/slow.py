"""Receivers that take long: does the dispatcher fill its cap?"""

import time
from collections.abc import Iterator

from app.extensions import current_settings
from bench import seed
from bench.environment import Environment
from bench.report import Figure, Target
from bench.sizes import Sizes

#: At 32 in flight for each, more than enough to fill the cap of all.
_WEBHOOKS = 24


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield throughput and requests in flight with receivers of 200 ms and of 2 s."""
    for delay_s in (0.2, 2.0):
        yield from _at_delay(environment, sizes, delay_s)


def _at_delay(environment: Environment, sizes: Sizes, delay_s: float) -> Iterator[Figure]:
    cap = current_settings().dispatch_in_flight_max
    warm_s, for_s = 1.0 + 2 * delay_s, max(sizes.slow_s, 5 * delay_s)
    most = cap / delay_s
    receiver, url = environment.receiver(delay_s)
    with receiver:
        seeded = seed.new_team([url] * _WEBHOOKS)
        count = seed.fill(
            seeded.team_id, seeded.webhook_ids, round(1.2 * most * (warm_s + for_s) / _WEBHOOKS) + 1
        )
        settings = {
            "webhook_ids": seeded.webhook_ids,
            "count": count,
            "for_s": warm_s + for_s + 30,
            "is_clean": False,
        }
        with environment.child("dispatching", settings):
            while not (first := receiver.ask("figures"))["requests"]:
                time.sleep(0.05)
            time.sleep(warm_s)
            first = receiver.ask("figures")
            time.sleep(for_s)
            last = receiver.ask("figures")
    seconds = last["at_s"] - first["at_s"]
    rate = (last["requests"] - first["requests"]) / seconds
    in_flight = (last["open_s"] - first["open_s"]) / seconds
    name = f"receiver of {delay_s:g} s"
    yield Figure(f"{name}: deliveries", environment.database, rate, "/s", note=f"{most:g}/s are possible")
    yield Figure(
        f"{name}: deliveries ÷ (cap ÷ latency)",
        environment.database,
        rate / most,
        "",
        target=Target(at_least=0.9),
    )
    yield Figure(
        f"{name}: in flight, mean",
        environment.database,
        in_flight,
        f"of {cap}",
        note="counted by the receiver",
    )
