"""The fast lane: gross breaches, told within hours, before the daily test has its day.

A breach is gross if the mean of the last 3 hours and that of the last 12 are both beyond the bound by a
fifth of it, and by several standard deviations of such means. How much these means wobble is learned from
themselves, so that no model of how hours hang together is needed; series with heavy tails, in which a few
hours are often far off, need more deviations.

Every array has a leading axis of series, and no series' result depends on its neighbours, to the last bit:
sums over hours are additions of whole columns, never reductions whose order numpy may choose.
"""

from dataclasses import dataclass, replace

import numpy as np

from detectors.autocovariance import KEEP, MEMORY
from detectors.lanes import TAIL, WINDOWS, Breaches, Flags, Floats, Hours, Ints, Lanes, Sides

MARGIN = 0.2
"""How far beyond the bound, as a share of it."""
DEVIATIONS = (4.0, 4.5)
"""And how many standard deviations of a window's mean, under normal tails."""
LEARNING_DAYS = 21
"""Days before the lane speaks: three weeks, so that weekdays are known."""
DEAD_HOURS = 72
"""Hours after a breach in which none is told."""
_PRESENT = 0.75
_CLIP = 5.0
_CLIP_FROM = 168
"""Windows after which an outlying one can be told: a week of them."""
_NORMAL = 3.0
"""The kurtosis of a normal distribution."""


@dataclass(frozen=True)
class _Window:
    """The mean that ends with each hour of the day, NaN where too few hours are present, and its noise."""

    mean: Floats
    noise: Floats


def watch(lanes: Lanes, hours: Hours, sides: Sides, armed: Flags) -> Breaches:
    """Return the first gross breach of each series that is `armed` (series); the lanes stay as they are.

    An hour's answer rests on that hour and those before it: the hours of half a day give the answer that the
    whole day will give.
    """
    windows = _windows(lanes, hours)
    deviations = [np.sqrt(_variance(lanes, window, index)) for index, window in enumerate(windows)]
    may = _may_speak(lanes, hours, armed)
    column = np.full(len(armed), -1)
    side = np.full(len(armed), -1)
    for index in range(sides.bound.shape[1]):
        gross = may.copy()
        for window, deviation, needed in zip(windows, deviations, _needed(lanes), strict=True):
            beyond = sides.sign[:, index, None] * (sides.bound[:, index, None] - window.mean)
            gross &= (beyond >= MARGIN * sides.effect[:, index, None]) & (beyond >= needed * deviation)
        found = np.where(gross.any(axis=1), gross.argmax(axis=1), -1)
        earlier = (found >= 0) & ((column < 0) | (found < column))
        column, side = np.where(earlier, found, column), np.where(earlier, index, side)
    told = column >= 0
    at = np.arange(len(told)), np.maximum(column, 0)
    return Breaches(
        column=column,
        side=side,
        mean=np.where(told, windows[0].mean[at], np.nan),
        deviation=np.where(told, deviations[0][at], np.nan),
    )


def learn(lanes: Lanes, hours: Hours, centre: Floats, breaches: Breaches) -> Lanes:
    """Return the lanes after a complete day, whether the daily test took that day or not.

    `centre` (series) is the level that the day's hours scatter about, in the test's scale, NaN where none is
    known: then nothing is learned of the scatter. A day that is a step, no wobble, should have a centre near
    itself. `breaches` is what `watch` said of the same hours.
    """
    keep = np.where(lanes.days >= MEMORY, KEEP, 1.0)
    moments = np.zeros((4, len(centre), len(WINDOWS)))
    for index, window in enumerate(_windows(lanes, hours)):
        limit = np.where(
            lanes.count[:, index] >= _CLIP_FROM, _CLIP * np.sqrt(_mean_square(lanes, index)), np.inf
        )
        residual = np.clip(window.mean - centre[:, None], -limit[:, None], limit[:, None])
        seen = ~np.isnan(residual)
        square = np.where(seen, residual * residual, 0.0)
        for row, values in enumerate((seen, square, square * square, np.where(seen, window.noise, 0.0))):
            moments[row, :, index] = _row_sums(values)
    old = np.stack([lanes.count, lanes.squares, lanes.fourths, lanes.noises])
    count, squares, fourths, noises = keep[:, None] * old + moments
    values, noise = _joined(lanes, hours)
    told = hours.first + breaches.column + 1
    return replace(
        lanes,
        tail=_last(values, hours.length),
        noise=_last(noise, hours.length),
        end=hours.first + hours.length,
        days=lanes.days + 1,
        count=count,
        squares=squares,
        fourths=fourths,
        noises=noises,
        quiet_until=np.where(breaches.column >= 0, told + DEAD_HOURS, lanes.quiet_until),
    )


def _may_speak(lanes: Lanes, hours: Hours, armed: Flags) -> Flags:
    number = hours.first[:, None] + np.arange(hours.values.shape[1])
    heard = armed & (lanes.days >= LEARNING_DAYS)
    may: Flags = heard[:, None] & (number >= lanes.quiet_until[:, None]) & ~np.isnan(hours.values)
    return may


def _mean_square(lanes: Lanes, index: int) -> Floats:
    square: Floats = lanes.squares[:, index] / np.maximum(lanes.count[:, index], 1.0)
    return square


def _variance(lanes: Lanes, window: _Window, index: int) -> Floats:
    """Return the variance of a window's mean: more than usual where its hours have less traffic."""
    usual = lanes.noises[:, index] / np.maximum(lanes.count[:, index], 1.0)
    variance: Floats = _mean_square(lanes, index)[:, None] + np.maximum(window.noise - usual[:, None], 0.0)
    return variance


def _needed(lanes: Lanes) -> list[Floats]:
    """Return the deviations (series, 1) that each window needs."""
    needed = []
    for index, deviations in enumerate(DEVIATIONS):
        square = np.maximum(_mean_square(lanes, index) ** 2, np.finfo(np.float64).tiny)
        kurtosis = lanes.fourths[:, index] / np.maximum(lanes.count[:, index], 1.0) / square
        needed.append((deviations * np.sqrt(np.maximum(kurtosis / _NORMAL, 1.0)))[:, None])
    return needed


def _windows(lanes: Lanes, hours: Hours) -> list[_Window]:
    values, noise = _joined(lanes, hours)
    present = ~np.isnan(values)
    sums = np.stack([np.where(present, values, 0.0), present, np.where(present, noise, 0.0)])
    short = sums[..., 2:] + sums[..., 1:-1] + sums[..., :-2]
    long = short[..., 9:] + short[..., 6:-3] + short[..., 3:-6] + short[..., :-9]
    return [_window(each, size) for each, size in zip((short[..., 9:], long), WINDOWS, strict=True)]


def _window(sums: Floats, size: int) -> _Window:
    total, count, noise = sums
    divisor = np.where(count >= _PRESENT * size, count, np.nan)
    return _Window(total / divisor, noise / divisor**2)


def _joined(lanes: Lanes, hours: Hours) -> tuple[Floats, Floats]:
    """Return the values and noise of the 11 hours before the day and of the day."""
    column = np.arange(TAIL) + (hours.first - lanes.end)[:, None]
    known = column < TAIL
    column = np.minimum(column, TAIL - 1)
    tail = np.where(known, np.take_along_axis(lanes.tail, column, axis=1), np.nan)
    noise = np.where(known, np.take_along_axis(lanes.noise, column, axis=1), 0.0)
    return np.concatenate([tail, hours.values], axis=1), np.concatenate([noise, hours.noise], axis=1)


def _last(joined: Floats, length: Ints) -> Floats:
    column = length[:, None] + np.arange(TAIL)
    return np.take_along_axis(joined, column, axis=1)


def _row_sums(values: Floats | Flags) -> Floats:
    total = np.zeros(len(values))
    for column in range(values.shape[1]):
        total = total + values[:, column]
    return total
