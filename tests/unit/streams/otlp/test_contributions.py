"""What each kind of point adds to each kind of metric, and which it cannot be added to."""

import math
from dataclasses import replace
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import Metric
from metrics.otlp_rules import PointKind
from streams.otlp.contributions import contribution, fault
from streams.otlp.mapping import Route, Take
from streams.otlp.medians import latency
from streams.otlp.points import NANOSECONDS, Span
from streams.otlp.readings import Explicit, Exponential, Reading
from streams.wire import Reason

USES = Route(Metric.FEATURE_USAGE, "", "", Take.INCREASE)
ERRORS = Route(Metric.ERROR_RATE, "", "", Take.COUNT, numerator=True, denominator=True)
MEDIAN = Route(Metric.LATENCY_P50, "", "", Take.BUCKETS)
COUNTER, GAUGE, HISTOGRAM = PointKind.COUNTER, PointKind.GAUGE, PointKind.HISTOGRAM
UP_DOWN, SUMMARY = PointKind.UP_DOWN_COUNTER, PointKind.SUMMARY
MICRO = 10**6


@pytest.mark.parametrize(
    ("route", "kind", "came", "cell"),
    [
        (USES, COUNTER, Reading(5 * MICRO), Cell(5 * MICRO, samples=5)),
        (USES, COUNTER, Reading(MICRO // 2), Cell(MICRO // 2, samples=1)),
        (USES, COUNTER, Reading(0), Cell()),
        (replace(USES, scale=0.5), COUNTER, Reading(5 * MICRO), Cell(5 * MICRO // 2, samples=5)),
        (USES, UP_DOWN, Reading(-3 * MICRO), Cell(-3 * MICRO, samples=1)),
        (USES, UP_DOWN, Reading(0), Cell()),
        (replace(USES, take=Take.COUNT), HISTOGRAM, Reading(9, 4), Cell(4 * MICRO, samples=4)),
        (replace(USES, take=Take.TOTAL), SUMMARY, Reading(9, 4), Cell(9, samples=4)),
        (ERRORS, HISTOGRAM, Reading(9, 4), Cell(4 * MICRO, 4 * MICRO, 4)),
        (replace(ERRORS, numerator=False), HISTOGRAM, Reading(9, 4), Cell(0, 4 * MICRO, 4)),
        (replace(ERRORS, denominator=False), SUMMARY, Reading(9, 4), Cell(4 * MICRO, 0, 0)),
        (replace(ERRORS, take=Take.INCREASE), COUNTER, Reading(MICRO), Cell(MICRO, MICRO, 1)),
        (replace(ERRORS, take=Take.READING), GAUGE, Reading(0), Cell(0, 0, 1)),
        (
            replace(MEDIAN, take=Take.READING, scale=1000.0),
            GAUGE,
            Reading(50_000, value=0.05),
            Cell(samples=1, latency=LatencyBuckets.of([50.0])),
        ),
        (
            MEDIAN,
            HISTOGRAM,
            Reading(0, 1, Explicit((10.0, 20.0), (0, 0, 1))),
            Cell(samples=1, latency=LatencyBuckets.of([20.0])),
        ),
        (MEDIAN, HISTOGRAM, Reading(0, 0, Explicit((10.0,), (0, 0))), Cell()),
    ],
)
def test_what_comes_adds(route, kind, came, cell):
    assert fault(route, kind, came) is None
    assert contribution(route, kind, came) == cell


@pytest.mark.parametrize(
    ("route", "kind", "reading", "reason"),
    [
        (replace(USES, fault=Reason.BAD_SCHEMA), COUNTER, Reading(1), Reason.BAD_SCHEMA),
        (USES, COUNTER, Reading(-1), Reason.BAD_VALUE),
        (replace(USES, take=Take.READING), GAUGE, Reading(-1, value=-1e-6), Reason.BAD_VALUE),
        (replace(USES, take=Take.TOTAL), HISTOGRAM, Reading(None, 1), Reason.BAD_VALUE),
        (replace(MEDIAN, take=Take.READING, scale=1e3), GAUGE, Reading(1, value=2e9), Reason.BAD_VALUE),
        (MEDIAN, HISTOGRAM, Reading(1, 1), Reason.BAD_SCHEMA),
        (MEDIAN, HISTOGRAM, Reading(1, 1, Explicit((), (1,))), Reason.BAD_SCHEMA),
        (MEDIAN, HISTOGRAM, Reading(1, 1, Explicit((-1.0, 1.0), (1, 0, 0))), Reason.BAD_VALUE),
        (MEDIAN, HISTOGRAM, Reading(1, 1, Exponential(0, 0, 1, {})), Reason.BAD_VALUE),
    ],
)
def test_what_cannot_be_added_is_told(route, kind, reading, reason):
    assert fault(route, kind, reading) is reason


BOUNDS = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0)
values = st.lists(st.floats(0, 1000), min_size=1, max_size=60)


def explicit(values: list[float]) -> Explicit:
    counts = [0] * (len(BOUNDS) + 1)
    for value in values:
        counts[next((place for place, bound in enumerate(BOUNDS) if value <= bound), len(BOUNDS))] += 1
    return Explicit(BOUNDS, tuple(counts))


@settings(deadline=None)
@given(values, st.sampled_from([1.0, 1000.0]))
def test_a_median_stays_in_the_bucket_that_holds_it(values: list[float], scale: float):
    found = latency(explicit(values), scale)
    assert sum(found.counts.values()) == len(values)
    exact = median_low(values)
    place = next(place for place, bound in enumerate(BOUNDS) if exact <= bound)
    median = (found.median() or 0.0) / scale
    low, high = BOUNDS[max(0, place - 1)], BOUNDS[place]
    assert low * 0.98 <= median <= high * 1.02


def test_evenly_spread_values_are_found_within_a_sixteenth_of_their_bucket():
    even = [50 + 25 * (step + 0.5) / 200 for step in range(200)]
    assert latency(explicit(even), 1.0).median() == pytest.approx(median_low(even), abs=25 / 16 + 1)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40))
def test_fine_exponential_buckets_lose_no_more_than_our_own(values: list[float]):
    scale = 6
    counts: dict[int, int] = {}
    for value in values:
        near = math.floor(math.log2(value) * 2**scale)
        index = next(i for i in range(near - 2, near + 3) if value <= 2.0 ** ((i + 1) / 2**scale))
        counts[index] = counts.get(index, 0) + 1
    found = latency(Exponential(scale, 0, 0, counts), 1.0)
    assert found.median() == pytest.approx(median_low(values), rel=0.035)


def test_numbers_at_the_edges_have_a_bucket():
    buckets = Exponential(-10, 2, 0, {-(2**31): 1, 2**31 - 1: 1})
    found = latency(buckets, 1000.0)
    assert (sum(found.counts.values()), found.median()) == (4, 0.0)
    assert latency(Explicit((1e300,), (0, 1)), 1e3).median() == pytest.approx(1e12, rel=0.011)


@pytest.mark.parametrize(
    ("time", "started", "reason"),
    [
        (100, 0, None),
        (200, 200, None),
        (150, 151, Reason.BAD_TIMESTAMP),
        (0, 0, Reason.BAD_TIMESTAMP),
        (-5, 0, Reason.BAD_TIMESTAMP),
        (150, -1, Reason.BAD_TIMESTAMP),
        (10**30, 0, Reason.BAD_TIMESTAMP),
        (99, 0, Reason.TOO_LATE),
        (201, 0, Reason.FUTURE),
        (253_402_300_800 * NANOSECONDS, 0, Reason.BAD_TIMESTAMP),
    ],
)
def test_times_out_of_bounds_are_told(time, started, reason):
    assert Span(100, 200).fault(time, started) is reason
