from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.latency import SMALLEST, LatencyBuckets

values = st.floats(0, 1e12, allow_subnormal=False)
buckets = st.lists(values, max_size=8).map(LatencyBuckets.of)


def lower_median(found: Sequence[float]) -> float:
    return sorted(found)[(len(found) - 1) // 2]


@given(st.lists(values, min_size=1, max_size=40))
def test_the_median_is_within_1_percent_of_the_lower_one(found):
    median = LatencyBuckets.of(found).median()
    assert median == pytest.approx(lower_median(found), rel=0.01 + 1e-9, abs=SMALLEST)


@given(buckets, buckets, buckets)
def test_merging_is_associative_and_commutative(a, b, c):
    assert (a | b) | c == a | (b | c)
    assert a | b == b | a


@given(st.lists(values, max_size=30), st.integers(0, 30))
def test_parts_merge_to_the_whole(found, cut):
    parts = LatencyBuckets.of(found[:cut]) | LatencyBuckets.of(found[cut:])
    assert parts == LatencyBuckets.of(found)
    assert parts.to_bytes() == LatencyBuckets.of(found[::-1]).to_bytes()


@given(buckets)
def test_bytes_come_back(found):
    assert LatencyBuckets.from_bytes(found.to_bytes()) == found


def test_nothing_has_no_median_and_no_bytes():
    assert LatencyBuckets().median() is None
    assert LatencyBuckets().to_bytes() is None
    assert LatencyBuckets.from_bytes(None) == LatencyBuckets()


def test_zero_is_a_value_and_the_largest_fits():
    assert LatencyBuckets.of([0, 0, 5]).median() == 0
    assert LatencyBuckets.of([1e12]).median() == pytest.approx(1e12, rel=0.01)


def test_merging_changes_neither_part():
    one, two = LatencyBuckets.of([1.0]), LatencyBuckets.of([1.0, 5.0])
    before = dict(one.counts), dict(two.counts)
    assert sum((one | two).counts.values()) == 3
    assert (one.counts, two.counts) == before
