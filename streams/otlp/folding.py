"""OTLP points in, cells out: pure. Delta points and gauges add at once, cumulative ones what they changed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.otlp_rules import PointKind
from storage.otlp import Kept, SeriesStart
from storage.partials import SeriesHour
from storage.watermarks import ProjectKey
from streams.otlp.contributions import contribution
from streams.otlp.differences import Change, Course, Last
from streams.otlp.mapping import Route
from streams.otlp.points import Point
from streams.otlp.readings import Reading

_READING = msgspec.msgpack.Decoder(Reading)


@dataclass(slots=True)
class _Sum:
    """What is added to one cell; parts of it may be negative, where an hour added less than it seemed."""

    value_micro: int = 0
    of_micro: int = 0
    samples: int = 0
    latency: Counter[int] = field(default_factory=Counter)

    def add(self, cell: Cell, sign: int) -> None:
        self.value_micro += sign * cell.value_micro
        self.of_micro += sign * cell.of_micro
        self.samples += sign * cell.samples
        for bucket, count in cell.latency.counts.items():
            self.latency[bucket] += sign * count

    def cell(self) -> Cell:
        counts = {bucket: count for bucket, count in self.latency.items() if count}
        return Cell(self.value_micro, self.of_micro, self.samples, latency=LatencyBuckets(counts))


class Sums:
    """The cells of a chunk, while they are added up."""

    def __init__(self) -> None:
        self._sums: dict[SeriesHour, _Sum] = {}

    def add(
        self,
        project: ProjectKey,
        hour: int,
        routes: Iterable[Route],
        kind: PointKind,
        came: Reading,
        sign: int = 1,
    ) -> None:
        """Add what `came` in an hour to each metric it goes to, or take it away again."""
        for route in routes:
            where = SeriesHour(*project, hour, route.metric, route.cohort, route.feature)
            held = self._sums.get(where)
            if held is None:
                held = self._sums[where] = _Sum()
            held.add(contribution(route, kind, came), sign)

    def cells(self) -> dict[SeriesHour, Cell]:
        """Return what is not nothing."""
        cells = ((where, held.cell()) for where, held in self._sums.items())
        return {where: cell for where, cell in cells if cell != _NOTHING}


_NOTHING = Cell()


@dataclass(slots=True)
class _Waiting:
    """New points of one cumulative series and start."""

    kind: PointKind
    routes: tuple[Route, ...]
    points: list[tuple[int, Last]] = field(default_factory=list)


class Cumulative:
    """The cumulative points of a chunk, until what is kept of their series is at hand."""

    def __init__(self, lateness: float) -> None:
        self._lateness_ns = lateness * 1e9
        self._waiting: dict[SeriesStart, _Waiting] = {}

    def add(self, project: ProjectKey, point: Point) -> None:
        """Take in a point."""
        series = SeriesStart(*project, UUID(bytes=point.series), point.started_ns)
        waiting = self._waiting.get(series)
        if waiting is None:
            waiting = self._waiting[series] = _Waiting(point.kind, point.routes)
        encoded = msgspec.msgpack.encode(point.reading)
        waiting.points.append((point.hour, Last(point.time_ns, encoded, point.reading)))

    def spans(self) -> dict[SeriesStart, tuple[int, int]]:
        """Return the first and the last hour of each series' points."""
        return {series: _span(waiting.points) for series, waiting in self._waiting.items()}

    def difference(
        self, kept: Mapping[SeriesStart, Sequence[Kept]], sums: Sums
    ) -> list[tuple[SeriesStart, Kept]]:
        """Add to `sums` what the points change, and return what is to be kept of them."""
        found: list[tuple[SeriesStart, Kept]] = []
        for series, waiting in self._waiting.items():
            hours = {each.hour: _last(each) for each in kept.get(series, ())}
            course = Course(waiting.kind, series.started_ns, self._lateness_ns)
            newer, changes = course.placed(hours, waiting.points)
            for change in changes:
                _apply(change, (series.org_id, series.project_id), waiting, sums)
            found += [(series, Kept(hour, last.time_ns, last.encoded)) for hour, last in newer.items()]
        return found


def _apply(change: Change, project: ProjectKey, waiting: _Waiting, sums: Sums) -> None:
    for came, sign in ((change.now, 1), (change.was, -1)):
        if came is not None:
            sums.add(project, change.hour, waiting.routes, waiting.kind, came, sign)


def _last(kept: Kept) -> Last:
    return Last(kept.time_ns, kept.reading, _READING.decode(kept.reading))


def _span(points: Sequence[tuple[int, Last]]) -> tuple[int, int]:
    hours = [hour for hour, _ in points]
    return min(hours), max(hours)
