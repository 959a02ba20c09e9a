"""What crosses its bound every day is at most one breach, which is over when it stops."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from detectors.assumptions import Assumption
from detectors.course import Setting, Standing, Step, advance_many
from detectors.sequential import Test
from tests.unit.detectors.series import START, days

FIRST = START.date()
LIVE = Setting(ZoneInfo("UTC"))
MONTH = 30
SERIES = 10
SWINGS = ((61, 59), (66, 54), (69, 51), (75, 45), (80, 20), (64, 40))
"""Levels of a good day and of a bad one: the bound is 60."""


def flaps(good: float, bad: float, sound: int) -> Callable[[int], float]:
    """`sound` good days, a month in which every second day is bad, and good ones ever after."""
    return lambda day: bad if sound <= day < sound + MONTH and (day - sound) % 2 == 0 else good


def courses(level: Callable[[int], float], count: int) -> list[tuple[list[int], list[int]]]:
    """Return, of series that wobble each in its own way, on which days breaches were found, and were over."""
    adoption = {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60}
    test = Test.of(Assumption.model_validate(adoption), 1.0)
    batches = [days(count, level, seed=seed) for seed in range(SERIES)]
    stood = [Standing.before(FIRST, test)] * SERIES
    found: list[tuple[list[int], list[int]]] = [([], []) for _ in stood]
    for number in range(count):
        steps = [Step(test, stood[row], batches[row][number], 24, LIVE) for row in range(SERIES)]
        stood = advance_many(steps)
        for (opened, ended), standing in zip(found, stood, strict=True):
            opened += [number for each in standing.breaches if each.day == FIRST + timedelta(number)]
            ended += [number for each in standing.breaches if each.ended_at]
    return found


@pytest.mark.parametrize("sound", [0, 14])
@pytest.mark.parametrize(("good", "bad"), SWINGS)
def test_a_month_of_crossing_the_bound_daily_is_one_breach_at_most(good: float, bad: float, sound: int):
    for opened, ended in courses(flaps(good, bad, sound), sound + MONTH):
        # What a level one per cent above its bound shows of itself before the month is not its flapping.
        assert sum(day >= sound for day in opened) <= 1
        assert sum(day > sound for day in ended) <= 1


def test_it_is_over_once_when_the_flapping_stops():
    found = courses(flaps(75, 45, 14), 14 + MONTH + 40)
    told = Counter((len(opened), len(ended)) for opened, ended in found)
    assert set(told) <= {(0, 0), (1, 1)}
    assert told[1, 1] > SERIES / 2
    assert all(day >= 14 + MONTH for _, ended in found for day in ended)
