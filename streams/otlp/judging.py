"""What an export becomes, point by point, before the worker has it: by the rules that it judges by."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from metrics.otlp_rules import PointKind
from streams.otlp.contributions import fault
from streams.otlp.mapping import Mapping, Route
from streams.otlp.readings import FaultyError, reading
from streams.otlp.requests import NO_RECORDED_VALUE, Stream, Temporality, attributes
from streams.wire import Reason


@dataclass(frozen=True, slots=True)
class Judged:
    """A point, where it goes, and why it is refused (None: it counts, if it goes anywhere)."""

    stream: Stream
    index: int
    point: Any
    routes: tuple[Route, ...]
    fault: Reason | None


def judge(streams: Sequence[Stream], mapping: Mapping) -> Iterator[Judged]:
    """Yield each point with what `mapping` makes of it; its time and series are for the worker to judge."""
    for stream in streams:
        for place, point in enumerate(stream.points):
            routes = _routes(stream, point, mapping)
            yield Judged(stream, stream.first + place, point, routes, _fault(stream, point, routes))


def rejected(streams: Sequence[Stream], mapping: Mapping) -> Counter[Reason]:
    """Return how many points will be refused, by reason."""
    return Counter(each.fault for each in judge(streams, mapping) if each.fault)


def _routes(stream: Stream, point: Any, mapping: Mapping) -> tuple[Route, ...]:
    if point is None or not mapping.knows(stream.name):
        return ()
    own = attributes(point.attributes)
    return mapping.route(stream.name, stream.unit, stream.kind, own, stream.resource)


def _fault(stream: Stream, point: Any, routes: Sequence[Route]) -> Reason | None:
    if point is None:
        return Reason.BAD_SCHEMA
    if not routes or point.flags & NO_RECORDED_VALUE:
        return None
    if stream.kind is not PointKind.GAUGE and stream.temporality is Temporality.UNSPECIFIED:
        return Reason.BAD_SCHEMA
    try:
        read = reading(stream.kind, point)
    except FaultyError as error:
        return error.reason
    return next((found for route in routes if (found := fault(route, stream.kind, read))), None)
