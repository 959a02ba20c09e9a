import json
from dataclasses import asdict, replace
from math import sqrt

import numpy as np
import pytest
from pydantic import TypeAdapter

from detectors.assumptions import Assumption
from detectors.interval import BOUNDARY, DAYS, Recent, RecentDays
from detectors.sequential import Test, fold
from tests.unit.detectors.series import days, steady


def pushed(means, deviations) -> RecentDays:
    days = RecentDays.of([Recent()])
    for mean, deviation in zip(means, deviations, strict=True):
        days = days.push(np.array([mean]), np.array([deviation]))
    return days


@pytest.mark.parametrize(("asked", "taken"), [(7, 7), (3, 3), (1, 1), (0, 1), (30, 7)])
def test_the_interval_is_the_mean_of_the_last_days_and_its_deviation(asked, taken):
    means, deviations = (
        [0.1, 0.9, 0.61, 0.6, 0.59, 0.58, 0.57, 0.56, 0.55],
        [0.01 * day for day in range(1, 10)],
    )
    interval = pushed(means, deviations).interval(asked)
    mean = sum(means[-taken:]) / taken
    reach = BOUNDARY * sqrt(sum(each**2 for each in deviations[-taken:])) / taken
    assert interval.days.tolist() == [taken]
    assert interval.low[0] == pytest.approx(mean - reach)
    assert interval.high[0] == pytest.approx(mean + reach)


def test_it_is_about_as_many_days_as_are_known():
    assert pushed([0.5, 0.6], [0.1, 0.1]).interval().days.tolist() == [2]
    nothing = RecentDays.of([Recent()]).interval()
    assert nothing.days.tolist() == [0]
    assert np.isnan(nothing.low[0])
    assert np.isnan(nothing.high[0])


def test_a_day_that_was_not_folded_takes_no_place():
    with_gap = pushed([0.5, np.nan, 0.6, np.nan], [0.1, np.nan, 0.2, 0.1])
    without = pushed([0.5, 0.6], [0.1, 0.2])
    assert with_gap.each() == without.each() == [Recent((0.5, 0.6), (0.1, 0.2))]
    assert with_gap.interval().low.tolist() == without.interval().low.tolist()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("since", "found"), [(1, 1), (3, 3), (7, 7), (9, 7)])
def test_a_break_is_clearest_over_the_days_since(sign, since, found):
    means = [1.0] * (10 - since) + [1 - sign * 0.3] * since
    days = pushed(means, [0.05] * 10)
    assert days.clearest(np.array([float(sign)]), np.array([1.0])).tolist() == [found]


def test_where_no_day_is_known_none_is_clearest():
    assert RecentDays.of([Recent()]).clearest(np.array([1.0]), np.array([1.0])).tolist() == [0]
    assert pushed([0.9], [0.1]).clearest(np.array([1.0]), np.array([1.0])).tolist() == [1]


def test_days_taken_up_from_json_are_the_same():
    random = np.random.default_rng(1)
    days = pushed(random.random(9), random.random(9))
    for kept in (days, pushed([0.3], [0.1]), RecentDays.of([Recent()])):
        stored = json.loads(json.dumps([asdict(each) for each in kept.each()], allow_nan=False))
        again = RecentDays.of(TypeAdapter(list[Recent]).validate_python(stored))
        assert again.each() == kept.each()
        np.testing.assert_array_equal(again.interval().low, kept.interval().low)


def test_a_series_alone_is_the_series_among_others_to_the_last_bit():
    random = np.random.default_rng(2)
    many, alone = RecentDays.of([Recent()] * 9), RecentDays.of([Recent()])
    for _ in range(12):
        means, deviations = random.random(9), random.random(9)
        many, alone = many.push(means, deviations), alone.push(means[4:5], deviations[4:5])
        assert many.interval(5).high[4] == alone.interval(5).high[0]
    assert many.each()[4] == alone.each()[0]


@pytest.mark.parametrize(
    ("metric", "operator", "value", "low", "high"),
    [
        ("user_adoption", ">=", 96, None, 100),
        ("error_rate", "<=", 2, 0, None),
        ("feature_usage", ">=", 1, 0, None),
    ],
)
def test_no_interval_leaves_the_range_of_its_metric(metric, operator, value, low, high):
    entry = {"key": "a", "metric_name": metric, "operator": operator, "value": value}
    test = Test.of(Assumption.model_validate(entry))
    state, (first, *_) = test.start(), days(1, steady(value), seed=1, deviation=2, cycle=0)
    hours = tuple(replace(hour, value=min(max(hour.value, 0), 100)) for hour in first.hours)
    _, verdict = fold(test, state, replace(first, hours=hours))
    assert verdict.interval is not None
    assert low is None or verdict.interval[0] == low
    assert high is None or verdict.interval[1] == high


def _misses(boundary: float, years: int) -> float:
    """The share of years of normal days in which an interval, of any n on any day, misses the level."""
    random = np.random.default_rng(9_300_000)
    days, missed = RecentDays.of([Recent()] * years), np.zeros(years, dtype=bool)
    for _ in range(365):
        days = days.push(random.standard_normal(years), np.ones(years))
        for count in range(1, DAYS + 1):
            interval = days.interval(count)
            middle, reach = (interval.low + interval.high) / 2, (interval.high - interval.low) / 2
            missed |= np.abs(middle) > reach * boundary / BOUNDARY
    return float(missed.mean())


def test_in_19_of_20_years_no_interval_of_any_day_misses():
    assert _misses(BOUNDARY, 600) == pytest.approx(0.05, abs=0.02)


def test_a_year_of_ordinary_intervals_misses_almost_surely():
    assert _misses(1.96, 50) > 0.99
