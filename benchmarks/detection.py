"""What the daily test costs and finds, simulated: `make bench-detection`.

Series: adoption on its bound of 60 %, 200 users an hour, hourly values that wander (AR(1) of
autocorrelation phi, standard deviation 4 points),
a daily and a weekly cycle, one outlier in 2,000 hours, one hour in a hundred missing.
Seeded; no parameter of the test was tuned on these seeds.
"""

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import Pool

import numpy as np

from detectors.assumptions import Assumption
from detectors.days import DayBatch, Hour
from detectors.sequential import Status, Test, fold

START = datetime(2026, 1, 5, tzinfo=UTC)
BOUND = 0.6
YEAR = 365
AFTER = 60
TEST = Test.of(Assumption(key="a", metric_name="user_adoption", operator=">=", value=100 * BOUND))
FIRST_MONTH = 30
NEVER = 99


def days(seed: int, phi: float, count: int, level: Callable[[int], float]) -> Iterator[DayBatch]:
    """Yield `count` days; `level(day)` multiplies the bound."""
    random = np.random.default_rng(seed)
    hours = np.arange(count * 24)
    traffic = 200 * (1 + 0.5 * np.sin(2 * np.pi * (hours - random.uniform(0, 24)) / 24))
    cycle = 0.05 * np.sin(2 * np.pi * (hours - random.uniform(0, 24)) / 24)
    cycle -= (cycle * traffic).sum() / traffic.sum()
    weekly = np.where(hours // 24 % 7 >= 5, -0.018, 0.0072)
    mean = BOUND * np.array([level(hour // 24) for hour in range(count * 24)]) + cycle + weekly
    users = np.maximum(random.poisson(traffic), 1)
    values = random.binomial(users, np.clip(mean + _wander(random, phi, len(hours)), 0.001, 0.999)) / users
    outliers = random.random(len(hours)) < 1 / 2000
    values[outliers] = random.random(int(outliers.sum()))
    there = random.random(len(hours)) >= 0.01
    for day in range(count):
        yield _batch(day, [hour for hour in range(24 * day, 24 * day + 24) if there[hour]], values, users)


def _wander(random: np.random.Generator, phi: float, count: int) -> np.ndarray:
    steps = random.normal(0, 0.04 * np.sqrt(1 - phi**2), count)
    wander, now = np.empty(count), random.normal(0, 0.04)
    for hour in range(count):
        now = phi * now + steps[hour]
        wander[hour] = now
    return wander


def _batch(day: int, hours: list[int], values: np.ndarray, users: np.ndarray) -> DayBatch:
    points = tuple(
        Hour(START + timedelta(hours=hour), 100 * float(values[hour]), float(users[hour])) for hour in hours
    )
    begins = START + timedelta(days=day)
    return DayBatch(begins.date(), begins + timedelta(days=1), points, 1000, int(users[hours].sum()))


def told(batches: Iterator[DayBatch]) -> list[int]:
    """Return the days on which the test says that the bound is broken."""
    state, found = TEST.start(), []
    for index, batch in enumerate(batches):
        state, verdict = fold(TEST, state, batch)
        if verdict.notify and verdict.status is Status.DIVERGED:
            found.append(index)
    return found


def false_alarms(phi: float, seed: int) -> tuple[int, bool]:
    """Return the alarms of a sound year, and whether one came in the first month."""
    found = told(days(seed, phi, YEAR, lambda _: 1.0))
    return len(found), bool(found and found[0] < FIRST_MONTH)


def delay(phi: float, at: int, gap: float, seed: int) -> int:
    """Return the days until a drop by `gap` at day `at` is told."""
    found = told(days(100_000 + seed, phi, at + AFTER, lambda day: 1 - gap if day >= at else 1.0))
    return next((day - at + 1 for day in found if day >= at), NEVER)


def main(series: int) -> None:
    """Print the table."""
    print(f"{series} series a cell; threshold {TEST.sides[0].threshold:.0f}")
    print(
        f"{'phi':>4} {'false alarms a year':>20} {'in 30 days':>11}   median (90 %) days to a 5/10/20 % drop"
    )
    with Pool() as pool:
        for phi in (0.0, 0.5, 0.8, 0.9, 0.95):
            alarms = pool.map(partial(false_alarms, phi), range(series), chunksize=5)
            rate = sum(count for count, _ in alarms) / series
            early = sum(soon for _, soon in alarms) / series
            found = []
            for at in (0, 90):
                delays = [
                    pool.map(partial(delay, phi, at, gap), range(series), chunksize=5)
                    for gap in (0.05, 0.1, 0.2)
                ]
                found.append("/".join(f"{np.median(d):.0f}({np.percentile(d, 90):.0f})" for d in delays))
            print(f"{phi:>4} {rate:>20.3f} {early:>11.1%}   launch {found[0]}, day 90 {found[1]}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=200)
    main(parser.parse_args().series)
