"""What integrations may be. Pure."""

from bisect import bisect_left

#: States of a connection: it works; somebody has to connect it again; the provider refuses the app itself.
CONNECTED, NEEDS_RECONNECT, APP_REFUSED = "connected", "needs_reconnect", "app_refused"

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

#: What counts of each bucket are called, in their order.
BUCKETS = tuple(f"bucket_{number}" for number in range(len(LATENCY_BUCKETS_MS) + 1))


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


#: A refresh comes this much before the access token's end, or a fifth of its life if that is more.
REFRESH_AHEAD_S = 600.0
_REFRESH_AHEAD_SHARE = 0.2
#: Of a token of unknown life; a service that refuses it earlier has it refreshed at once.
UNKNOWN_LIFE_REFRESH_S = 86_400.0
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 15.0, 300.0
#: Refused so often, for a reason that is none of RFC 6749's, a grant counts as ended.
REFUSALS_MAX = 20


def refresh_wait_s(
    life_s: float | None, *, has_refresh_token: bool, idle_days: int | None, jitter: float
) -> float | None:
    """Return when a connection is due, counted from now: for a refresh, or to end with its access token.

    `life_s` is how long the access token still lives, None: unknown. `jitter` from 0 to 1 spreads what was connected at
    the same time. None: there is nothing to do.
    """
    if not has_refresh_token:
        return None if life_s is None else max(0.0, life_s)
    if life_s is None:
        wait_s = UNKNOWN_LIFE_REFRESH_S * (1 - 0.1 * jitter)
    else:
        # At most half of the life: what lives for ten minutes is not refreshed without end.
        ahead_s = min(max(REFRESH_AHEAD_S, _REFRESH_AHEAD_SHARE * life_s), life_s / 2)
        wait_s = max(0.0, life_s - ahead_s * (1 + 0.2 * jitter))
    return wait_s if idle_days is None else min(wait_s, idle_days * 86_400 / 2)


def refresh_backoff_s(failures: int, *, jitter: float) -> float:
    """Return the wait before the next refresh after so many failures in a row; `jitter` from 0 to 1."""
    wait_s = min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 10))
    return wait_s * (1 - 0.3 * jitter)
