from math import sqrt
from random import Random

import pytest

from detectors.autocovariance import Hourly
from detectors.level import Level
from detectors.seasons import DaysOfWeek, HoursOfDay


def ar1(count: int, phi: float, seed: int) -> list[float]:
    random = Random(seed)
    value, values = random.gauss(0, 1), []
    for _ in range(count):
        value = phi * value + sqrt(1 - phi**2) * random.gauss(0, 1)
        values.append(value)
    return values


def learn(hours: list[float]) -> tuple[Hourly, float]:
    hourly, variance = Hourly(), None
    for day in range(len(hours) // 24):
        today = {24 * day + hour: hours[24 * day + hour] for hour in range(24)}
        hourly = hourly.fold(today, day)
        variance = hourly.day_variance(variance)
    assert variance is not None
    return hourly, variance


@pytest.mark.parametrize("phi", [0.5, 0.8, 0.95])
def test_hours_tell_how_far_the_mean_of_days_wobbles(phi):
    hourly, variance = learn(ar1(24 * 250, phi, seed=1))
    assert hourly.variance == pytest.approx(1, rel=0.15)
    assert variance == pytest.approx((1 + phi) / (1 - phi) / 24, rel=0.3)


def test_white_noise_is_not_taken_for_less_than_half_of_itself():
    alternating = [(-1.0) ** hour for hour in range(24 * 60)]
    _, variance = learn(alternating)
    assert variance >= 0.5 / 24


def test_pairs_reach_over_midnight_but_not_over_a_gap():
    first = Hourly().fold({23: 1.0}, 0)
    assert first.fold({24: 1.0}, 1).pairs[1] == 1
    assert first.fold({48: 1.0}, 1).pairs[1] == 0


def level(values: list[float]) -> Level:
    known = Level()
    for value in values:
        known = known.fold(value, 1.0, consecutive=True)
    return known


def test_the_scatter_of_days_is_a_floor_once_there_are_some():
    wobbling = [(-1.0) ** day for day in range(9)]
    young, old = level(wobbling), level(wobbling * 3)
    assert young.blend(0.0) < young.variance / 5
    assert old.blend(0.0) > old.variance / 3


def test_days_in_a_row_that_lean_alike_wobble_further():
    waves = [1.0, 1.0, 1.0, -1.0, -1.0, -1.0] * 10
    assert level(waves).blend(0.0) > 1.3 * level([1.0, -1.0] * 30).blend(0.0)


def test_the_second_step_in_a_row_is_a_new_level():
    before = level([0.1, -0.1] * 10)
    once = before.fold(5.0, 1.0, consecutive=True)
    assert once.mean < 0.5
    twice = once.fold(5.0, 1.0, consecutive=True)
    assert (twice.mean, twice.days, twice.residuals) == (5.0, 1, once.residuals)
    assert once.fold(-5.0, 1.0, consecutive=True).mean < 0.5
    assert once.fold(5.0, 1.0, consecutive=False).mean < 0.7


def test_offsets_of_hours_are_pulled_to_add_up_to_nothing_under_traffic():
    traffic = {hour: 300.0 if 8 <= hour < 20 else 20.0 for hour in range(24)}
    differences = {hour: 0.1 if hour >= 12 else 0.0 for hour in range(24)}
    hours = HoursOfDay()
    for _ in range(60):
        hours = hours.fold(differences, traffic)
    left = sum(hours.offsets[hour] * traffic[hour] for hour in range(24))
    fed = sum(differences[hour] * traffic[hour] for hour in range(24))
    assert 0 < left < fed / 5
    assert hours.offsets[12] > hours.offsets[0]


def test_offsets_of_weekdays_are_centred_and_shrunk():
    week = DaysOfWeek()
    for day in range(28):
        week = week.fold(day % 7, 1.0 if day % 7 == 6 else 0.0)
    assert sum(week.offsets) == pytest.approx(0)
    assert week.offset(6) == pytest.approx(week.offsets[6] / 2)  # four weeks, shrunk by four
    assert week.offsets[6] > 0.7
