"""How the false alarms that an organisation accepts are shared among its assumptions, day by day. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from detectors.assumptions import Assumption
from detectors.local_days import day_of, day_start
from detectors.plan import Test

MOST = 10.0
"""Alarms a year above which a test is none, however few assumptions share the budget."""


@dataclass(frozen=True, slots=True)
class Life:
    """When an assumption counts: from `effective_from` until a newer version of its artifact is approved."""

    effective_from: datetime
    approved_at: datetime
    superseded_at: datetime | None = None


class Shares:
    """What an assumption may raise a year, on each day.

    The budget is divided by the assumptions that are live as the day begins. One approved on a later day
    than this one counts from the day of its approval on, whatever it is effective from: what was judged
    before stays as it was judged, so that a replay judges alike.

    Args:
        alarms_per_year: what the organisation accepts for all its assumptions together.
        approved_at: when the assumption in question was approved.
        lives: all assumptions of the organisation, this one too, superseded ones too.
        zone: the organisation's time zone.
    """

    def __init__(
        self, alarms_per_year: float, approved_at: datetime, lives: Iterable[Life], zone: ZoneInfo
    ) -> None:
        self._alarms, self._zone = alarms_per_year, zone
        approved_on = day_of(approved_at, zone)
        spans = [(_begins(life, approved_on, zone), life.superseded_at) for life in lives]
        spans = [(begins, ends) for begins, ends in spans if ends is None or begins < ends]
        self._begins = sorted(begins for begins, _ in spans)
        self._ends = sorted(ends for _, ends in spans if ends)

    def on(self, day: date) -> float:
        """Return the share on a local day, above 0 and at most `MOST`."""
        start = day_start(day, self._zone)
        live = bisect_right(self._begins, start) - bisect_right(self._ends, start)
        return min(self._alarms / max(live, 1), MOST)


def _begins(life: Life, approved_on: date, zone: ZoneInfo) -> datetime:
    day = day_of(life.approved_at, zone)
    return life.effective_from if day <= approved_on else max(life.effective_from, day_start(day, zone))


class Thresholds:
    """The test of an assumption on each day: its share of the budget, and so its threshold, moves."""

    def __init__(self, assumption: Assumption, shares: Shares) -> None:
        self._test, self._shares = Test.of(assumption), shares
        self._made: dict[float, Test] = {}

    def on(self, day: date) -> Test:
        """Return the test of a day."""
        share = self._shares.on(day)
        if share not in self._made:
            self._made[share] = self._test.with_rate(share)
        return self._made[share]
