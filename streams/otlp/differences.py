"""Cumulative series, differenced: what an hour added follows from the set of points alone (ADR 0013).

Of each hour the last point is kept. An hour added what lies between its last point and that of the hour
before it that has one. A new point changes what its own hour added, and what the next hour with a point
did: `placed` returns both, as what was and what is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from metrics.otlp_rules import PointKind
from streams.otlp.readings import Reading, since

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Last:
    """The last point of an hour; `encoded` decides between two points of one time."""

    time_ns: int
    encoded: bytes
    reading: Reading


Hours = Mapping[int, Last]
"""By hour, epoch seconds."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an hour added before, and what it adds now; None is nothing."""

    hour: int
    was: Reading | None
    now: Reading | None


@dataclass(frozen=True, slots=True)
class Course:
    """A cumulative series since one start.

    `started_ns` is 0 where the producer does not tell; `lateness_ns` is how old a start may be for its
    first point to count from zero: what is older may have been counted by points that are forgotten.
    """

    kind: PointKind
    started_ns: int
    lateness_ns: float

    def placed(self, kept: Hours, points: Iterable[tuple[int, Last]]) -> tuple[dict[int, Last], list[Change]]:
        """Return the hours whose last point is another now, and what that changes.

        Args:
            kept: the hours of `points`, all between these, and the nearest before and after.
            points: hours and points, in any order.
        """
        newer: dict[int, Last] = {}
        for hour, point in points:
            held = newer.get(hour) or kept.get(hour)
            if held is None or (held.time_ns, held.encoded) < (point.time_ns, point.encoded):
                newer[hour] = point
        if not newer:
            return {}, []
        before, after = self._added(kept), self._added({**kept, **newer})
        first = min(newer)
        changed = [hour for hour in after if hour >= first and before.get(hour) != after[hour]]
        return newer, [Change(hour, before.get(hour), after[hour]) for hour in changed]

    def _added(self, hours: Hours) -> dict[int, Reading | None]:
        """Return what each hour added; of the first in `hours` only if it is the series' first."""
        added: dict[int, Reading | None] = {}
        before: Reading | None = None
        for hour, last in sorted(hours.items()):
            if before is None:
                added[hour] = last.reading if self._counts_from_zero(last) else None
            else:
                added[hour] = since(self.kind, before, last.reading)
            before = last.reading
        return added

    def _counts_from_zero(self, first: Last) -> bool:
        return self.started_ns > 0 and first.time_ns - self.started_ns <= self.lateness_ns
