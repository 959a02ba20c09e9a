from dataclasses import replace

import numpy as np
import pytest

from detectors import fast
from detectors.lanes import Sides
from tests.unit.detectors.fast_lane import (
    COLUMNS,
    calm,
    corridor,
    course,
    day_of,
    floor,
    fresh,
    learned,
    step,
    wobble,
)

BREAK = 30  # the first day of a breach


def falls(share: float, *, days: int = 3, at: int = 0):
    """(1, days, 24) that falls by a share at hour `at` of the first day."""
    values = calm(days)
    values.reshape(-1)[at:] -= share
    return values


def hours_until(values) -> list[int]:
    """After how many hours of a breach on day 30 each is told."""
    lanes, told = learned(BREAK), []
    for day in range(values.shape[1]):
        lanes, breaches = step(lanes, day_of(values[:, day], BREAK + day), floor())
        told += [24 * day + int(column) + 1 for column in breaches.column if column >= 0]
    return told


@pytest.mark.parametrize(
    ("share", "hours"),
    [(0.19, []), (0.21, [12]), (0.25, [10]), (0.31, [8]), (0.5, [8]), (0.8, [8]), (5.0, [8])],
)
def test_a_breach_is_told_when_twelve_hours_are_a_fifth_beyond_the_bound_and_eight_of_them_are(share, hours):
    assert hours_until(falls(share)) == hours


def test_a_breach_in_the_middle_of_a_day_is_told_over_midnight():
    assert hours_until(falls(0.5, at=20)) == [28]


def test_a_breach_that_is_over_is_not_told_late():
    values = falls(0.5, days=1)
    values[0, 0, 7:] += 0.5
    assert hours_until(values) == []
    values[0, 0, 7:9] -= 0.5
    assert hours_until(values) == [8]


def test_a_single_hour_far_off_is_no_breach():
    values = calm(3)
    values[0, 0, 5] = -1e6
    assert hours_until(values) == []


@pytest.mark.parametrize(("known", "told"), [(20, []), (21, [8])])
def test_three_weeks_are_learned_before_anything_is_told(known, told):
    breaches = fast.watch(learned(known), day_of(falls(0.5)[:, 0], known), floor(), np.array([True]))
    assert [int(column) + 1 for column in breaches.column if column >= 0] == told


def test_one_breach_is_told_once_in_three_days():
    values = calm(40)
    values[0, 30:37] -= 0.5
    assert course(values, floor())[1] == [[(30, 7, 0), (33, 8, 0), (36, 9, 0)]]


def test_both_sides_of_a_corridor_are_watched():
    values = calm(40)
    values[0, 30, 3:] += 0.8
    values[0, 36, 3:] -= 0.8
    assert course(values, corridor(0.1))[1] == [[(30, 11, 1), (36, 11, 0)]]


@pytest.mark.parametrize(("first", "side"), [(-0.8, 0), (0.8, 1)])
def test_of_two_breaches_in_a_day_the_first_is_told(first, side):
    values = calm(40)
    values[0, 30, :12] += first
    values[0, 30, 12:] -= first
    assert course(values, corridor(0.1))[1] == [[(30, 8, side)]]


def test_a_side_that_a_series_does_not_have_is_never_broken():
    sides = corridor(0.1)
    sides.bound[0, 1] = np.nan
    values = calm(40)
    values[0, 30] += 0.8
    values[0, 36] -= 0.8
    assert course(values, sides)[1] == [[(36, 8, 0)]]


def test_a_series_that_is_not_armed_tells_nothing_and_is_armed_at_once():
    lanes, day = learned(BREAK), falls(0.5)
    lanes, breaches = step(lanes, day_of(day[:, 0], BREAK), floor(), armed=False)
    assert breaches.column.tolist() == [-1]
    _, breaches = step(lanes, day_of(day[:, 1], BREAK + 1), floor())
    assert breaches.column.tolist() == [0]


@pytest.mark.parametrize(
    ("missing", "hours"), [([], [12]), ([0, 4, 8], [12]), ([0, 4, 7, 8], []), ([10], [])]
)
def test_three_hours_in_a_row_and_nine_of_twelve_must_be_present(missing, hours):
    values = falls(0.21, days=1)
    values[0, 0, 12:] = np.nan
    values[0, 0, missing] = np.nan
    assert hours_until(values) == hours


def test_a_missing_hour_tells_nothing_though_the_window_before_it_was_bad():
    values = falls(0.25)
    values[0, 0, [9, 10]] = np.nan
    assert hours_until(values) == [14]


def test_hours_before_a_gap_of_days_are_forgotten():
    lanes, day = learned(BREAK), falls(0.21, at=16)
    lanes, _ = step(lanes, day_of(day[:, 0], BREAK), floor())
    _, breaches = step(lanes, day_of(day[:, 1], BREAK + 1), floor())
    assert breaches.column.tolist() == [3]
    _, breaches = step(lanes, day_of(day[:, 1], BREAK + 2), floor())
    assert breaches.column.tolist() == [8]


@pytest.mark.parametrize("length", [23, 24, 25])
def test_a_day_of_any_length_hands_its_last_hours_on(length):
    lanes, day = learned(BREAK), np.ones((1, length))
    day[0, -4:] -= 0.5
    lanes, breaches = step(lanes, day_of(day, BREAK), floor())
    assert breaches.column.tolist() == [-1]
    after = day_of(np.full((1, 24), 0.5), BREAK)
    hours = replace(after, first=np.array([24 * BREAK + length]))
    assert fast.watch(lanes, hours, floor(), np.array([True])).column.tolist() == [3]


def test_the_mean_and_deviation_told_are_those_of_the_last_three_hours():
    lanes = course(wobble(1, 30, seed=1, phi=0, sd=0.03), floor())[0]
    breaches = fast.watch(lanes, day_of(falls(0.5)[:, 0], BREAK), floor(), np.array([True]))
    assert breaches.mean[0] == pytest.approx(0.5, abs=0.001)
    assert breaches.deviation[0] == pytest.approx(0.03 / np.sqrt(3), rel=0.1)


@pytest.mark.parametrize(("sd", "told"), [(0.03, [8]), (0.2, []), (0.07, [10])])
def test_what_wobbles_more_must_break_for_longer_or_further(sd, told):
    lanes = course(wobble(1, 30, seed=1, phi=0.8, sd=sd), floor())[0]
    breaches = fast.watch(lanes, day_of(falls(0.35)[:, 0], BREAK), floor(), np.array([True]))
    assert [int(column) + 1 for column in breaches.column if column >= 0] == told


def test_hours_of_less_traffic_than_usual_must_break_further():
    noise = np.full((1, COLUMNS), 0.25 / 5)
    lanes, day = learned(BREAK), day_of(falls(0.5)[:, 0], BREAK)
    assert fast.watch(lanes, day, floor(), np.array([True])).column.tolist() == [7]
    quiet = day_of(day.values[:, :24], BREAK, noise=noise)
    assert fast.watch(lanes, quiet, floor(), np.array([True])).column.tolist() == [-1]


def test_noise_that_is_usual_is_in_the_scatter_already():
    noise = np.full((1, COLUMNS), 0.03**2)
    lanes, values = fresh(), wobble(1, 30, seed=1, phi=0, sd=0.03)
    for day in range(30):
        lanes, _ = step(lanes, day_of(values[:, day], day, noise=noise), floor())
    breaches = fast.watch(lanes, day_of(falls(0.5)[:, 0], BREAK, noise=noise), floor(), np.array([True]))
    assert breaches.deviation[0] == pytest.approx(0.03 / np.sqrt(3), rel=0.1)


@pytest.mark.parametrize(("days", "windows"), [(7, 0), (8, 24), (9, 48)])
def test_the_scatter_is_learned_once_each_weekday_was_seen(days, windows):
    assert learned(days).count.tolist() == [[windows, windows]]


def usual(hour: int) -> float:
    """A count's profile: next to nothing at night, a peak by day."""
    return 0.05 if hour < 8 else 1.5


@pytest.mark.parametrize(("left", "hours"), [(0.81, []), (0.79, [12]), (0.5, [8]), (0.2, [8]), (0.0, [8])])
def test_counts_are_compared_by_the_factor_that_is_left(left, hours):
    lanes = course(calm(BREAK), floor(), relative=True)[0]
    day = day_of(left * calm(1)[:, 0], BREAK, relative=True)
    breaches = fast.watch(lanes, day, floor(), np.array([True]))
    assert [int(column) + 1 for column in breaches.column if column >= 0] == hours


@pytest.mark.parametrize(("times", "hours"), [(1.19, []), (1.21, [12]), (2.0, [8]), (1e9, [8])])
def test_counts_that_must_not_rise_are_compared_by_the_factor_too(times, hours):
    lanes = course(calm(BREAK), floor(), relative=True)[0]
    most = Sides(np.array([[-1.0]]), np.array([[1.0]]), np.array([[1.0]]))
    day = day_of(times * calm(1)[:, 0], BREAK, relative=True)
    breaches = fast.watch(lanes, day, most, np.array([True]))
    assert [int(column) + 1 for column in breaches.column if column >= 0] == hours


def test_the_loss_of_most_of_a_count_is_told_though_it_wobbles_by_half():
    random = np.random.default_rng(5)
    lanes = course(np.exp(random.normal(0, 0.5, (1, 40, 24))), floor(), relative=True)[0]
    by_amount = course(np.exp(random.normal(0, 0.5, (1, 40, 24))), floor())[0]
    day = day_of(0.2 * calm(1)[:, 0], 40)
    assert fast.watch(by_amount, day, floor(), np.array([True])).column.tolist() == [-1]
    by_factor = replace(day, relative=np.array([True]))
    assert fast.watch(lanes, by_factor, floor(), np.array([True])).column.tolist() == [8]


def test_hours_that_usually_have_next_to_nothing_say_next_to_nothing():
    weight = np.array([[usual(hour) for hour in range(COLUMNS)]])
    lanes = course(calm(BREAK), floor(), relative=True)[0]
    night = calm(1)[:, 0]
    night[0, :8] = 0
    for weighted, told in ((weight, [-1]), (None, [7])):
        day = day_of(night, BREAK, weight=weighted, relative=True)
        assert fast.watch(lanes, day, floor(), np.array([True])).column.tolist() == told


def test_heavy_tails_need_more_deviations():
    random = np.random.default_rng(3)
    normal = 1 + random.normal(0, 0.05, (1, 60, 24))
    heavy = 1 + 0.05 / np.sqrt(3) * random.standard_t(3, (1, 60, 24))
    day = day_of(falls(0.4)[:, 0], 60)
    needed = []
    for values in (normal, heavy):
        lanes = course(values, floor())[0]
        needed.append(fast.deviations_needed(lanes)[1][0, 0])
        assert fast.watch(lanes, day, floor(), np.array([True])).column[0] >= 7
    assert needed[0] == pytest.approx(4.5, rel=0.1)
    assert needed[1] > 1.1 * needed[0]


def test_a_day_without_a_level_is_no_day_learned():
    day = day_of(calm(1)[:, 0], 0)
    silent = fast.watch(fresh(), day, floor(), np.array([True]))
    lanes = fast.learn(fresh(), day, np.array([np.nan]), silent)
    assert (lanes.days.tolist(), lanes.count.tolist()) == ([0], [[0.0, 0.0]])


@pytest.mark.parametrize(("days", "kept"), [(119, 1.0), (120, 119 / 120)])
def test_scatter_older_than_120_days_is_forgotten_as_new_arrives(days, kept):
    before = replace(learned(BREAK), days=np.array([days]))
    after, _ = step(before, day_of(calm(1)[:, 0], BREAK), floor())
    assert after.count.tolist() == (kept * before.count + 24).tolist()
