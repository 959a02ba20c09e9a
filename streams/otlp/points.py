"""One data point, judged: what it says, where it goes, and to which series it belongs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from metrics.otlp_rules import PointKind
from storage.series import SeriesName
from storage.watermarks import ProjectKey
from streams.event_time import HOUR
from streams.otlp.contributions import fault
from streams.otlp.mapping import Mapping, Route
from streams.otlp.readings import FaultyError, Reading, reading
from streams.otlp.requests import NO_RECORDED_VALUE, Stream, Temporality, attributes
from streams.wire import Reason

NANOSECONDS = 1_000_000_000
_LAST_TIME = 253_402_300_799 * NANOSECONDS
"""The end of the year 9999, as for the times of samples."""
_CACHED = 50_000


@dataclass(frozen=True, slots=True)
class Span:
    """The event times that are taken, nanoseconds: `oldest` and `latest` are within."""

    oldest: int
    latest: int

    def fault(self, time_ns: int, started_ns: int) -> Reason | None:
        """Return why a point of this time is refused, None if it is not."""
        if not 0 < time_ns <= _LAST_TIME or not 0 <= started_ns <= time_ns:
            return Reason.BAD_TIMESTAMP
        if time_ns > self.latest:
            return Reason.FUTURE
        return Reason.TOO_LATE if time_ns < self.oldest else None


@dataclass(frozen=True, slots=True)
class Point:
    """A point that counts. `series` is a hash of all that names its series, start time apart."""

    series: bytes
    kind: PointKind
    is_cumulative: bool
    routes: tuple[Route, ...]
    reading: Reading
    started_ns: int
    time_ns: int

    @property
    def hour(self) -> int:
        """Return the hour it belongs to, epoch seconds."""
        return self.time_ns // NANOSECONDS // HOUR * HOUR


class Routes:
    """Where the series of each mapping go, looked up once; bounded."""

    def __init__(self) -> None:
        self._found: dict[tuple[Mapping, bytes], tuple[Route, ...]] = {}

    def of(
        self, mapping: Mapping, series: bytes, stream: Stream, own: dict[str, object]
    ) -> tuple[Route, ...]:
        """Return where a point of `stream` with its `own` attributes goes."""
        found = self._found.get((mapping, series))
        if found is None:
            if len(self._found) >= _CACHED:
                self._found.clear()
            found = mapping.route(stream.name, stream.unit, stream.kind, own, stream.resource)
            self._found[mapping, series] = found
        return found


@dataclass(slots=True)
class Judge:
    """Judges the points of one project by its mapping; `barred` series have no room."""

    routes: Routes
    project: ProjectKey
    mapping: Mapping
    span: Span
    barred: Collection[SeriesName]

    def judged(self, stream: Stream, point: Any, name: bytes | None) -> Point | None:
        """Return what counts of a point, None if nothing of it is meant to.

        Args:
            stream: what it is of.
            point: the data point, None where it could not be decoded.
            name: `stream_name` of the stream; None where it has none.

        Raises:
            FaultyError: why the point is refused.
        """
        if point is None or name is None:
            raise FaultyError(Reason.BAD_SCHEMA)
        if point.flags & NO_RECORDED_VALUE:
            return None
        own = attributes(point.attributes)
        series = _series(name, own)
        routes = self.routes.of(self.mapping, series, stream, own)
        if not routes:
            return None
        if stream.temporality is Temporality.UNSPECIFIED:
            raise FaultyError(Reason.BAD_SCHEMA)
        time_ns, started_ns = point.time_unix_nano, point.start_time_unix_nano
        read = reading(stream.kind, point)
        refused = self.span.fault(time_ns, started_ns) or self._fault(routes, stream.kind, read)
        if refused:
            raise FaultyError(refused)
        is_cumulative = stream.temporality is Temporality.CUMULATIVE
        return Point(series, stream.kind, is_cumulative, routes, read, started_ns, time_ns)

    def _fault(self, routes: Sequence[Route], kind: PointKind, read: Reading) -> Reason | None:
        for route in routes:
            found = fault(route, kind, read)
            if found:
                return found
            if self.barred and (*self.project, route.metric, route.cohort, route.feature) in self.barred:
                return Reason.TOO_MANY_SERIES
        return None


def stream_name(stream: Stream) -> bytes | None:
    """Return all that names a stream, in one form whatever the encoding and order; None if nothing can."""
    resource = sorted(stream.resource.items(), key=_key)
    try:
        return _encoded((resource, stream.scope, stream.name, stream.unit, stream.kind))
    except FaultyError:
        return None


def _series(name: bytes, own: dict[str, object]) -> bytes:
    return blake2b(name + _encoded(sorted(own.items(), key=_key)), digest_size=16).digest()


def _encoded(part: object) -> bytes:
    """Return `part` as bytes.

    Raises:
        FaultyError: bad_schema: a number that no 64 bits hold, nesting without end.
    """
    try:
        return msgspec.msgpack.encode(part)
    except (OverflowError, RecursionError, UnicodeEncodeError):
        raise FaultyError(Reason.BAD_SCHEMA) from None


def _key(item: tuple[str, object]) -> str:
    return item[0]
