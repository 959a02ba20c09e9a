"""What the points of an export become, by the rules that the worker judges by, before it has them.

Whether a point is too late or one series too many depends on what the worker has seen; the rest does not.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from streams.otlp.mapping import Mapping, Route
from streams.otlp.points import Judge, Routes, Span, stream_name
from streams.otlp.readings import FaultyError
from streams.otlp.requests import Stream
from streams.wire import Reason

_NOBODY = (UUID(int=0), UUID(int=0))
_EVER = Span(0, 2**63)


@dataclass(frozen=True, slots=True)
class Judged:
    """The point at `index` of an export and where it goes: nowhere if no rule is about it, or for a fault."""

    stream: Stream
    index: int
    point: Any
    routes: tuple[Route, ...] = ()
    fault: Reason | None = None


def judge(streams: Sequence[Stream], mapping: Mapping) -> Iterator[Judged]:
    """Yield each point with what `mapping` makes of it."""
    judging = Judge(Routes(), _NOBODY, mapping, _EVER, ())
    for stream in streams:
        name, is_known = stream_name(stream), mapping.knows(stream.name)
        for index, point in enumerate(stream.points, stream.first):
            if is_known:
                yield _judged(judging, stream, index, point, name)
            else:
                yield Judged(stream, index, point)


def rejected(streams: Sequence[Stream], mapping: Mapping) -> Counter[Reason]:
    """Return how many points will be refused, by reason."""
    return Counter(each.fault for each in judge(streams, mapping) if each.fault)


def _judged(judging: Judge, stream: Stream, index: int, point: Any, name: bytes | None) -> Judged:
    try:
        found = judging.judged(stream, point, name)
    except FaultyError as error:
        return Judged(stream, index, point, fault=error.reason)
    return Judged(stream, index, point, found.routes if found else ())
