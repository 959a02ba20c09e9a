"""Hours that a team takes out of detection: windows, and the holidays of its calendar. Pure."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Self
from zoneinfo import ZoneInfo

from detectors.assumptions import Assumption
from detectors.local_days import day_of
from metrics.names import Metric

LONGEST = timedelta(days=90)
"""What a window may last: who takes more out detects nothing any more, and should rather say so."""
ONE_HOUR = timedelta(hours=1)


class ExclusionKind(StrEnum):
    """Why hours are taken out."""

    INCIDENT = "INCIDENT"
    MIGRATION = "MIGRATION"
    LOAD_TEST = "LOAD_TEST"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Window:
    """From `begins` (inclusive) to `ends` (exclusive), aware of their time zone.

    None of `metric_name`, '' of the others: whichever it is.
    """

    begins: datetime
    ends: datetime
    metric_name: Metric | None = None
    cohort: str = ""
    feature: str = ""

    def concerns(self, item: Assumption) -> bool:
        """Tell whether a part of the telemetry that the assumption is about lies in the window.

        An assumption about all cohorts has the samples of each in it, the disturbed ones too.
        """
        return (
            self.metric_name in {None, item.metric_name}
            and _meet(self.cohort, item.series_cohort)
            and _meet(self.feature, item.feature)
        )


def _meet(one: str, other: str) -> bool:
    return one == other or "" in {one, other}


@dataclass(frozen=True, slots=True)
class Exclusions:
    """The hours that are taken out for one assumption.

    `windows` rise and do not touch one another; `days` are local days of `zone`, the organisation's.
    """

    zone: ZoneInfo
    windows: tuple[Window, ...] = ()
    days: frozenset[date] = frozenset()

    @classmethod
    def of(cls, zone: ZoneInfo, item: Assumption, windows: Iterable[Window], days: Iterable[date]) -> Self:
        """Return what windows in any order, which may overlap, and holidays take out for `item`."""
        return cls.joined(zone, (each for each in windows if each.concerns(item)), days)

    @classmethod
    def joined(cls, zone: ZoneInfo, windows: Iterable[Window], days: Iterable[date]) -> Self:
        """Return what windows in any order, which may overlap, and holidays take out, of all alike."""
        apart: list[Window] = []
        for window in sorted(windows, key=attrgetter("begins")):
            if apart and window.begins <= apart[-1].ends:
                apart[-1] = Window(apart[-1].begins, max(apart[-1].ends, window.ends))
            else:
                apart.append(Window(window.begins, window.ends))
        return cls(zone, tuple(apart), frozenset(days))

    def covers(self, hour: datetime) -> bool:
        """Tell whether the hour that starts at `hour` is taken out.

        A part of it in a window is enough: what was counted in that part cannot be told from the rest. As
        in `series.by_day`, an hour is of the local day in which it starts.
        """
        if day_of(hour, self.zone) in self.days:
            return True
        before = bisect_left(self.windows, hour + ONE_HOUR, key=attrgetter("begins"))
        return before > 0 and self.windows[before - 1].ends > hour
