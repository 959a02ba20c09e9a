"""Fixed-point numbers: values are rounded half-even to 1e-6 at the door and summed as integers.

Integer sums are exact, so any order, batching and number of workers give the same bits.
"""

from decimal import Decimal

import numpy as np
import numpy.typing as npt

SCALE = 1_000_000
LARGEST = 1e12
"""The largest value of a sample: beyond it a float has no micro-units left to round to."""
_SAFE_SUM = 2**62


def to_micro(value: float) -> int:
    """Return `value` in millionths, rounded half-even."""
    return round(value * SCALE)


def sum_micro(values: npt.ArrayLike) -> int:
    """Return the exact sum of `values` in millionths, each rounded on its own."""
    micro = np.rint(np.asarray(values, dtype=np.float64) * SCALE)
    if len(micro) and float(np.abs(micro).max()) * len(micro) >= _SAFE_SUM:
        return sum(int(value) for value in micro)
    return int(micro.astype(np.int64).sum())


def to_decimal(micro: int) -> Decimal:
    """Return millionths as a decimal number with six places."""
    return Decimal(micro).scaleb(-6)


def from_decimal(value: Decimal) -> int:
    """Return a number with at most six places in millionths."""
    return int(value.scaleb(6).to_integral_value())
