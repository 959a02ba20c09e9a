"""The hours of a day as the fast lane (`detectors.fast`) takes them: less what is usual for them."""

import numpy as np

from detectors.baseline import Baseline, Scales
from detectors.days import PLACES
from detectors.grid import Days
from detectors.lanes import Hours, Lanes
from detectors.rows import Bools, Floats, Ints, columns

_LENGTHS = (23, 24, 25)
_SHRINK = 1
"""The lane's margins are wide: it would rather know a weekday roughly than take it for half of what it is."""
_LEAST = 0.05
"""The smallest share of the level that is usual for an hour or a weekday."""


def hours_of(days: Days, scales: Scales, floored: Bools, baseline: Baseline, lanes: Lanes) -> Hours:
    """Return the hours so far of S series' days, corrected by what was known before the day.

    Values without a denominator that must not fall (`floored`, (S,)) are divided by what is usual, and weigh
    as much: a mean of them is their sum over what it usually is.
    """
    hour, day = baseline.hours_of_day.offset(), baseline.days_of_week.offset(days.weekday, _SHRINK)[:, None]
    level = np.where(baseline.level.mean > 0, baseline.level.mean, np.nan)[:, None]
    factor = np.maximum(1 + hour / level, _LEAST) * np.maximum(1 + day / level, _LEAST)
    value, relative = days.value / scales.unit[:, None], (scales.sampling == 0) & floored
    values = np.where(relative[:, None], value / factor, value - hour - day)
    noise = scales.sampling[:, None] / np.where(days.there, days.weight, 1.0)
    weight = np.where(relative[:, None], factor, 1.0)
    length = _lengths(days, lanes)
    return Hours(
        values=columns(np.where(days.there, values, np.nan), PLACES - length, PLACES, np.nan),
        noise=columns(noise, PLACES - length, PLACES, 0.0),
        weight=columns(weight, PLACES - length, PLACES, 1.0),
        first=days.last_hour - length,
        length=length,
        relative=relative,
    )


def enough(days: Days, hours: Hours, needed: Floats) -> Bools:
    """Say of each hour (S, 25) whether the day has the weight that is `needed` (S,) by then."""
    weight = columns(np.where(days.there, days.weight, 0.0), PLACES - hours.length, PLACES, 0.0)
    reached: Bools = weight.cumsum(axis=1) >= needed[:, None]
    return reached


def _lengths(days: Days, lanes: Lanes) -> Ints:
    """Return how many hours each day (S,) has: those since the day before, if that one was folded too."""
    since = days.last_hour - lanes.end
    beside = (since < _LENGTHS[0]) | (since > _LENGTHS[-1])
    return np.where(beside, np.where(days.there[:, 0], _LENGTHS[-1], _LENGTHS[1]), since)
