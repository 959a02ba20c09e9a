"""The rules of a sample (docs/wire-format.md), for many samples of one series at once.

`contribution` is the fast way: it asks of all samples together whether any breaks a rule. Only where
one does are they looked at one by one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from metrics.cell import Cell
from metrics.fixed import LARGEST, sum_micro
from metrics.latency import LatencyBuckets
from metrics.names import KINDS, UNITS, USER_RATES, Kind, Metric
from metrics.users import UserSet
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
    """Return what the samples of a series add, or None if any of them breaks a rule.

    `key` hashes user ids (metrics.users).
    """
    if not {s.unit for s in samples} <= {None, UNITS[metric]}:
        return None
    users = [s.user_id for s in samples]
    if users.count(None) == len(users):
        return _numbers(metric, samples)
    cell = _of_users(metric, [s for s in samples if s.user_id is not None], key)
    plain = [s for s in samples if s.user_id is None]
    rest = _numbers(metric, plain) if plain else Cell()
    return None if cell is None or rest is None else cell | rest


def _numbers(metric: Metric, samples: Sequence[Sample]) -> Cell | None:
    values = _values(samples)
    ofs = [s.of for s in samples]
    if values is None:
        return None
    if KINDS[metric] is Kind.RATE:
        return _rate(metric, values, ofs)
    if ofs.count(None) != len(ofs):
        return None
    if KINDS[metric] is Kind.SUM:
        return Cell(value_micro=sum_micro(values), samples=len(values))
    return Cell(samples=len(values), latency=LatencyBuckets.of(values))


def _values(samples: Sequence[Sample]) -> Numbers | None:
    values = np.array([s.value for s in samples], dtype=np.float64)
    return values if values.min() >= 0 and values.max() <= LARGEST else None


def _rate(metric: Metric, values: Numbers, ofs: list[float | None]) -> Cell | None:
    of = np.array(ofs, dtype=np.float64)  # an absent one becomes NaN
    if not (of.min() >= 0 and of.max() <= LARGEST):
        return None
    if metric is not Metric.CRASH_RATE and bool((values > of).any()):
        return None
    return Cell(value_micro=sum_micro(values), of_micro=sum_micro(of), samples=len(values))


def _of_users(metric: Metric, named: Sequence[Sample], key: bytes) -> Cell | None:
    names = [s.user_id or "" for s in named]
    values, lengths = _values(named), set(map(len, names))
    if values is None or not 0 < min(lengths) <= max(lengths) <= MAX_USER_ID:
        return None
    if any([s.of is not None for s in named]):  # noqa: C419  # a list is faster than a generator here
        return None
    match KINDS[metric]:
        case Kind.RATE:
            if metric not in USER_RATES or not bool(np.isin(values, (0, 1)).all()):
                return None
            users, positive = UserSet.pair(names, values == 1, key)
            return Cell(samples=len(named), users=users, positive=positive)
        case Kind.SUM:
            return Cell(value_micro=sum_micro(values), samples=len(named), users=UserSet.of(names, key))
        case Kind.MEDIAN:
            users, latency = UserSet.of(names, key), LatencyBuckets.of(values)
            return Cell(samples=len(named), users=users, latency=latency)


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
