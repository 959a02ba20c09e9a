"""Ready hourly rows, as `augentis telemetry export` writes them: the rules, and the cell behind a row. Pure.

A row stands for an hour that is over. What merges days needs more than its value: rates come with their
denominator (or count one for each sample), medians and users with their sketches. A median without its
sketch counts as if all its samples had its value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from metrics.cell import Cell
from metrics.fixed import LARGEST, SCALE, from_decimal
from metrics.latency import ACCURACY, LatencyBuckets
from metrics.names import KINDS, UNITS, Kind, Metric
from metrics.users import EXACT, UserSet
from storage.partials import SeriesHour
from streams.event_time import HOUR, epoch_seconds
from streams.samples import series_fault
from streams.wire import MetricName, Reason, Refused

REQUIRED = ("timestamp", "metric_name", "metric_value", "sample_count")
OPTIONAL = (
    *("cohort", "feature", "unit", "numerator", "denominator", "user_count"),
    *("latency_sketch", "users_sketch", "positive_users_sketch"),
)
MOST = Decimal(10) ** 24
"""No sum of an hour is as large: beyond it a column of PostgreSQL would overflow."""
_NEAR = Decimal("0.01")
"""How far a rate may be from its numerator and denominator, in percent: files are rounded."""

_LAST = max(LatencyBuckets.of([LARGEST]).counts)
"""The bucket of the largest value."""


class Row(msgspec.Struct, gc=False):
    """One row. `timestamp` is the start of the hour; sketches are bytes, base64 where the format is text."""

    timestamp: str | int | float
    metric_name: MetricName
    metric_value: Decimal
    sample_count: int
    cohort: str = ""
    feature: str = ""
    unit: str | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    user_count: int | None = None
    latency_sketch: bytes | None = None
    users_sketch: bytes | None = None
    positive_users_sketch: bytes | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Epoch seconds: rows of hours that begin before `kept` or end after `now` are refused."""

    kept: float
    now: float


def read(fields: dict[str, Any]) -> Row:
    """Return the row in `fields`: texts where the file has texts alone.

    Raises:
        Refused: a field is missing or of the wrong type.
    """
    try:
        return msgspec.convert(fields, Row, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`")
        raise Refused(_REASONS.get(field, Reason.BAD_SCHEMA), str(error)) from None


_REASONS = {
    "metric_name": Reason.UNKNOWN_METRIC,
    "timestamp": Reason.BAD_TIMESTAMP,
    "unit": Reason.BAD_UNIT,
    **dict.fromkeys(
        ("metric_value", "sample_count", "numerator", "denominator", "user_count"), Reason.BAD_VALUE
    ),
}


def cell(row: Row, project: tuple[UUID, UUID], times: Times) -> tuple[SeriesHour, Cell]:
    """Return what a row is about, and what it knows.

    Raises:
        Refused: it breaks a rule.
    """
    metric = Metric(row.metric_name)
    hour = _hour(row, times)
    fault = series_fault(metric, row.cohort, row.feature)
    if fault:
        raise Refused(fault, "cohort or feature is too long, or no text")
    if row.unit is not None and row.unit != UNITS[metric]:
        raise Refused(Reason.BAD_UNIT, f"{metric} is in {UNITS[metric]}, not in {row.unit[:40]!r}")
    _need(0 < row.sample_count <= LARGEST, f"sample_count {row.sample_count} is not above 0")
    for name in ("metric_value", "numerator", "denominator"):
        number = getattr(row, name)
        _need(
            number is None or (number.is_finite() and 0 <= number <= MOST), f"{name} {number} is out of range"
        )
    found = _MAKE[KINDS[metric]](metric, row)
    _need(
        row.user_count is None or not row.users_sketch or row.user_count == found.users.count(),
        f"user_count {row.user_count} is not that of users_sketch, {found.users.count()}",
    )
    return SeriesHour(*project, hour, metric, row.cohort, row.feature), found


def _hour(row: Row, times: Times) -> int:
    at = epoch_seconds(row.timestamp)
    if at is None or at % HOUR:
        raise Refused(Reason.BAD_TIMESTAMP, f"{str(row.timestamp)[:40]!r} is not the start of an hour")
    if at + HOUR > times.now:
        raise Refused(Reason.FUTURE, "the hour is not over")
    if at < times.kept:
        raise Refused(Reason.TOO_LATE, "the month is older than AUGENTIS_RETENTION")
    return int(at)


def _sum(_: Metric, row: Row) -> Cell:
    _need(row.numerator in (None, row.metric_value), "numerator is another than metric_value")
    return Cell(from_decimal(row.metric_value), 0, row.sample_count, users=_users(row.users_sketch))


def _median(_: Metric, row: Row) -> Cell:
    _need(row.metric_value <= Decimal(LARGEST), f"metric_value {row.metric_value} is out of range")
    users, value = _users(row.users_sketch), float(row.metric_value)
    if not row.latency_sketch:
        (bucket,) = LatencyBuckets.of([value]).counts
        return Cell(samples=row.sample_count, users=users, latency=LatencyBuckets({bucket: row.sample_count}))
    buckets = _buckets(row.latency_sketch)
    median = buckets.median() or 0.0
    _need(
        abs(median - value) <= ACCURACY * max(median, value) + 1e-6,
        f"metric_value {row.metric_value} is not the median of latency_sketch, {median:g}",
    )
    return Cell(samples=row.sample_count, users=users, latency=buckets)


def _rate(metric: Metric, row: Row) -> Cell:
    users, positive = _users(row.users_sketch), _users(row.positive_users_sketch)
    of = Decimal(row.sample_count) if row.denominator is None else row.denominator
    part = row.metric_value * of / 100 if row.numerator is None else row.numerator
    _need(of > 0, "denominator is 0")
    _need(part <= of or metric is Metric.CRASH_RATE, f"numerator {part} is above denominator {of}")
    _need(
        abs(100 * part / of - row.metric_value) <= _NEAR,
        f"metric_value {row.metric_value} is not 100 x {part} / {of}",
    )
    value_micro = from_decimal(part) - SCALE * positive.count()
    of_micro = from_decimal(of) - SCALE * users.count()
    _need(value_micro >= 0 and of_micro >= 0, "the sketches hold more users than numerator and denominator")
    return Cell(value_micro, of_micro, row.sample_count, users, positive)


_MAKE: dict[Kind, Callable[[Metric, Row], Cell]] = {Kind.SUM: _sum, Kind.MEDIAN: _median, Kind.RATE: _rate}


def _users(sketch: bytes | None) -> UserSet:
    found: UserSet = _checked(UserSet.from_bytes, sketch)
    hashes = found.hashes
    _need(
        len(hashes) <= EXACT + 1 and bool((hashes[1:] > hashes[:-1]).all()),
        "a sketch of users is none of ours",
    )
    return found


def _buckets(sketch: bytes) -> LatencyBuckets:
    found: LatencyBuckets = _checked(LatencyBuckets.from_bytes, sketch)
    counts = found.counts
    _need(
        found.to_bytes() == sketch and all(0 <= b <= _LAST and n > 0 for b, n in counts.items()),
        "latency_sketch is none of ours",
    )
    return found


def _checked(parse: Callable[[bytes | None], Any], sketch: bytes | None) -> Any:
    try:
        return parse(sketch)
    except ValueError:
        raise Refused(Reason.BAD_VALUE, "a sketch is cut off") from None


def _need(condition: bool, otherwise: str) -> None:  # noqa: FBT001  # it is what is needed
    if not condition:
        raise Refused(Reason.BAD_VALUE, otherwise)
