"""What each hour of a series is expected to be: traffic, cycles, the level and what wobbles about it."""

from dataclasses import dataclass

import numpy as np

from benchmarks.detection.cases import YEAR, Case
from benchmarks.detection.noise import Flags, Floats
from benchmarks.detection.world import HOURS, World, worse
from metrics.names import KINDS, Kind

MONTH = 30
DRIFT_FROM = 90
HOLIDAY = 0.1
"""How much worse a holiday is, as a share of the bound."""
_SATURDAY = 5


@dataclass(frozen=True)
class Course:
    """What each hour is expected to be, (series, hours), and which days are holidays, (series, days).

    Users in `traffic`; the cycles in `pattern`, the level in `path` and the `wobble` about it are shares of
    the bound.
    """

    traffic: Floats
    pattern: Floats
    path: Floats
    wobble: Floats
    holidays: Flags


def course_of(random: np.random.Generator, case: Case, world: World) -> Course:
    """Return what the hours of these series are expected to be."""
    traffic = _traffic(random, case, world)
    days = (len(traffic), case.days)
    holidays = random.random(days).argsort(axis=1) < case.holidays * case.days / YEAR
    path = level(case) - worse(case.metric) * HOLIDAY * np.repeat(holidays, HOURS, axis=1)
    wobble = world.wobble[:, None] * case.noise(random, case.phi, *traffic.shape)
    return Course(traffic, _pattern(case, world, traffic), path, wobble, holidays)


def level(case: Case) -> Floats:
    """Return the level of each hour, as a share of the bound, (hours); holidays come on top."""
    hours = np.arange(case.days * HOURS)
    days = hours // HOURS
    sign = worse(case.metric)
    path = 1 + sign * case.inside + case.swing * np.sin(2 * np.pi * days / case.swing_days)
    if case.at is not None:
        until = np.inf if case.until is None else case.until
        path = path - sign * case.gap * ((hours >= case.at * HOURS) & (days < until))
    path = path - sign * case.drift * np.maximum(0, days - DRIFT_FROM) / MONTH
    return np.asarray(path * _ramp(case.days, case.value_from, case.value_days))


def _traffic(random: np.random.Generator, case: Case, world: World) -> Floats:
    hours = np.arange(case.days * HOURS)
    phase = random.uniform(0, HOURS, (len(world.users), 1))
    cycle = 1 + 0.5 * np.sin(2 * np.pi * (hours - phase) / HOURS)
    weekly = np.where(hours // HOURS % 7 >= _SATURDAY, case.weekend_traffic, 1.0)
    grown = _ramp(case.days, case.traffic_from, case.traffic_days)
    return np.asarray(world.users[:, None] * cycle * weekly * grown)


def _ramp(days: int, begin: float, length: int) -> Floats:
    """Return what is there of the whole, hour by hour: from `begin` to 1 in `length` days."""
    return np.minimum(1.0, begin + (1 - begin) * np.arange(days * HOURS) / (HOURS * length))


def _pattern(case: Case, world: World, traffic: Floats) -> Floats:
    """Return both cycles about 0: they cancel out of the pooled week."""
    week = slice(-7 * HOURS, None)
    weights = (traffic if KINDS[case.metric] is Kind.RATE else np.ones_like(traffic))[:, week]
    daily = np.tile(world.daily, case.days)
    daily -= ((daily[:, week] * weights).sum(axis=1) / weights.sum(axis=1))[:, None]
    weekly = np.tile(world.weekly, case.days // 7 + 1)[:, : case.days]
    return np.asarray(daily + np.repeat(weekly, HOURS, axis=1))
