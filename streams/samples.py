"""The rules of a sample (docs/wire-format.md), for many samples of one series at once.

`contribution` is the fast way: it asks of all samples together whether any breaks a rule. Only where
one does are they looked at one by one.
"""

from collections.abc import Iterable, Sequence
from typing import Self

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


class Series:
    """The samples of one series and hour, and their numbers apart: touching each sample once is what counts.

    `named` are those that name a user or a unit; `values` and `ofs` are of the others.
    """

    __slots__ = ("named", "ofs", "samples", "values")

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.values: list[float] = []
        self.ofs: list[float | None] = []
        self.named: list[Sample] = []

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self:
        """Return the series of `samples`."""
        series = cls()
        for sample in samples:
            series.add(sample)
        return series

    def add(self, sample: Sample) -> None:
        """Add a sample, right or wrong."""
        self.samples.append(sample)
        if sample.user_id is None and sample.unit is None:
            self.values.append(sample.value)
            self.ofs.append(sample.of)
        else:
            self.named.append(sample)


def contribution(metric: Metric, series: Series, key: bytes) -> Cell | None:
    """Return what the samples of a series add, or None if any of them breaks a rule.

    `key` hashes user ids (metrics.users).
    """
    cell = _numbers(metric, series.values, series.ofs) if series.values else Cell()
    if cell is None or not series.named:
        return cell
    if any(sample_fault(metric, sample) for sample in series.named):
        return None
    plain = [s for s in series.named if s.user_id is None]
    rest = _numbers(metric, [s.value for s in plain], [s.of for s in plain]) if plain else Cell()
    if rest is None:
        return None
    return cell | rest | _of_users(metric, [s for s in series.named if s.user_id is not None], key)


def _numbers(metric: Metric, values: list[float], ofs: list[float | None]) -> Cell | None:
    numbers = np.array(values, dtype=np.float64)
    if not (numbers.min() >= 0 and numbers.max() <= LARGEST):
        return None
    if KINDS[metric] is Kind.RATE:
        return _rate(metric, numbers, ofs)
    if ofs.count(None) != len(ofs):
        return None
    if KINDS[metric] is Kind.SUM:
        return Cell(value_micro=sum_micro(numbers), samples=len(values))
    return Cell(samples=len(values), latency=LatencyBuckets.of(numbers))


def _rate(metric: Metric, values: Numbers, ofs: list[float | None]) -> Cell | None:
    of = np.array(ofs, dtype=np.float64)  # an absent one becomes NaN
    if not (of.min() >= 0 and of.max() <= LARGEST):
        return None
    if metric is not Metric.CRASH_RATE and bool((values > of).any()):
        return None
    return Cell(value_micro=sum_micro(values), of_micro=sum_micro(of), samples=len(values))


def _of_users(metric: Metric, named: Sequence[Sample], key: bytes) -> Cell:
    if not named:
        return Cell()
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
