"""Durations are counted in buckets, and percentiles read from them."""

import pytest

from app.integrations.rules import LATENCY_BUCKETS_MS, latency_bucket, percentile_ms


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
