"""The rules of a sample (docs/wire-format.md), for many samples of one series at once.

`contribution` is the fast way: it asks of all samples together whether any breaks a rule. Only where
one does are they looked at one by one.
"""

from collections.abc import Sequence

import numpy as np

from metrics.cell import Cell
from metrics.fixed import LARGEST, sum_micro
from metrics.latency import LatencyBuckets
from metrics.names import KINDS, UNITS, USER_RATES, Kind, Metric
from metrics.users import UserSet
from streams.wire import MAX_NAME, MAX_USER_ID, Reason, Sample

_ABSENT = {None}


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
    if sample.user_id is not None and not _is_user_id(sample.user_id):
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


def contribution(metric: Metric, samples: Sequence[Sample], key: bytes) -> Cell | None:
    """Return what `samples` of one series add, or None if any of them breaks a rule.

    `key` hashes user ids (metrics.users).
    """
    if {s.user_id for s in samples} != _ABSENT:
        return _with_users(metric, samples, key)
    values = [s.value for s in samples]
    right_units = {s.unit for s in samples} <= {None, UNITS[metric]}
    if not (right_units and min(values) >= 0 and max(values) <= LARGEST):
        return None
    if KINDS[metric] is Kind.RATE:
        return _rate(metric, samples, values)
    if {s.of for s in samples} != _ABSENT:
        return None
    if KINDS[metric] is Kind.SUM:
        return Cell(value_micro=sum_micro(values), samples=len(values))
    return Cell(samples=len(values), latency=LatencyBuckets.of(values))


def _rate(metric: Metric, samples: Sequence[Sample], values: list[float]) -> Cell | None:
    of = np.array([s.of for s in samples], dtype=np.float64)  # an absent one becomes NaN
    if not (of.min() >= 0 and of.max() <= LARGEST):
        return None
    if metric is not Metric.CRASH_RATE and bool((np.array(values) > of).any()):
        return None
    return Cell(value_micro=sum_micro(values), of_micro=sum_micro(of), samples=len(values))


def _with_users(metric: Metric, samples: Sequence[Sample], key: bytes) -> Cell | None:
    if any(sample_fault(metric, sample) for sample in samples):
        return None
    named = [s for s in samples if s.user_id is not None]
    plain = [s for s in samples if s.user_id is None]
    rest = contribution(metric, plain, key) if plain else Cell()
    if rest is None:
        return None
    return rest | _of_users(metric, named, key)


def _of_users(metric: Metric, named: Sequence[Sample], key: bytes) -> Cell:
    users = UserSet.of((s.user_id or "" for s in named), key)
    values = [s.value for s in named]
    match KINDS[metric]:
        case Kind.RATE:
            positive = UserSet.of((s.user_id or "" for s in named if s.value == 1), key)
            return Cell(samples=len(named), users=users, positive=positive)
        case Kind.SUM:
            return Cell(value_micro=sum_micro(values), samples=len(named), users=users)
        case Kind.MEDIAN:
            return Cell(samples=len(named), users=users, latency=LatencyBuckets.of(values))


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _is_text(name)


def _is_user_id(user_id: str) -> bool:
    return 0 < len(user_id) <= MAX_USER_ID


def _is_text(text: str) -> bool:
    """Say whether PostgreSQL can hold it: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
