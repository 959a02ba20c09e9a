"""Days for the fast lane: hours about a bound of 1, low values break it."""

from functools import cache
from typing import NamedTuple

import numpy as np

from detectors import fast
from detectors.lanes import Breaches, Hours, Lane, Lanes, Sides

COLUMNS = 25


class Told(NamedTuple):
    day: int
    column: int
    side: int


def floor(series: int = 1, *, effect: float = 1.0) -> Sides:
    """At least 1."""
    ones = np.ones((series, 1))
    return Sides(ones, ones, ones * effect)


def corridor(width: float) -> Sides:
    """At least 1 - width (side 0), at most 1 + width (side 1)."""
    return Sides(np.array([[1.0, -1.0]]), np.array([[1 - width, 1 + width]]), np.ones((1, 2)))


def wobble(series: int, days: int, *, seed: int, phi: float = 0.5, sd: float = 0.03):
    """(series, days, 24): 1 + AR(1)."""
    shocks = np.random.default_rng(seed).normal(0, sd * np.sqrt(1 - phi**2), (series, days * 24))
    values = np.zeros_like(shocks)
    for hour in range(1, days * 24):
        values[:, hour] = phi * values[:, hour - 1] + shocks[:, hour]
    return 1 + values.reshape(series, days, 24)


def calm(days: int):
    """(1, days, 24): 1 with next to no wobble, so that the margin alone decides."""
    return wobble(1, days, seed=0, phi=0, sd=1e-4)


def day_of(values, day: int, *, noise=None, weight=None, relative: bool = False) -> Hours:
    """The hours (series, up to 25) of a day in a row of days of 24 hours."""
    series, length = values.shape
    padded = np.full((series, COLUMNS), np.nan)
    padded[:, :length] = values
    return Hours(
        values=padded,
        noise=np.zeros((series, COLUMNS)) if noise is None else noise,
        weight=np.ones((series, COLUMNS)) if weight is None else weight,
        first=np.full(series, 24 * day),
        length=np.full(series, length),
        relative=np.full(series, relative),
    )


def fresh(series: int = 1) -> Lanes:
    return Lanes.of([Lane()] * series)


def step(lanes: Lanes, hours: Hours, sides: Sides, *, armed: bool = True) -> tuple[Lanes, Breaches]:
    series = len(lanes.end)
    breaches = fast.watch(lanes, hours, sides, np.full(series, armed))
    return fast.learn(lanes, hours, np.ones(series), breaches), breaches


def course(values, sides: Sides, *, relative: bool = False) -> tuple[Lanes, list[list[Told]]]:
    """What each series (series, days, 24) told on which day."""
    lanes = fresh(len(values))
    told: list[list[Told]] = [[] for _ in values]
    for day in range(values.shape[1]):
        lanes, breaches = step(lanes, day_of(values[:, day], day, relative=relative), sides)
        for row in np.flatnonzero(breaches.column >= 0):
            told[row].append(Told(day, int(breaches.column[row]), int(breaches.side[row])))
    return lanes, told


@cache
def learned(days: int = 30) -> Lanes:
    """A lane that knows a calm series."""
    return course(calm(days), floor())[0]
