"""Assumptions that no telemetry can keep together: on one series, or shares of one whole."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from detectors.bounds import Bounds, Operator
from metrics.names import Metric

WHOLE = 100.0
"""What all shares come to at most, in per cent."""
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Claim:
    """What one assumption claims; `where` it stands, in words for a message; `is_share`: of a cohort."""

    where: str
    metric_name: Metric
    cohort: str
    feature: str
    unit: str
    operator: Operator
    value: float
    bounds: Bounds
    is_share: bool

    def is_against(self, other: "Claim") -> bool:
        """Say whether both are about one series, and no value of it keeps both."""
        return self.series == other.series and not self.bounds.overlaps(other.bounds)

    @property
    def series(self) -> tuple[str, ...]:
        """What it is about."""
        return self.metric_name, self.cohort, self.feature, self.unit

    @property
    def whole(self) -> tuple[Metric, str]:
        """What a share is a share of."""
        return self.metric_name, self.feature

    def __str__(self) -> str:
        """Say where it is and what it claims: assumptions[0] (>= 60)."""
        return f"{self.where} ({self.operator} {self.value:g})"


def contradictions(claims: Sequence[Claim], standing: Sequence[Claim] = ()) -> Iterator[str]:
    """Yield a line for each contradiction in `claims`, and between them and those that stand already.

    A line begins with the place of the one to change, which is of `claims`: "assumptions[1].value: ...".
    """
    for old, new in [*combinations(claims, 2), *((old, new) for new in claims for old in standing)]:
        if new.is_against(old):
            yield f"{new.where}.value: {new.operator} {new.value:g} contradicts {old} on the same series"
    for whole in dict.fromkeys(claim.whole for claim in claims if claim.is_share):
        yield from _too_much(_of(claims, whole), _of(standing, whole))


def _of(claims: Iterable[Claim], whole: tuple[Metric, str]) -> list[Claim]:
    return [claim for claim in claims if claim.is_share and claim.whole == whole]


def _too_much(claims: Sequence[Claim], standing: Sequence[Claim]) -> Iterator[str]:
    """Yield a line where cohorts, each with its least share, come to more than the whole."""
    least: dict[str, Claim] = {}
    for claim in sorted([*standing, *claims], key=lambda claim: claim.bounds.lower):
        least[claim.cohort] = claim
    bounding = [claim for claim in least.values() if claim.bounds.lower > 0]
    total = sum(claim.bounds.lower for claim in bounding)
    last = next((claim for claim in reversed(claims) if claim in bounding), None)
    if total > WHOLE + _ROUNDING and last:
        others = ", ".join(str(claim) for claim in bounding if claim != last)
        yield f"{last.where}.value: with {others} the shares come to {total:g} % at least, above 100 %"
