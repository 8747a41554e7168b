"""What integrations may be. Pure."""

from bisect import bisect_left

NAME_MAX_CHARS = 100
DESCRIPTION_MAX_CHARS = 500
INTEGRATIONS_MAX = 500
#: Per hour and per day.
LIMIT_MAX = 10_000_000
#: The team's own notes on an integration.
DETAILS_MAX = 20
DETAIL_NAME_MAX_CHARS = 50
DETAIL_VALUE_MAX_CHARS = 500

#: Upper ends of the buckets that durations are counted in; the last one has none.
LATENCY_BUCKETS_MS = (10, 25, 50, 75, 100, 150, 250, 400, 600, 1_000, 1_500, 2_500, 5_000, 10_000, 20_000)


def latency_bucket(duration_ms: float) -> int:
    """Return the index of the bucket of a duration: 0 to `len(LATENCY_BUCKETS_MS)`."""
    return bisect_left(LATENCY_BUCKETS_MS, duration_ms)


def percentile_ms(counts: dict[int, int], share: float) -> int | None:
    """Return the duration that this share of the calls did not exceed, from counts by bucket; None without calls.

    Within a bucket the calls count as evenly spread. Of the last one, which has no upper end, its lower end is returned.
    """
    wanted = share * sum(counts.values())
    if wanted <= 0:
        return None
    for bucket in sorted(counts):
        if wanted <= counts[bucket]:
            low = LATENCY_BUCKETS_MS[bucket - 1] if bucket else 0
            if bucket == len(LATENCY_BUCKETS_MS):
                return low
            return round(low + (LATENCY_BUCKETS_MS[bucket] - low) * wanted / counts[bucket])
        wanted -= counts[bucket]
    return LATENCY_BUCKETS_MS[-1]
