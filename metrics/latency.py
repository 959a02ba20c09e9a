"""Medians that merge: counts in buckets whose width is a share of the value (DDSketch, Masson et al. 2019).

A bucket's middle is within 1 % of every value in it. Merging adds counts, so it is exact and order-free.
Buckets are found by comparing with bounds computed once, never by a logarithm of the value: two machines
agree on a comparison, not on the last bit of a logarithm.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
SMALLEST = 1e-6
_BUCKETS = 2100
_BOUNDS = np.array([SMALLEST * GAMMA**index for index in range(_BUCKETS)])
_ROW = np.dtype([("bucket", "<i4"), ("count", "<i8")])


@dataclass(frozen=True, slots=True)
class LatencyBuckets:
    """Counts by bucket; bucket i holds the values in (bound[i-1], bound[i]], bucket 0 also zero."""

    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Self:
        """Count `values`, which are not negative (milliseconds)."""
        found = np.searchsorted(_BOUNDS, np.asarray(values, dtype=np.float64), side="left")
        buckets, counts = np.unique(found, return_counts=True)
        return cls(dict(zip(buckets.tolist(), counts.tolist(), strict=True)))

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Self:
        """Read what `to_bytes` wrote; None holds nothing."""
        if not data:
            return cls()
        rows = np.frombuffer(data, dtype=_ROW)
        return cls(dict(zip(rows["bucket"].tolist(), rows["count"].tolist(), strict=True)))

    def to_bytes(self) -> bytes | None:
        """Return the counts in the order of their buckets, None where there are none."""
        return np.array(sorted(self.counts.items()), dtype=_ROW).tobytes() if self.counts else None

    def __or__(self, other: Self) -> Self:
        """Return the counts of both together; counts that are taken back are negative in their part."""
        if not self.counts or not other.counts:
            return self if self.counts else other
        merged = dict(self.counts)
        for bucket, count in other.counts.items():
            merged[bucket] = merged.get(bucket, 0) + count
        if 0 in merged.values():  # one part had taken back what another had added
            merged = {bucket: count for bucket, count in merged.items() if count}
        return type(self)(merged)

    def median(self) -> float | None:
        """Return the middle of the lower median's bucket, None where nothing was counted."""
        rank = (sum(self.counts.values()) + 1) // 2
        below = 0
        for bucket, count in sorted(self.counts.items()):
            below += count
            if below >= rank:
                return 0.0 if bucket == 0 else float(2 * _BOUNDS[bucket] / (1 + GAMMA))
        return None
