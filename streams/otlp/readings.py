"""What a data point says, in a form that can be kept: `Reading`.

Any two readings of one series and start can be subtracted (`since`), whatever scale an exponential
histogram has shrunk to between them.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import isfinite
from typing import Any

import msgspec

from metrics.fixed import SCALE, to_micro
from metrics.otlp_rules import PointKind
from streams.wire import Reason

MOST = 9 * 10**12
"""The largest value that is taken, either way: its millionths fit 64 bits."""
_MOST_COUNT = 2**62
_OFFSETS = range(-(2**31), 2**31)
_MOST_BUCKETS = 4096
_SCALES = range(-10, 21)
"""The scales that OpenTelemetry's data model knows."""


class Explicit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=0):
    """Counts in (bounds[i-1], bounds[i]], the last one above all bounds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]


class Exponential(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=1):
    """Counts in (b**i, b**(i+1)] by i, b = 2**(2**-scale); `zero` are at or about zero, `below` negative."""

    scale: int
    zero: int
    below: int
    counts: dict[int, int]


class Reading(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A sum's or gauge's value, or a histogram's or summary's count and sum (None if it tells none).

    `micro` is that value or sum in millionths: differences of integers add up again. `value` is a gauge's,
    as sent.
    """

    micro: int | None = 0
    count: int = 0
    buckets: Explicit | Exponential | None = None
    value: float = 0.0


class FaultyError(Exception):
    """A data point that cannot be counted."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def reading(kind: PointKind, point: Any) -> Reading:
    """Return what a data point says.

    Raises:
        FaultyError: bad_schema or bad_value.
    """
    return _READERS[kind](point)


def since(kind: PointKind, before: Reading | None, now: Reading) -> Reading:
    """Return what came between two readings of a cumulative series; before the first there is nothing.

    What should only grow and has not was reset: all of `now` came after.
    """
    if before is None:
        return now
    if kind is PointKind.COUNTER and (now.micro or 0) < (before.micro or 0):
        return now
    if now.count < before.count:
        return now
    buckets = None
    if now.buckets is not None and before.buckets is not None:
        buckets = _between(before.buckets, now.buckets)
        if buckets is None:
            return now
    micro = None if now.micro is None or before.micro is None else now.micro - before.micro
    return Reading(micro, now.count - before.count, buckets)


def _between(before: Explicit | Exponential, now: Explicit | Exponential) -> Explicit | Exponential | None:
    """Return the counts that were added, None if these do not follow on those."""
    if isinstance(before, Explicit) and isinstance(now, Explicit):
        if before.bounds != now.bounds:
            return None
        counts = tuple(new - old for old, new in zip(before.counts, now.counts, strict=True))
        return None if min(counts) < 0 else Explicit(now.bounds, counts)
    if isinstance(before, Exponential) and isinstance(now, Exponential):
        return _between_scales(before, now)
    return None


def _between_scales(before: Exponential, now: Exponential) -> Exponential | None:
    scale = min(before.scale, now.scale)
    old, counts = _at_scale(before, scale), _at_scale(now, scale)
    for index, count in old.items():
        counts[index] = counts.get(index, 0) - count
    zero, below = now.zero - before.zero, now.below - before.below
    if min(zero, below, *counts.values(), 0) < 0:
        return None
    return Exponential(scale, zero, below, {index: count for index, count in counts.items() if count})


def _at_scale(buckets: Exponential, scale: int) -> dict[int, int]:
    """Return the counts at a smaller scale, where each bucket is 2**(difference) of these."""
    shift = buckets.scale - scale
    counts: dict[int, int] = {}
    for index, count in buckets.counts.items():
        counts[index >> shift] = counts.get(index >> shift, 0) + count
    return counts


def _sum_point(point: Any) -> Reading:
    return Reading(_micro(_value(point)))


def _gauge(point: Any) -> Reading:
    value = _value(point)
    return Reading(_micro(value), value=float(value))


def _value(point: Any) -> int | float:
    name = point.WhichOneof("value")
    if name is None:
        raise FaultyError(Reason.BAD_SCHEMA)
    found: int | float = getattr(point, name)
    return found


def _histogram(point: Any) -> Reading:
    counts, bounds = tuple(point.bucket_counts), tuple(point.explicit_bounds)
    if not counts and not bounds:
        return Reading(_sum(point), _count(point.count))
    if len(counts) != len(bounds) + 1 or len(counts) > _MOST_BUCKETS:
        raise FaultyError(Reason.BAD_SCHEMA)
    if not all(map(isfinite, bounds)) or any(b <= a for a, b in pairwise(bounds)):
        raise FaultyError(Reason.BAD_VALUE)
    if min(counts) < 0 or sum(counts) != point.count:
        raise FaultyError(Reason.BAD_VALUE)
    return Reading(_sum(point), _count(point.count), Explicit(bounds, counts))


def _exponential_histogram(point: Any) -> Reading:
    if point.scale not in _SCALES:
        raise FaultyError(Reason.BAD_VALUE)
    if len(point.positive.bucket_counts) > _MOST_BUCKETS:
        raise FaultyError(Reason.BAD_SCHEMA)
    offset = point.positive.offset
    if offset not in _OFFSETS:
        raise FaultyError(Reason.BAD_VALUE)
    counts = {offset + place: count for place, count in enumerate(point.positive.bucket_counts) if count}
    below = sum(point.negative.bucket_counts)
    if min(point.zero_count, below, *counts.values(), 0) < 0:
        raise FaultyError(Reason.BAD_VALUE)
    if point.zero_count + below + sum(counts.values()) != point.count:
        raise FaultyError(Reason.BAD_VALUE)
    buckets = Exponential(point.scale, point.zero_count, below, counts)
    return Reading(_sum(point), _count(point.count), buckets)


def _summary(point: Any) -> Reading:
    return Reading(_micro(point.sum or 0.0), _count(point.count))


def _sum(point: Any) -> int | None:
    """Return a histogram's sum, None where it tells none that can be used: its counts still can."""
    return _micro(point.sum) if point.HasField("sum") and _is_sane(point.sum) else None


def _count(count: int) -> int:
    if not 0 <= count <= _MOST_COUNT:
        raise FaultyError(Reason.BAD_VALUE)
    return count


def _is_sane(number: float) -> bool:
    return abs(number) <= MOST  # which NaN is not either


def _micro(number: float) -> int:
    if not _is_sane(number):
        raise FaultyError(Reason.BAD_VALUE)
    return number * SCALE if isinstance(number, int) else to_micro(number)


_READERS: Mapping[PointKind, Callable[[Any], Reading]] = {
    PointKind.COUNTER: _sum_point,
    PointKind.UP_DOWN_COUNTER: _sum_point,
    PointKind.GAUGE: _gauge,
    PointKind.HISTOGRAM: _histogram,
    PointKind.EXPONENTIAL_HISTOGRAM: _exponential_histogram,
    PointKind.SUMMARY: _summary,
}
