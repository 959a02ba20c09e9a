"""The fast lane: gross breaches, told within hours, before the daily test has its day.

A breach is gross if the mean of the last 3 hours and that of the last 12 are both beyond the bound by a
fifth of it, and by several standard deviations of such means. How much these means wobble is learned from
themselves, so that no model of how hours hang together is needed; series with heavy tails, in which a few
hours are often far off, need more deviations.

Counts wobble by factors, not by amounts: where they must not fall, a window is the sum of its hours over the
sum that is usual for these, and how far that is off is its logarithm. By an amount that fits their peaks, the
loss of four fifths of a count would be wobble.

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
"""Days with data before the lane speaks."""
_SETTLED = 7
"""Days before the scatter of means is learned: until each weekday was seen, it is that of the week."""
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
_LEAST = 0.02
"""The smallest factor that is told from a smaller one: nothing at all is one too."""
_NORMAL = 3.0
"""The kurtosis of a normal distribution."""


@dataclass(frozen=True)
class _Row:
    """Hours in a row (series, n): the 11 before the day, and those of the day; `relative` is (series, 1)."""

    values: Floats
    noise: Floats
    weight: Floats
    relative: Flags


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
    row = _joined(lanes, hours)
    short = _window(row, 0)
    may = _may_speak(lanes, hours, armed)
    column, side = np.full(len(armed), -1), np.full(len(armed), -1)
    suspect = np.flatnonzero((may & _near(short, sides)).any(axis=1))
    if len(suspect):
        picked = pick(lanes, suspect), pick(row, suspect), pick(sides, suspect), may[suspect]
        column[suspect], side[suspect] = _first(*picked)
    series = np.arange(len(column))
    told, at = column >= 0, (series, np.maximum(column, 0))
    bound = sides.bound[series, np.maximum(side, 0)]
    deviation = np.sqrt(_variance(lanes, short, 0)[at]) * np.where(hours.relative, np.abs(bound), 1.0)
    return Breaches(
        column=column,
        side=side,
        mean=np.where(told, short.mean[at], np.nan),
        deviation=np.where(told, deviation, np.nan),
    )


def _near(short: _Window, sides: Sides) -> Flags:
    """Say of each hour whether its short window is nearly a margin beyond a bound: few days have one."""
    margin = _NEARLY * MARGIN * sides.effect
    beyond = sides.sign[:, :, None] * (sides.bound[:, :, None] - short.mean[:, None, :])
    near: Flags = np.any(beyond >= margin[:, :, None], axis=1)
    return near


def _first(lanes: Lanes, row: _Row, sides: Sides, may: Flags) -> tuple[Ints, Ints]:
    """Return the column of the first gross breach of each series, and its side; -1 for none."""
    column, side = np.full(len(may), -1), np.full(len(may), -1)
    for index in range(sides.bound.shape[1]):
        gross = may & _gross(
            lanes, row, *(each[:, index, None] for each in (sides.sign, sides.bound, sides.effect))
        )
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


def _gross(lanes: Lanes, row: _Row, sign: Floats, bound: Floats, effect: Floats) -> Flags:
    """Say of each hour of the day whether the windows that end with it are far enough beyond the bound."""
    gross: Flags = np.ones((len(bound), row.values.shape[1] - TAIL), dtype=np.bool_)
    margin = np.where(row.relative, -sign * np.log1p(-sign * MARGIN), MARGIN * effect)
    for index, deviations in enumerate(deviations_needed(lanes)):
        most = _MOST[index] * np.maximum(margin, deviations * np.sqrt(_mean_square(lanes, index)))
        window = _window(replace(row, values=_within(row.values, bound, most, row.relative)), index)
        beyond = sign * _gap(bound, window.mean, row.relative)
        gross &= (beyond >= margin) & (beyond >= deviations * np.sqrt(_variance(lanes, window, index)))
    return gross


def _gap(one: Floats, other: Floats, relative: Flags) -> Floats:
    """Return how far `one` is above `other`: an amount or, where `relative`, the logarithm of a factor."""
    amount = one - other
    if not relative.any():
        return amount
    one, other = (np.where(relative, each, 1.0) for each in (one, other))
    factor = np.where(one > 0, one, np.nan) / np.maximum(other, _LEAST * np.abs(one))
    return np.where(relative, np.log(np.maximum(factor, _LEAST)), amount)


def _within(values: Floats, middle: Floats, most: Floats, relative: Flags) -> Floats:
    """Return values limited to `most` from the middle, as an amount or as the logarithm of a factor."""
    amount = np.clip(values, middle - most, middle + most)
    if not relative.any():
        return amount
    factor = np.exp(np.where(relative, most, 0.0))
    return np.where(relative, np.clip(values, middle / factor, middle * factor), amount)


def learn(lanes: Lanes, hours: Hours, centre: Floats, breaches: Breaches) -> Lanes:
    """Return the lanes after a complete day, whether the daily test took that day or not.

    `centre` (series) is the level that the day's hours scatter about, in the test's scale, NaN where none is
    known: then nothing is learned of the scatter. A day that is a step, no wobble, should have a centre near
    itself. `breaches` is what `watch` said of the same hours.
    """
    keep = np.where(lanes.days >= MEMORY, KEEP, 1.0)
    row = _joined(lanes, hours)
    old = np.stack([lanes.count, lanes.squares, lanes.fourths, lanes.noises])
    settled = np.where(lanes.days >= _SETTLED, centre, np.nan)
    count, squares, fourths, noises = keep[:, None] * old + _moments(lanes, row, settled[:, None])
    told = hours.first + breaches.column + 1
    return replace(
        lanes,
        tail=_last(row.values, hours.length),
        noise=_last(row.noise, hours.length),
        weight=_last(row.weight, hours.length),
        end=hours.first + hours.length,
        days=lanes.days + ~np.isnan(centre),
        count=count,
        squares=squares,
        fourths=fourths,
        noises=noises,
        quiet_until=np.where(breaches.column >= 0, told + DEAD_HOURS, lanes.quiet_until),
    )


def _moments(lanes: Lanes, row: _Row, centre: Floats) -> Floats:
    """Return what a day adds to the lanes' sums: (4, series, windows)."""
    moments = np.zeros((4, len(centre), len(WINDOWS)))
    for index in range(len(WINDOWS)):
        window = _window(row, index)
        residual = _gap(centre, window.mean, row.relative)
        known = lanes.count[:, index, None] >= _CLIP_FROM
        limit = np.where(known, _CLIP * np.sqrt(_mean_square(lanes, index)), np.inf)
        seen = ~np.isnan(residual) & ~np.isnan(row.values[:, TAIL:])
        square = np.where(seen, np.clip(residual, -limit, limit) ** 2, 0.0)
        powers = np.array([seen, square, square * square, np.where(seen, window.noise, 0.0)])
        moments[:, :, index] = powers.sum(axis=-1)
    return moments


def _may_speak(lanes: Lanes, hours: Hours, armed: Flags) -> Flags:
    number = hours.first[:, None] + np.arange(hours.values.shape[1])
    heard = armed.reshape(len(armed), -1) & (lanes.days >= LEARNING_DAYS)[:, None]
    may: Flags = heard & (number >= lanes.quiet_until[:, None])
    return may


def _mean_square(lanes: Lanes, index: int) -> Floats:
    square: Floats = (lanes.squares[:, index] / np.maximum(lanes.count[:, index], 1.0))[:, None]
    return square


def _variance(lanes: Lanes, window: _Window, index: int) -> Floats:
    """Return the variance of a window's mean: more than usual where its hours have less traffic."""
    usual = lanes.noises[:, index] / np.maximum(lanes.count[:, index], 1.0)
    variance: Floats = _mean_square(lanes, index) + np.maximum(window.noise - usual[:, None], 0.0)
    return variance


def _window(row: _Row, index: int) -> _Window:
    present = ~np.isnan(row.values)
    weight = np.where(present, row.weight, 0.0)
    values, noise = np.where(present, row.values, 0.0), np.where(present, row.noise, 0.0)
    sums = np.array([weight * values, weight * weight * noise, weight, present])
    sums = sums[..., 2:] + sums[..., 1:-1] + sums[..., :-2]
    if WINDOWS[index] == WINDOWS[-1]:
        sums = sums[..., 9:] + sums[..., 6:-3] + sums[..., 3:-6] + sums[..., :-9]
    else:
        sums = sums[..., 9:]
    total, uncertain, whole, count = sums
    divisor = np.where((count >= _PRESENT * WINDOWS[index]) & (whole > 0), whole, np.nan)
    return _Window(total / divisor, uncertain / divisor**2)


def _joined(lanes: Lanes, hours: Hours) -> _Row:
    since = hours.first - lanes.end
    before = ((lanes.tail, np.nan), (lanes.noise, 0.0), (lanes.weight, 1.0))
    values, noise, weight = (
        np.concatenate([columns(tail, since, TAIL, empty), today], axis=1)
        for (tail, empty), today in zip(before, (hours.values, hours.noise, hours.weight), strict=True)
    )
    return _Row(values, noise, weight, hours.relative[:, None])


def _last(joined: Floats, length: Ints) -> Floats:
    return columns(joined, length, TAIL, np.nan)
