"""Seeded telemetry: hours that wobble as production does, about a level that the test sets day by day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import pi, sin, sqrt
from random import Random

from detectors.days import DayBatch, Hour

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday


def hour_at(number: int, value: float, weight: float) -> Hour:
    return Hour(START + timedelta(hours=number), value, weight)


def batch(number: int, hours: list[Hour], users: int = 2000) -> DayBatch:
    day = START + timedelta(days=number)
    return DayBatch(
        day.date(), day + timedelta(days=1), tuple(hours), users, round(sum(h.weight for h in hours))
    )


def days(
    count: int,
    level: Callable[[int], float],
    *,
    seed: int,
    weight: float = 200,
    deviation: float = 0.067,
    cycle: float = 0.08,
    phi: float = 0.8,
) -> list[DayBatch]:
    """`level(day)` times 1 + AR(1) of that deviation + a daily cycle: at 60 %, sd 4 and cycle 5 points."""
    random = Random(seed)
    wobble, batches = random.gauss(0, deviation), []
    for day in range(count):
        hours = []
        for hour in range(24):
            wobble = phi * wobble + random.gauss(0, deviation * sqrt(1 - phi**2))
            usual = 1 + cycle * sin(2 * pi * hour / 24)
            value = level(day) * (usual + wobble)
            hours.append(hour_at(24 * day + hour, value, weight))
        batches.append(batch(day, hours))
    return batches


def steady(value: float) -> Callable[[int], float]:
    return lambda _day: value


def breaks(before: float, after: float, at: int) -> Callable[[int], float]:
    return lambda day: after if day >= at else before
