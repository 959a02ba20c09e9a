"""What an assumption allows: `value` moved by its tolerance, on the side that the operator leaves open."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf


class Operator(StrEnum):
    """How an assumption compares."""

    AT_LEAST = ">="
    AT_MOST = "<="
    WITHIN = "within"


class ToleranceKind(StrEnum):
    """What a tolerance is measured in."""

    ABSOLUTE = "absolute"
    """In the metric's unit."""
    RELATIVE = "relative"
    """A share of the value: 0.05 is 5 %."""


@dataclass(frozen=True)
class Bounds:
    """The closed interval that an assumption allows, in the metric's unit; an open side is infinite."""

    lower: float
    upper: float

    @classmethod
    def of(cls, operator: Operator, value: float, tolerance: float, kind: ToleranceKind) -> "Bounds":
        """Return the interval of `value`, moved outwards by `tolerance` (absolute, or a share of |value|)."""
        width = tolerance * abs(value) if kind is ToleranceKind.RELATIVE else tolerance
        return cls(
            lower=-inf if operator is Operator.AT_MOST else value - width,
            upper=inf if operator is Operator.AT_LEAST else value + width,
        )

    def overlaps(self, other: "Bounds") -> bool:
        """Say whether some value keeps both."""
        return max(self.lower, other.lower) <= min(self.upper, other.upper)
