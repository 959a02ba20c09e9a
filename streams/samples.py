"""The rules of a sample (docs/wire-format.md), for many samples of one series at once.

`contribution` is the fast way: it asks of all samples together whether any breaks a rule. Only where
one does are they looked at one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.cell import Cell
from metrics.fixed import LARGEST, sum_micro
from metrics.latency import LatencyBuckets
from metrics.names import KINDS, UNITS, USER_RATES, Kind, Metric
from metrics.users import NOBODY, UserSet
from streams.wire import MAX_NAME, MAX_USER_ID, Reason, Sample

Numbers = npt.NDArray[np.float64]


def series_fault(metric_name: str, cohort: str, feature: str) -> Reason | None:
    """Return why no sample of this series can be counted, None if it can."""
    if metric_name not in KINDS:
        return Reason.UNKNOWN_METRIC
    if not all(_is_name(name) for name in (cohort, feature)):
        return Reason.BAD_SCHEMA
    return None


def sample_fault(metric: Metric, sample: Sample) -> Reason | None:
    """Return why this sample of `metric` is refused, None if it counts."""
    if sample.unit is not None and sample.unit != UNITS[metric]:
        return Reason.BAD_UNIT
    if not 0 <= sample.value <= LARGEST:
        return Reason.BAD_VALUE
    if sample.user_id is not None and not is_user_id(sample.user_id):
        return Reason.BAD_SCHEMA
    return _rate_fault(metric, sample) if KINDS[metric] is Kind.RATE else _plain_fault(sample)


def _plain_fault(sample: Sample) -> Reason | None:
    return Reason.BAD_SCHEMA if sample.of is not None else None


def _rate_fault(metric: Metric, sample: Sample) -> Reason | None:
    if (sample.of is None) == (sample.user_id is None):
        return Reason.BAD_SCHEMA
    if sample.of is None:
        if metric not in USER_RATES:
            return Reason.BAD_SCHEMA
        return None if sample.value in (0, 1) else Reason.BAD_VALUE
    if not 0 <= sample.of <= LARGEST:
        return Reason.BAD_VALUE
    if sample.value > sample.of and metric is not Metric.CRASH_RATE:
        return Reason.BAD_VALUE
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Samples of one series in one hour, side by side.

    `ofs` are NaN where there is none, `users` are hashed, and NOBODY where none is named; `units` is None
    where no sample has one.
    """

    values: Numbers
    ofs: Numbers
    users: npt.NDArray[np.uint64]
    units: Sequence[str | None] | None = None


def contribution(metric: Metric, rows: Rows) -> Cell | None:
    """Return what samples of a series add, or None if any of them breaks a rule."""
    if rows.units is not None and not {*rows.units} <= {None, UNITS[metric]}:
        return None
    if not 0 <= rows.values.min() <= rows.values.max() <= LARGEST:
        return None
    named = rows.users != NOBODY
    if not named.any():
        return _numbers(metric, rows.values, rows.ofs)
    cell = _of_users(metric, rows.values[named], rows.ofs[named], rows.users[named])
    plain = ~named
    rest = _numbers(metric, rows.values[plain], rows.ofs[plain]) if plain.any() else Cell()
    return None if cell is None or rest is None else cell | rest


def _numbers(metric: Metric, values: Numbers, ofs: Numbers) -> Cell | None:
    if KINDS[metric] is Kind.RATE:
        return _rate(metric, values, ofs)
    if not np.isnan(ofs).all():
        return None
    if KINDS[metric] is Kind.SUM:
        return Cell(value_micro=sum_micro(values), samples=len(values))
    return Cell(samples=len(values), latency=LatencyBuckets.of(values))


def _rate(metric: Metric, values: Numbers, ofs: Numbers) -> Cell | None:
    if not 0 <= ofs.min() <= ofs.max() <= LARGEST:  # nor with a NaN among them
        return None
    if metric is not Metric.CRASH_RATE and bool((values > ofs).any()):
        return None
    return Cell(value_micro=sum_micro(values), of_micro=sum_micro(ofs), samples=len(values))


def _of_users(metric: Metric, values: Numbers, ofs: Numbers, users: npt.NDArray[np.uint64]) -> Cell | None:
    if not np.isnan(ofs).all():
        return None
    everybody = UserSet.of_hashes(users)
    match KINDS[metric]:
        case Kind.RATE:
            if metric not in USER_RATES or not bool(((values == 0) | (values == 1)).all()):
                return None
            positive = UserSet.of_hashes(users[values == 1])
            return Cell(samples=len(users), users=everybody, positive=positive)
        case Kind.SUM:
            return Cell(value_micro=sum_micro(values), samples=len(users), users=everybody)
        case Kind.MEDIAN:
            return Cell(samples=len(users), users=everybody, latency=LatencyBuckets.of(values))


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _is_text(name)


def is_user_id(user_id: str) -> bool:
    """Say whether a user may be called so."""
    return 0 < len(user_id) <= MAX_USER_ID


def _is_text(text: str) -> bool:
    """Say whether PostgreSQL can hold it: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
