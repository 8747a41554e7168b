"""Durations are counted in buckets, and percentiles read from them."""

import pytest

from app.integrations.rules import (
    LATENCY_BUCKETS_MS,
    latency_bucket,
    percentile_ms,
    refresh_backoff_s,
    refresh_wait_s,
)


@pytest.mark.parametrize(("duration_ms", "bucket"), [(0, 0), (10, 0), (10.1, 1), (20_000, 14), (20_001, 15)])
def test_a_bucket_holds_what_is_not_longer_than_its_end(duration_ms: float, bucket: int) -> None:
    assert latency_bucket(duration_ms) == bucket


def test_percentiles_lie_within_the_bucket_that_holds_them() -> None:
    counts = {0: 50, 4: 49, len(LATENCY_BUCKETS_MS): 1}
    assert percentile_ms(counts, 0.25) == 5
    assert percentile_ms(counts, 0.5) == 10
    assert 75 < (percentile_ms(counts, 0.9) or 0) <= 100
    assert percentile_ms(counts, 1.0) == LATENCY_BUCKETS_MS[-1]


def test_no_calls_have_no_percentile() -> None:
    assert percentile_ms({}, 0.5) is None


@pytest.mark.parametrize(
    ("life_s", "has_refresh_token", "idle_days", "expected_s"),
    [
        (3600, True, None, 2880),  # a fifth of its life before its end
        (1800, True, None, 1200),  # ten minutes before
        (600, True, None, 300),  # at most half of a short life
        (30, True, None, 15),
        (None, True, None, 86_400),  # unknown: daily
        (None, True, 1, 43_200),  # or twice in the time that it may be idle
        (90 * 86_400, True, 14, 7 * 86_400),
        (3600, False, None, 3600),  # nothing to refresh with: it ends
        (None, False, None, None),  # nor is its end known
        (-5, False, None, 0),
    ],
)
def test_connections_are_refreshed_ahead(
    life_s: float | None, has_refresh_token: bool, idle_days: int | None, expected_s: float | None
) -> None:
    found = refresh_wait_s(life_s, has_refresh_token=has_refresh_token, idle_days=idle_days, jitter=0)
    assert found == expected_s


def test_what_was_connected_at_once_is_not_refreshed_at_once() -> None:
    waits = [
        refresh_wait_s(3600, has_refresh_token=True, idle_days=None, jitter=jitter) for jitter in (0, 0.5, 1)
    ]
    assert waits == [2880, 2808, 2736]
    assert refresh_wait_s(None, has_refresh_token=True, idle_days=None, jitter=1) == 77_760


def test_failed_refreshes_are_tried_again_ever_later() -> None:
    assert [refresh_backoff_s(failures, jitter=0) for failures in (1, 2, 3, 6, 5000)] == [
        15,
        30,
        60,
        300,
        300,
    ]
    assert refresh_backoff_s(1, jitter=1) == 10.5
