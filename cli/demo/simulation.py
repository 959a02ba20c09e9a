"""Six weeks of a simulated product's samples, from a seed and a date: pure, and the same every time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cli.demo.traffic import STREAMS, Form, Traffic
from cli.publishing.messages import Sample

DAYS = 42
HOURS = DAYS * 24
SETTLED = timedelta(hours=1)
"""The last hour ended at least this long ago: an hour closes some minutes after its end."""
PERSISTENCE = 0.8
"""Lag-1 correlation of the hourly noise."""
BUSY_AT = 15
"""The hour of day, UTC, with the most traffic."""
SWING = 0.6
WEEKEND = 0.75
SPREAD = 0.3
"""Standard deviation of the logarithm of a latency."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Chunk(NamedTuple):
    """The samples of one project in one hour, in the order of their timestamps."""

    org: str
    project: str
    samples: list[Sample]


def start_of(now: datetime) -> datetime:
    """Return the first instant simulated: 42 days before the end of the last complete UTC day."""
    end = (now.astimezone(UTC) - SETTLED).replace(hour=0, minute=0, second=0, microsecond=0)
    return end - timedelta(days=DAYS)


def simulate(now: datetime, seed: int) -> Iterator[Chunk]:
    """Yield all samples, hour by hour and in each hour project by project."""
    start = start_of(now)
    projects: dict[tuple[str, str], list[_Series]] = {}
    for number, traffic in enumerate(STREAMS):
        # A generator each: a stream that is added or changed leaves the others as they were.
        series = _Series(traffic, start, np.random.default_rng([seed, number]))
        projects.setdefault((traffic.org, traffic.project), []).append(series)
    for hour in range(HOURS):
        for (org, project), parts in projects.items():
            samples = [pair for series in parts for pair in series.hour(hour)]
            samples.sort(key=_second)
            if samples:
                yield Chunk(org, project, [sample for _, sample in samples])


def _second(pair: tuple[int, Sample]) -> int:
    return pair[0]


class _Series:
    """All samples of one stream as columns, ordered by time; hours are cut from them."""

    def __init__(self, traffic: Traffic, start: datetime, rng: np.random.Generator) -> None:
        self._traffic = traffic
        clock = (start.weekday() * 24 + np.arange(HOURS)) % (7 * 24)
        counts = rng.poisson(_intensity(traffic, clock))
        self._ends = np.cumsum(counts)
        hour = np.repeat(np.arange(HOURS), counts)
        seconds = int(start.timestamp()) + hour * 3600 + rng.integers(0, 3600, len(hour))
        self._seconds: Ints = np.sort(seconds)
        level = _level(traffic, clock, rng)[hour]
        self._values, self._of, self._users = _columns(traffic, level, rng)
        self._names = [f"{traffic.project.split()[0].lower()}-{user:05d}" for user in range(traffic.people)]

    def hour(self, hour: int) -> Iterator[tuple[int, Sample]]:
        """Yield the samples of the hour, each with its second."""
        cut = slice(self._ends[hour - 1] if hour else 0, self._ends[hour])
        seconds = self._seconds[cut]
        traffic = self._traffic
        times: list[str | int] = _timestamps(traffic, seconds)
        values = self._values[cut].tolist()
        of = self._of[cut].tolist() if traffic.form is Form.RATIO else [None] * len(values)
        users = [self._names[user] for user in self._users[cut].tolist()] or [None] * len(values)
        for second, value, time, total, user in zip(seconds.tolist(), values, times, of, users, strict=True):
            yield (
                second,
                Sample(
                    traffic.metric,
                    value,
                    time,
                    total,
                    cohort=traffic.cohort or None,
                    feature=traffic.feature or None,
                    user_id=user,
                ),
            )


def _timestamps(traffic: Traffic, seconds: Ints) -> list[str | int]:
    """Both forms that the wire format has: services count seconds, apps write RFC 3339."""
    if traffic.form is Form.NUMBER:
        return list(map(int, seconds))
    return [f"{time}Z" for time in np.datetime_as_string(seconds.astype("datetime64[s]"))]


def _intensity(traffic: Traffic, clock: Ints) -> Floats:
    """Samples an hour: a daily wave, quieter weekends, and none outside the stream's hours of day."""
    of_day = clock % 24
    wave = 1 + SWING * np.cos((of_day - BUSY_AT) * 2 * np.pi / 24)
    week = np.where(clock // 24 >= 5, WEEKEND, 1.0)  # noqa: PLR2004  # Saturday and Sunday
    open_ = np.isin(of_day, traffic.hours)
    growth = np.ones(HOURS)
    if traffic.change:
        growth[traffic.change.day * 24 :] = traffic.change.factor
    return traffic.per_hour * wave * week * open_ * growth


def _level(traffic: Traffic, clock: Ints, rng: np.random.Generator) -> Floats:
    """The true level of each hour: its own, AR(1) noise, and a daily wave."""
    noise = np.empty(HOURS)
    last = rng.normal()
    for hour, step in enumerate(rng.normal(size=HOURS) * np.sqrt(1 - PERSISTENCE**2)):
        last = noise[hour] = PERSISTENCE * last + step
    off = traffic.wobble * noise + traffic.cycle * np.sin(clock % 24 * 2 * np.pi / 24)
    base = np.full(HOURS, traffic.level)
    if traffic.change:
        base[traffic.change.day * 24 :] = traffic.change.level
    return base * np.exp(off) if traffic.form is Form.NUMBER else base + off


def _columns(traffic: Traffic, level: Floats, rng: np.random.Generator) -> tuple[Ints | Floats, Ints, Ints]:
    """Return value, denominator and user index of each sample; columns that the form lacks are empty."""
    none = np.empty(0, dtype=np.int64)
    if traffic.form is Form.NUMBER:
        return np.round(level * np.exp(SPREAD * rng.normal(size=len(level))), 1), none, none
    if traffic.form is Form.USES:
        users = rng.integers(0, traffic.people, len(level))
        return 1 + rng.poisson(np.maximum(level - 1, 0)), none, users
    share = np.clip(level, 0, 1)
    if traffic.form is Form.RATIO:
        of = 1 + rng.poisson(traffic.of, len(level))
        return rng.binomial(of, share), of, none
    yes = rng.random(len(level)) < share
    return yes.astype(np.int64), none, _people(traffic, yes, rng)


def _people(traffic: Traffic, yes: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    """Who says so: a user's answer stays what it is, so that over a week nobody counts on both sides."""
    adopters = round(traffic.people * traffic.level)
    return np.where(
        yes,
        rng.integers(0, adopters, len(yes)),
        rng.integers(adopters, traffic.people, len(yes)),
    )
