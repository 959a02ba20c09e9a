"""The fast lane: gross breaches, told within hours, before the daily test has its day.

A breach is gross if the mean of the last 3 hours and that of the last 12 are both beyond the bound by a
fifth of it, and by several standard deviations of such means. How much these means wobble is learned from
themselves, so that no model of how hours hang together is needed; series with heavy tails, in which a few
hours are often far off, need more deviations.

Every array has a leading axis of series, and no series' result depends on its neighbours, to the last bit
(see `detectors.rows`).
"""

from dataclasses import dataclass, replace

import numpy as np

from detectors.autocovariance import KEEP, MEMORY
from detectors.lanes import TAIL, WINDOWS, Breaches, Flags, Floats, Hours, Ints, Lanes, Sides
from detectors.rows import columns, pick

MARGIN = 0.2
"""How far beyond the bound, as a share of it."""
DEVIATIONS = (4.0, 4.5)
"""And how many standard deviations of a window's mean, under normal tails."""
LEARNING_DAYS = 21
"""Days before the lane speaks: three weeks, so that weekdays are known."""
DEAD_HOURS = 72
"""Hours after a breach in which none is told."""
_PRESENT = 0.75
"""Share of a window's hours that must be present: all 3, and so the one that tells; 9 of 12."""
_MOST = (np.inf, 1.6)
"""Times what a window needs that an hour of it counts for at most: two thirds of 12 hours must be beyond, so
that a few that are far off make no breach."""
_NEARLY = 0.9
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
    """Return the first gross breach of each series that is `armed`; the lanes stay as they are.

    `armed` is (series), or (series, columns) where it is not the same for all hours.
    An hour's answer rests on that hour and those before it: the hours of half a day give the answer that the
    whole day will give.
    """
    values, noise = _joined(lanes, hours)
    short = _window(values, noise, 0)
    may = _may_speak(lanes, hours, armed)
    column, side = np.full(len(armed), -1), np.full(len(armed), -1)
    rows = np.flatnonzero((may & _near(short, sides)).any(axis=1))
    if len(rows):
        suspect = pick(lanes, rows), values[rows], noise[rows], pick(sides, rows), may[rows]
        column[rows], side[rows] = _first(*suspect)
    told, at = column >= 0, (np.arange(len(column)), np.maximum(column, 0))
    return Breaches(
        column=column,
        side=side,
        mean=np.where(told, short.mean[at], np.nan),
        deviation=np.where(told, np.sqrt(_variance(lanes, short, 0)[at]), np.nan),
    )


def _near(short: _Window, sides: Sides) -> Flags:
    """Say of each hour whether its short window is nearly a margin beyond a bound: few days have one."""
    margin = _NEARLY * MARGIN * sides.effect
    beyond = sides.sign[:, :, None] * (sides.bound[:, :, None] - short.mean[:, None, :])
    near: Flags = np.any(beyond >= margin[:, :, None], axis=1)
    return near


def _first(lanes: Lanes, values: Floats, noise: Floats, sides: Sides, may: Flags) -> tuple[Ints, Ints]:
    """Return the column of the first gross breach of each series, and its side; -1 for none."""
    column, side = np.full(len(may), -1), np.full(len(may), -1)
    for index in range(sides.bound.shape[1]):
        sign, bound, effect = (each[:, index, None] for each in (sides.sign, sides.bound, sides.effect))
        gross = may & _gross(lanes, sign * (bound - values), noise, effect)
        found = np.where(gross.any(axis=1), gross.argmax(axis=1), -1)
        earlier = (found >= 0) & ((column < 0) | (found < column))
        column, side = np.where(earlier, found, column), np.where(earlier, index, side)
    return column, side


def deviations_needed(lanes: Lanes) -> list[Floats]:
    """Return how many standard deviations (series, 1) the mean of each window needs."""
    needed = []
    for index, deviations in enumerate(DEVIATIONS):
        square = np.maximum(_mean_square(lanes, index)[:, 0] ** 2, np.finfo(np.float64).tiny)
        kurtosis = lanes.fourths[:, index] / np.maximum(lanes.count[:, index], 1.0) / square
        needed.append((deviations * np.sqrt(np.maximum(kurtosis / _NORMAL, 1.0)))[:, None])
    return needed


def _gross(lanes: Lanes, beyond: Floats, noise: Floats, effect: Floats) -> Flags:
    """Say of each hour whether the windows that end with it are far enough `beyond` the bound."""
    gross: Flags = np.ones((len(beyond), beyond.shape[1] - TAIL), dtype=np.bool_)
    for index, deviations in enumerate(deviations_needed(lanes)):
        most = _MOST[index] * np.maximum(MARGIN * effect, deviations * np.sqrt(_mean_square(lanes, index)))
        window = _window(np.clip(beyond, -most, most), noise, index)
        gross &= window.mean >= MARGIN * effect
        gross &= window.mean >= deviations * np.sqrt(_variance(lanes, window, index))
    return gross


def learn(lanes: Lanes, hours: Hours, centre: Floats, breaches: Breaches) -> Lanes:
    """Return the lanes after a complete day, whether the daily test took that day or not.

    `centre` (series) is the level that the day's hours scatter about, in the test's scale, NaN where none is
    known: then nothing is learned of the scatter. A day that is a step, no wobble, should have a centre near
    itself. `breaches` is what `watch` said of the same hours.
    """
    keep = np.where(lanes.days >= MEMORY, KEEP, 1.0)
    values, noise = _joined(lanes, hours)
    old = np.stack([lanes.count, lanes.squares, lanes.fourths, lanes.noises])
    count, squares, fourths, noises = keep[:, None] * old + _moments(lanes, values - centre[:, None], noise)
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


def _moments(lanes: Lanes, residuals: Floats, noise: Floats) -> Floats:
    """Return what a day adds to the lanes' sums: (4, series, windows)."""
    moments = np.zeros((4, len(residuals), len(WINDOWS)))
    for index in range(len(WINDOWS)):
        window = _window(residuals, noise, index)
        known = lanes.count[:, index, None] >= _CLIP_FROM
        limit = np.where(known, _CLIP * np.sqrt(_mean_square(lanes, index)), np.inf)
        seen = ~np.isnan(window.mean) & ~np.isnan(residuals[:, TAIL:])
        square = np.where(seen, np.clip(window.mean, -limit, limit) ** 2, 0.0)
        powers = np.array([seen, square, square * square, np.where(seen, window.noise, 0.0)])
        moments[:, :, index] = powers.sum(axis=-1)
    return moments


def _may_speak(lanes: Lanes, hours: Hours, armed: Flags) -> Flags:
    number = hours.first[:, None] + np.arange(hours.values.shape[1])
    heard = armed.reshape(len(armed), -1) & (lanes.days >= LEARNING_DAYS)[:, None]
    may: Flags = heard & (number >= lanes.quiet_until[:, None]) & ~np.isnan(hours.values)
    return may


def _mean_square(lanes: Lanes, index: int) -> Floats:
    square: Floats = (lanes.squares[:, index] / np.maximum(lanes.count[:, index], 1.0))[:, None]
    return square


def _variance(lanes: Lanes, window: _Window, index: int) -> Floats:
    """Return the variance of a window's mean: more than usual where its hours have less traffic."""
    usual = lanes.noises[:, index] / np.maximum(lanes.count[:, index], 1.0)
    variance: Floats = _mean_square(lanes, index) + np.maximum(window.noise - usual[:, None], 0.0)
    return variance


def _window(values: Floats, noise: Floats, index: int) -> _Window:
    present = ~np.isnan(values)
    sums = np.array([np.where(present, values, 0.0), present, np.where(present, noise, 0.0)])
    sums = sums[..., 2:] + sums[..., 1:-1] + sums[..., :-2]
    if WINDOWS[index] == WINDOWS[-1]:
        sums = sums[..., 9:] + sums[..., 6:-3] + sums[..., 3:-6] + sums[..., :-9]
    else:
        sums = sums[..., 9:]
    total, count, uncertain = sums
    divisor = np.where(count >= _PRESENT * WINDOWS[index], count, np.nan)
    return _Window(total / divisor, uncertain / divisor**2)


def _joined(lanes: Lanes, hours: Hours) -> tuple[Floats, Floats]:
    """Return the values and noise of the 11 hours before the day and of the day."""
    since = hours.first - lanes.end
    tail, noise = columns(lanes.tail, since, TAIL, np.nan), columns(lanes.noise, since, TAIL, 0.0)
    return np.concatenate([tail, hours.values], axis=1), np.concatenate([noise, hours.noise], axis=1)


def _last(joined: Floats, length: Ints) -> Floats:
    return columns(joined, length, TAIL, np.nan)
