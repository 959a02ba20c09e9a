"""What teams have today: thresholds on hours and on days, and three standard deviations."""

import numpy as np

from benchmarks.detection.counting import HOURS, Said
from benchmarks.detection.noise import Flags, Floats
from benchmarks.detection.series import Series

WINDOW = 28
"""Days whose mean and deviation the 3 sigma rule judges the next one by."""


def hourly(series: Series) -> Said:
    """Alarm when an hour is beyond the bound, until one is not."""
    values = series.values.reshape(len(series.bounds), -1)
    return Said.standing(_held(_beyond(series, values, series.bounds[:, None])), 1)


def daily(series: Series) -> Said:
    """Alarm when a day is beyond the bound, until one is not."""
    return Said.standing(_held(_beyond(series, series.daily(), series.bounds[:, None])), HOURS)


def three_sigma(series: Series) -> Said:
    """Alarm when a day is three deviations worse than the 28 before: it does not know the bound."""
    values = series.daily()
    windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW, axis=1)[:, :-1]
    limit = np.nanmean(windows, axis=2) - series.sign * 3 * np.nanstd(windows, axis=2, ddof=1)
    broken = np.zeros(values.shape, dtype=bool)
    broken[:, WINDOW:] = _beyond(series, values[:, WINDOW:], limit) == 1
    return Said.standing(broken, HOURS)


def _beyond(series: Series, values: Floats, limit: Floats) -> Floats:
    """Return 1 where values are beyond the limit, 0 where not, NaN where missing."""
    return np.where(np.isnan(values), np.nan, series.sign * (limit - values) > 0)


def _held(broken: Floats) -> Flags:
    """Return the last that was known wherever nothing is."""
    steps = np.where(np.isnan(broken), 0, np.arange(broken.shape[1]))
    last = np.maximum.accumulate(steps, axis=1)
    return np.asarray(np.nan_to_num(np.take_along_axis(broken, last, axis=1)) == 1)
