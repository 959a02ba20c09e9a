import json
from dataclasses import asdict, fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from detectors import fast
from detectors.lanes import Lane, Lanes, Sides
from tests.unit.detectors.fast_lane import Told, course, day_of, floor, step, wobble

quick = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 10_000)
DAYS = 24


def broken(series: int, *, seed: int, by: float = 0.5):
    """(series, 24 days, 24) of which each breaks at an hour of its own on day 21, with missing hours."""
    random = np.random.default_rng(seed)
    values = wobble(series, DAYS, seed=seed, phi=0.7, sd=0.05)
    hours = values.reshape(series, -1)
    for row, at in enumerate(random.integers(21 * 24, 22 * 24, series)):
        hours[row, at:] -= by
    hours[random.random(hours.shape) < 0.03] = np.nan
    return values


def row_of(lanes: Lanes, row: int) -> Lane:
    return lanes.each()[row]


@quick
@given(seeds, st.integers(1, 23))
def test_the_first_hours_of_a_day_tell_what_the_whole_day_tells(seed, seen):
    values = broken(8, seed=seed)
    lanes, _ = course(values[:, :21], floor(8))
    whole = day_of(values[:, 21], 21)
    armed = np.ones(8, dtype=bool)
    later = fast.watch(lanes, whole, floor(8), armed)
    so_far = whole.values.copy()
    so_far[:, seen:] = np.nan
    early = fast.watch(lanes, replace(whole, values=so_far), floor(8), armed)
    told = (later.column >= 0) & (later.column < seen)
    assert early.column.tolist() == np.where(told, later.column, -1).tolist()
    np.testing.assert_array_equal(early.mean[told], later.mean[told])
    np.testing.assert_array_equal(early.deviation[told], later.deviation[told])


def test_some_of_those_days_tell_and_some_do_not_yet():
    _, told = course(broken(40, seed=0), floor(40))
    assert {each[0].day for each in told} == {21, 22}


@quick
@given(seeds)
def test_a_series_alone_is_the_series_among_others_to_the_last_bit(seed):
    values = broken(9, seed=seed)
    lanes, told = course(values, floor(9))
    alone, told_alone = course(values[4:5], floor())
    assert told_alone[0] == told[4]
    assert row_of(alone, 0) == row_of(lanes, 4)


@quick
@given(seeds, st.integers(0, DAYS - 1))
def test_lanes_taken_up_from_json_go_on_as_if_never_laid_down(seed, cut):
    values = broken(3, seed=seed)
    whole, said = course(values, floor(3))
    lanes, first = course(values[:, :cut], floor(3))
    stored = json.loads(json.dumps([asdict(lane) for lane in lanes.each()], allow_nan=False))
    lanes = Lanes.of(TypeAdapter(list[Lane]).validate_python(stored))
    for day in range(cut, DAYS):
        lanes, breaches = step(lanes, day_of(values[:, day], day), floor(3))
        for row in np.flatnonzero(breaches.column >= 0):
            first[row].append(Told(day, int(breaches.column[row]), int(breaches.side[row])))
    assert first == said
    assert lanes.each() == whole.each()


def test_a_lane_takes_less_than_a_kilobyte_and_a_half():
    lanes, _ = course(broken(1, seed=0), floor())
    assert len(json.dumps(asdict(row_of(lanes, 0)))) < 1536


@quick
@given(seeds)
def test_mirrored_values_break_the_mirrored_bound_in_the_same_hour(seed):
    values = broken(5, seed=seed)
    sides = floor(5)
    mirrored = Sides(-sides.sign, -sides.bound, sides.effect)
    armed = np.ones(5, dtype=bool)
    lanes, _ = course(values[:, :21], sides)
    down = replace(lanes, tail=-lanes.tail)
    day = day_of(values[:, 21], 21)
    assert _same(
        fast.watch(lanes, day, sides, armed).column,
        fast.watch(down, replace(day, values=-day.values), mirrored, armed).column,
    )


@quick
@given(seeds, st.sampled_from([1 / 1024, 1 / 4, 2, 4096]))
def test_another_unit_changes_no_hour(seed, factor):
    values = broken(5, seed=seed)
    sides = floor(5)
    larger = Sides(sides.sign, sides.bound * factor, sides.effect * factor)
    lanes, _ = course(values[:, :21], sides)
    powers = {"tail": 1, "noise": 2, "squares": 2, "fourths": 4, "noises": 2}
    scaled = replace(lanes, **{name: getattr(lanes, name) * factor**power for name, power in powers.items()})
    day = day_of(values[:, 21], 21)
    other = replace(day, values=day.values * factor, noise=day.noise * factor**2)
    armed = np.ones(5, dtype=bool)
    assert _same(fast.watch(lanes, day, sides, armed).column, fast.watch(scaled, other, larger, armed).column)
    learned = fast.learn(lanes, day, np.ones(5), fast.watch(lanes, day, sides, armed))
    learned_scaled = fast.learn(scaled, other, np.full(5, factor), fast.watch(scaled, other, larger, armed))
    for each in fields(Lane):
        expected = getattr(learned, each.name) * factor ** powers.get(each.name, 0)
        np.testing.assert_array_equal(getattr(learned_scaled, each.name), expected)


@quick
@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_gap_is_told_no_later(seed, one, other):
    values = wobble(1, 22, seed=seed, phi=0.7, sd=0.05)
    lanes, _ = course(values[:, :21], floor())
    day = day_of(values[:, 21], 21)
    smaller, larger = (
        fast.watch(lanes, replace(day, values=day.values - gap), floor(), np.array([True])).column[0]
        for gap in sorted((one, other))
    )
    assert smaller == -1 or 0 <= larger <= smaller


def _same(one, other) -> bool:
    return bool(np.array_equal(one, other))
