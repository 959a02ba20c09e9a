from math import sqrt
from random import Random

import numpy as np
import pytest

from detectors.autocovariance import Hourly
from detectors.level import Level
from detectors.seasons import DaysOfWeek, HoursOfDay

WHOLE = np.array([[False, *[True] * 24]])
PHI = np.array([0.8])


def ar1(count: int, phi: float, seed: int) -> list[float]:
    random = Random(seed)
    value, values = random.gauss(0, 1), []
    for _ in range(count):
        value = phi * value + sqrt(1 - phi**2) * random.gauss(0, 1)
        values.append(value)
    return values


def place(hours: list[float]) -> np.ndarray:
    """24 hours at the 25 places of a day."""
    return np.array([[0.0, *hours]])


def learn(hours: list[float]) -> tuple[Hourly, float]:
    hourly, variance = Hourly.start(1), np.array([np.nan])
    for day in range(len(hours) // 24):
        today = place(hours[24 * day : 24 * day + 24])
        hourly = hourly.fold(today, WHOLE, np.array([24 * (day + 1)]), np.full(1, float(day)))
        variance = hourly.day_variance(variance, PHI)
    return hourly, variance[0]


@pytest.mark.parametrize("phi", [0.5, 0.8, 0.95])
def test_hours_tell_how_far_the_mean_of_days_wobbles(phi):
    hourly, variance = learn(ar1(24 * 250, phi, seed=1))
    assert hourly.variance == pytest.approx(1, rel=0.15)
    assert variance == pytest.approx((1 + phi) / (1 - phi) / 24, rel=0.3)


def test_white_noise_is_not_taken_for_less_than_half_of_itself():
    alternating = [(-1.0) ** hour for hour in range(24 * 60)]
    _, variance = learn(alternating)
    assert variance >= 0.5 / 24


def test_before_any_hour_was_seen_they_are_taken_to_hang_together_as_assumed():
    only = np.array([[False] * 24 + [True]])
    one = Hourly.start(1).fold(place([1.0] * 24), only, np.array([24]), np.zeros(1))
    usual, slow = (one.day_variance(np.array([np.nan]), np.array([phi]))[0] for phi in (0.8, 0.9))
    assert usual == pytest.approx(9 / 24, rel=0.3)
    assert slow > 1.8 * usual


@pytest.mark.parametrize("length", [23, 24, 25])
@pytest.mark.parametrize("lag", range(1, 9))
def test_pairs_reach_over_midnight_whatever_the_length_of_the_day(length, lag):
    # Of the day before the last hour alone, of today the hour `lag` later.
    there = np.zeros((2, 1, 25), bool)
    there[0, 0, 24] = there[1, 0, 25 - length + lag - 1] = True
    hourly = Hourly.start(1).fold(np.full((1, 25), 2.0), there[0], np.array([1000]), np.zeros(1))
    hourly = hourly.fold(np.full((1, 25), 3.0), there[1], np.array([1000 + length]), np.ones(1))
    assert hourly.pairs[0].tolist() == [2, *(1.0 if each == lag else 0.0 for each in range(1, 9))]
    assert hourly.products[0, lag] == 6


@pytest.mark.parametrize("later", [48, 47, 240])
def test_pairs_do_not_reach_over_a_missing_day(later):
    first = Hourly.start(1).fold(np.ones((1, 25)), WHOLE, np.array([1000]), np.zeros(1))
    second = first.fold(np.ones((1, 25)), WHOLE, np.array([1000 + later]), np.ones(1))
    assert second.pairs[0, 1] == 2 * first.pairs[0, 1]


def level(values: list[float]) -> Level:
    known = Level.start(1)
    for value in values:
        known = step(known, value)
    return known


def step(known: Level, value: float, *, consecutive: bool = True) -> Level:
    return known.fold(np.array([value]), np.ones(1), np.array([consecutive]))


def test_the_scatter_of_days_is_a_floor_once_there_are_some():
    wobbling = [(-1.0) ** day for day in range(9)]
    young, old = level(wobbling), level(wobbling * 3)
    assert young.blend(np.zeros(1)) < young.variance / 5
    assert old.blend(np.zeros(1)) > old.variance / 3


def test_days_in_a_row_that_lean_alike_wobble_further():
    waves = [1.0, 1.0, 1.0, -1.0, -1.0, -1.0] * 10
    assert level(waves).blend(np.zeros(1)) > 1.3 * level([1.0, -1.0] * 30).blend(np.zeros(1))


def test_the_second_step_in_a_row_is_a_new_level():
    once = step(level([0.1, -0.1] * 10), 5.0)
    assert once.mean < 0.5
    twice = step(once, 5.0)
    assert [twice.mean[0], twice.days[0], twice.residuals[0]] == [5.0, 1, once.residuals[0]]
    assert step(once, -5.0).mean < 0.5
    assert step(once, 5.0, consecutive=False).mean < 0.7


def test_a_level_that_is_restarted_takes_the_next_day_for_itself():
    known = level([0.1, -0.1] * 10)
    kept, anew = (step(known.restart(np.array([which])), 3.0) for which in (False, True))
    assert kept.mean < 0.5
    assert [anew.mean[0], anew.residuals[0]] == [3.0, known.residuals[0]]


def test_offsets_of_hours_are_pulled_to_add_up_to_nothing_under_traffic():
    traffic = place([300.0 if 8 <= hour < 20 else 20.0 for hour in range(24)])
    differences = place([0.1 if hour >= 12 else 0.0 for hour in range(24)])
    hours = HoursOfDay.start(1)
    for _ in range(60):
        hours = hours.fold(differences, traffic, WHOLE)
    left = (hours.offsets[0] * traffic[0, 1:]).sum()
    fed = (differences * traffic).sum()
    assert 0 < left < fed / 5
    assert hours.offsets[0, 12] > hours.offsets[0, 0]


def test_the_extra_hour_of_a_day_of_25_is_the_first_one_once_more():
    there = np.ones((1, 25), bool)
    hours = HoursOfDay.start(1).fold(np.array([[9.0, 0.3, *[0.0] * 23]]), np.ones((1, 25)), there)
    offset = hours.offset()[0]
    assert offset[0] == offset[1] == pytest.approx((0.3 - 0.2 * 0.3 / 24) / 3)


def test_offsets_of_weekdays_are_centred_and_shrunk():
    week = DaysOfWeek.start(1)
    for day in range(28):
        week = week.fold(np.array([day % 7]), np.array([1.0 if day % 7 == 6 else 0.0]))
    assert week.offsets.sum() == pytest.approx(0)
    assert week.offset(np.array([6])) == pytest.approx(week.offsets[0, 6] / 2)  # four weeks, shrunk by four
    assert week.offsets[0, 6] > 0.7
