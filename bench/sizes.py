"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of all measurements. Rounds of what is compared take turns."""

    rounds: int = 5
    deliveries: int = 20_000
    one_job_each: int = 300
    latency_s: float = 20.0
    slow_s: float = 10.0
    isolation_rounds: int = 3
    ingest_s: float = 8.0
    stored_events: int = 5_000
    calls: int = 500
    logged_calls: int = 1_000_000
    page_views: int = 60
    connections: int = 300


FULL = Sizes()
#: For a first look, and to see that everything still runs.
QUICK = Sizes(
    rounds=2,
    deliveries=4_000,
    one_job_each=60,
    latency_s=4.0,
    slow_s=4.0,
    isolation_rounds=1,
    ingest_s=2.0,
    stored_events=500,
    calls=100,
    logged_calls=50_000,
    page_views=20,
    connections=60,
)
