"""What is known of one metric in one window, cohort and feature; it merges, and it can be measured.

Merging is associative and commutative. It is not idempotent: whoever merges must hold each source's
contribution apart (`partial` does, by source partition) and merge absolute states.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from metrics.fixed import SCALE, from_decimal, to_decimal
from metrics.latency import LatencyBuckets
from metrics.names import KINDS, Kind, Metric
from metrics.users import UserSet

_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Measure:
    """A Telemetry value (in the metric's unit) and what it was made of."""

    value: Decimal
    numerator: Decimal | None
    denominator: Decimal | None


@dataclass(frozen=True, slots=True)
class Cell:
    """Sums in millionths, and the sketches; `positive` are the users whose value was 1."""

    value_micro: int = 0
    of_micro: int = 0
    samples: int = 0
    users: UserSet = field(default_factory=UserSet)
    positive: UserSet = field(default_factory=UserSet)
    latency: LatencyBuckets = field(default_factory=LatencyBuckets)

    def __or__(self, other: Self) -> Self:
        """Return what both know together."""
        return type(self)(
            self.value_micro + other.value_micro,
            self.of_micro + other.of_micro,
            self.samples + other.samples,
            self.users | other.users,
            self.positive | other.positive,
            self.latency | other.latency,
        )

    def measure(self, metric: Metric) -> Measure | None:
        """Return the value of `metric`, None where there is nothing to divide by or to take a median of.

        Rates are 100 x numerator / denominator, where a user counts once however often sampled.
        """
        match KINDS[metric]:
            case Kind.SUM:
                total = to_decimal(self.value_micro)
                return Measure(total, total, None)
            case Kind.MEDIAN:
                median = self.latency.median()
                return None if median is None else Measure(_rounded(Decimal(median)), None, None)
            case Kind.RATE:
                return self._rate()

    def _rate(self) -> Measure | None:
        numerator = self.value_micro + SCALE * self.positive.count()
        denominator = self.of_micro + SCALE * self.users.count()
        if not denominator:
            return None
        value = _rounded(100 * Decimal(numerator) / Decimal(denominator))
        return Measure(value, to_decimal(numerator), to_decimal(denominator))

    @classmethod
    def restored(
        cls,
        metric: Metric,
        measure: tuple[Decimal | None, Decimal | None],
        samples: int,
        sketches: tuple[bytes | None, bytes | None, bytes | None],
    ) -> Self:
        """Return the cell behind a Telemetry row: (numerator, denominator), samples, sketches.

        Sketches are users, positive users, latency. A rate's sums include its users: they are taken out
        again, so that merged days count a user once.
        """
        users, positive = UserSet.from_bytes(sketches[0]), UserSet.from_bytes(sketches[1])
        value_micro, of_micro = (from_decimal(part or Decimal(0)) for part in measure)
        if KINDS[metric] is Kind.RATE:
            value_micro -= SCALE * positive.count()
            of_micro -= SCALE * users.count()
        return cls(value_micro, of_micro, samples, users, positive, LatencyBuckets.from_bytes(sketches[2]))


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_PLACES)
