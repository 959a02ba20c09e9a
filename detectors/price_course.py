"""The course of an elasticity through days: what is kept of each, and what becomes of the breaches. Pure.

What is kept are the days themselves, a line each. The course is made anew from all of them: corrected
telemetry and a version whose deployment is noted later change it as if they had always been known.

History and shadow are as in `detectors.course`: a breach found on a day into which history came is told
again, as a new one, on the first live day, one found in the shadow on the first day after it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from detectors.assumptions import Assumption
from detectors.course import SETTLING, Breach, Evidence, Setting
from detectors.elasticity import NO_PRICE, Look, Path, PricedDay, Test, Verdict
from detectors.local_days import ONE_DAY, day_of, day_start, first_whole_day
from detectors.plan import MIN_HOURS
from detectors.series import HourRow, actual, users_of
from detectors.tiers import head_count
from detectors.verdicts import Status


@dataclass(frozen=True, slots=True)
class Day:
    """What is kept of a complete local day.

    `demand` is None where there was too little telemetry, `price` where none was in force all day.
    `revisions` is the sum of those of its Telemetry; `historical` says that history came into it.
    """

    day: date
    demand: float | None
    price: float | None = None
    revisions: int = 0
    historical: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known on a day, with the confidence sequence for the elasticity after it."""

    look: Look
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Found:
    """A breach, and what was known on the day on which it was found, and on those until it is settled."""

    breach: Breach
    looks: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """What the days say: the last verdict (None where no day has a price and demand), and all breaches."""

    last: Verdict | None = None
    interval: tuple[float, float] | None = None
    found: Sequence[Found] = ()

    @property
    def status(self) -> Status:
        """What is known."""
        return self.last.status if self.last else Status.NOT_IDENTIFIABLE

    def shown(self) -> dict[str, Any]:
        """Return what is known as a JSON object, for people; keys as those of the daily test's verdict."""
        if self.last is None:
            return {"reason": NO_PRICE}
        look = self.last.look
        return {
            "reason": look.reason,
            "e_value": self.last.e_value,
            "threshold": self.last.threshold,
            "bound": self.last.bound,
            "mean": look.estimate,
            "deviation": look.deviation,
            "interval": self.interval,
        }


def read_day(
    item: Assumption, day: date, rows: Sequence[HourRow], *, historical: bool, taken_out: bool = False
) -> Day:
    """Return what is kept of a complete day with these rows; the price is still to come.

    A day of which hours are `taken_out` has no demand: that of the others is not a day's.
    """
    users, samples = users_of(rows)
    enough = (
        not taken_out
        and len({row.hour for row in rows}) >= MIN_HOURS
        and samples >= (item.min_samples or 0)
        and head_count(users, samples) >= item.min_users
    )
    demand = actual(item.metric_name, rows) if enough else None
    return Day(day, demand, revisions=sum(row.revision for row in rows), historical=historical)


def in_force(
    versions: Iterable[tuple[float, datetime]], through: date, zone: ZoneInfo
) -> Iterator[tuple[date, float]]:
    """Yield the price of each day, until `through`, on which one was in force all day, by day.

    `versions` are (price, since), oldest first. The day of a change has two prices, and so none.
    """
    known = list(versions)
    starts = [day_of(since, zone) for _, since in known]
    ends = [later - ONE_DAY for _, later in pairwise(starts)] + [through]
    for (price, since), end in zip(known, ends, strict=True):
        day = first_whole_day(since, zone)
        while day <= min(end, through):
            yield day, price
            day += ONE_DAY


def follow(
    test: Test, days: Iterable[Day], since: date, alarms: Callable[[date], float], setting: Setting
) -> Course:
    """Return the course through `days`; those before `since` are learned from, and not judged.

    `alarms` are the false alarms a year accepted on a day.
    """
    usable = [
        PricedDay(each.day, each.price, each.demand)
        for each in days
        if each.price and each.demand is not None
    ]
    path = Path(test, usable)
    course = _Following(test, path, setting)
    for number, look in enumerate(path.looks(), 1):
        if look.day >= since:
            course.take(look, number, alarms(look.day))
    last = course.last
    interval = path.interval(last.look.day) if last and last.look.estimate is not None else None
    return Course(last, interval, course.found)


class _Following:
    """A course on its way from day to day."""

    def __init__(self, test: Test, path: Path, setting: Setting) -> None:
        self._test, self._path, self._setting = test, path, setting
        self.last: Verdict | None = None
        self.found: list[Found] = []

    def take(self, look: Look, number: int, alarms: float) -> None:
        """Judge a day, the `number`-th that tells something."""
        begins, ends = (day_start(day, self._setting.zone) for day in (look.day, look.day + ONE_DAY))
        lasting = self._lasting()
        broken = self.last.side if self.last else None
        if lasting and lasting.historical and look.day not in self._setting.history:
            self._end(begins, "live days")
            lasting, broken = None, None
        verdict = self.last = self._test.judge(look, broken, alarms)
        if verdict.notify:
            historical = look.day in self._setting.history and ends not in self._setting.told
            self._begin(verdict, number, ends, historical=historical)
        elif verdict.resolve:
            self._end(ends, "data")
        elif lasting and self._leaves_shadow(lasting, ends):
            self._end(begins, "shadow ended")
            self._begin(verdict, number, ends, historical=False)
        self._settle(look, ends)

    def _settle(self, look: Look, ends: datetime) -> None:
        """Keep what a day of the week after a breach was found says of it, until it ends."""
        if not self.found or look.estimate is None:
            return
        told = self.found[-1]
        day, ended_at = told.breach.day, told.breach.ended_at
        if day < look.day <= day + SETTLING and ended_at in {None, ends}:
            seen = Seen(look, self._path.interval(look.day))
            self.found[-1] = replace(told, looks=(*told.looks, seen))

    def _lasting(self) -> Breach | None:
        breach = self.found[-1].breach if self.found else None
        return None if breach is None or breach.ended_at else breach

    def _leaves_shadow(self, lasting: Breach, ends: datetime) -> bool:
        until = self._setting.shadow_until
        return bool(until and lasting.detected_at <= until < ends and not lasting.historical)

    def _begin(self, verdict: Verdict, number: int, ends: datetime, *, historical: bool) -> None:
        day = verdict.look.day
        interval = self._path.interval(day)
        evidence = Evidence(
            verdict.e_value,
            verdict.threshold,
            interval,
            days=number,
            lane="estimate",
            configuration=self._test.configuration,
        )
        seen = Seen(verdict.look, interval)
        self.found.append(Found(Breach(day, ends, evidence, historical), (seen,)))

    def _end(self, at: datetime, resolution: str) -> None:
        told = self.found[-1]
        self.found[-1] = replace(told, breach=replace(told.breach, ended_at=at, resolution=resolution))


KEPT = TypeAdapter(tuple[Day, ...])
"""The days that are kept, to and from JSON; floats keep every bit."""
