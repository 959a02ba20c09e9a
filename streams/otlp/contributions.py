"""What a reading, or what came between two, adds to one of our metrics by the route of its mapping."""

from metrics.cell import Cell
from metrics.fixed import LARGEST, SCALE
from metrics.latency import LatencyBuckets
from metrics.names import KINDS, Kind
from metrics.otlp_rules import PointKind
from streams.otlp.mapping import Route, Take
from streams.otlp.medians import latency
from streams.otlp.readings import Explicit, Exponential, Reading
from streams.wire import Reason


def fault(route: Route, kind: PointKind, reading: Reading) -> Reason | None:
    """Return why a reading cannot go this way, None if it can."""
    if route.fault or route.take is Take.COUNT:
        return route.fault
    if route.take is Take.BUCKETS:
        return _bucket_fault(reading.buckets)
    if reading.micro is None or (reading.micro < 0 and kind is not PointKind.UP_DOWN_COUNTER):
        return Reason.BAD_VALUE
    return Reason.BAD_VALUE if reading.value * route.scale > LARGEST else None


def _bucket_fault(buckets: Explicit | Exponential | None) -> Reason | None:
    if buckets is None:
        return Reason.BAD_SCHEMA
    if isinstance(buckets, Exponential):
        return Reason.BAD_VALUE if buckets.below else None
    if not buckets.bounds:
        return Reason.BAD_SCHEMA
    below_zero = zip(buckets.bounds, buckets.counts, strict=False)
    return Reason.BAD_VALUE if any(bound < 0 and count for bound, count in below_zero) else None


def contribution(route: Route, kind: PointKind, came: Reading) -> Cell:
    """Return what `came` adds; nothing where nothing came."""
    recordings = _recordings(kind, came)
    if KINDS[route.metric] is Kind.MEDIAN:
        return Cell(samples=recordings, latency=_latency(route, came))
    amount = _amount(route, came)
    if KINDS[route.metric] is Kind.SUM:
        return Cell(value_micro=amount, samples=recordings)
    return Cell(
        value_micro=amount if route.numerator else 0,
        of_micro=amount if route.denominator else 0,
        # A numerator alone is part of what its denominator counts.
        samples=recordings if route.denominator else 0,
    )


def _recordings(kind: PointKind, came: Reading) -> int:
    """Return how many events a reading stands for, as far as it tells."""
    if kind in {PointKind.HISTOGRAM, PointKind.EXPONENTIAL_HISTOGRAM, PointKind.SUMMARY}:
        return came.count
    if kind is PointKind.COUNTER:
        return max((came.micro or 0) // SCALE, 1 if came.micro else 0)
    return 1 if kind is PointKind.GAUGE or came.micro else 0


def _amount(route: Route, came: Reading) -> int:
    micro = came.count * SCALE if route.take is Take.COUNT else came.micro or 0
    return micro if route.scale == 1 else round(micro * route.scale)


def _latency(route: Route, came: Reading) -> LatencyBuckets:
    if came.buckets is not None:
        return latency(came.buckets, route.scale)
    return LatencyBuckets.of([came.value * route.scale])
