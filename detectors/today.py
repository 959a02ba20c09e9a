"""The hours of a day as the fast lane (`detectors.fast`) takes them: less what is usual for them."""

import numpy as np

from detectors.baseline import Baseline, Scales
from detectors.days import PLACES
from detectors.grid import Days
from detectors.lanes import Hours, Lanes
from detectors.rows import Bools, Floats, Ints, columns

_LENGTHS = (23, 24, 25)


def hours_of(days: Days, scales: Scales, baseline: Baseline, lanes: Lanes) -> Hours:
    """Return the hours so far of S series' days, corrected by what was known before the day."""
    usual = baseline.hours_of_day.offset() + baseline.days_of_week.offset(days.weekday)[:, None]
    values = days.value / scales.unit[:, None] - usual
    noise = scales.sampling[:, None] / np.where(days.there, days.weight, 1.0)
    length = _lengths(days, lanes)
    return Hours(
        values=columns(np.where(days.there, values, np.nan), PLACES - length, PLACES, np.nan),
        noise=columns(noise, PLACES - length, PLACES, 0.0),
        first=days.last_hour - length,
        length=length,
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
