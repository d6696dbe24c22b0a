from __future__ import annotations

import random

import pytest

from csbook.net.latency import middle, percentile


def bucket_of(value: int) -> int:
    """As the intake counts."""
    shift = 0
    while value >> shift >= 32:
        shift += 1
    return shift * 16 + (value >> shift)


@pytest.mark.parametrize("value", [0, 1, 31, 32, 33, 63, 64, 1000, 999_999, 123_456_789, 2**62, 2**63 - 1])
def test_a_value_is_within_three_percent_of_its_bucket(value: int) -> None:
    assert bucket_of(value) < 1024
    assert abs(middle(bucket_of(value)) - value) <= 0.032 * value


def test_buckets_rise() -> None:
    assert [bucket_of(v) for v in range(2000)] == sorted(bucket_of(v) for v in range(2000))
    middles = [middle(b) for b in range(32, 900)]
    assert middles == sorted(middles)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_percentiles(share: float) -> None:
    dice = random.Random(3)
    values = sorted(int(dice.lognormvariate(9.0, 1.0)) for _ in range(5000))
    counts = [0] * 1024
    for value in values:
        counts[bucket_of(value)] += 1
    exact = values[max(0, round(share * len(values)) - 1)]
    assert percentile(counts, share) == pytest.approx(exact, rel=0.04)


def test_nothing_counted() -> None:
    assert percentile([0] * 1024, 0.5) == 0


def test_the_smallest_of_one() -> None:
    counts = [0] * 1024
    counts[7] = 1
    assert percentile(counts, 0.0) == percentile(counts, 1.0) == 7
