"""What a divergence is called, how bad it is, and what to do (DataModel.md, 9. and 10.)."""

from enum import StrEnum
from math import copysign, inf, isinf

from detectors.bounds import Bounds, Operator, ToleranceKind
from detectors.numbers import number
from metrics.names import Metric

COSMETIC_BELOW = 0.20
"""A smaller relative gap changes no plan."""


class DivergenceType(StrEnum):
    """What kind of assumption production contradicts."""

    PERSONA_MISMATCH = "PERSONA_MISMATCH"
    FEATURE_ADOPTION_MISS = "FEATURE_ADOPTION_MISS"
    PRICING_ELASTICITY_MISS = "PRICING_ELASTICITY_MISS"
    LATENCY_MISS = "LATENCY_MISS"


class Classification(StrEnum):
    """How bad a divergence is."""

    COSMETIC = "COSMETIC"
    MINOR = "MINOR"
    MAJOR = "MAJOR"


class Recommendation(StrEnum):
    """What to do about a divergence."""

    SKIP = "SKIP"
    REEXECUTE = "REEXECUTE"
    FULL_REDESIGN = "FULL_REDESIGN"


_DEFAULT_TYPES = {
    Metric.LATENCY_P50: DivergenceType.LATENCY_MISS,
    Metric.ERROR_RATE: DivergenceType.LATENCY_MISS,
    Metric.CRASH_RATE: DivergenceType.LATENCY_MISS,
    Metric.FEATURE_USAGE: DivergenceType.FEATURE_ADOPTION_MISS,
    Metric.USER_ADOPTION: DivergenceType.FEATURE_ADOPTION_MISS,
    Metric.RETENTION: DivergenceType.PERSONA_MISMATCH,
}


def default_type(metric: Metric) -> DivergenceType:
    """Return the type of a divergence of `metric` where the assumption names none."""
    return _DEFAULT_TYPES[metric]


def relative_gap(
    operator: Operator, assumed: float, tolerance: float, tolerance_kind: ToleranceKind, actual: float
) -> float:
    """Return (actual - assumed) / |assumed|, a share with its sign; infinite where nothing was assumed (0).

    `within` measures from the nearer bound instead, and is 0 between its bounds.
    """
    if operator is Operator.WITHIN:
        band = Bounds.of(operator, assumed, tolerance, tolerance_kind)
        assumed = min(max(actual, band.lower), band.upper)
    if actual == assumed:
        return 0.0
    return (actual - assumed) / abs(assumed) if assumed else copysign(inf, actual)


def classify(gap: float, tier_delta: int) -> Classification:
    """Return how bad a relative gap (a share, either sign) is, with evidence better by `tier_delta` tiers."""
    # Rounded, since 0.56 of 0.7 is a gap of 19.999... % in binary fractions.
    if round(abs(gap), 9) < COSMETIC_BELOW or tier_delta == 0:
        return Classification.COSMETIC
    return Classification.MAJOR if tier_delta > 2 else Classification.MINOR  # noqa: PLR2004 - the specification's


def recommend(tier_delta: int, affected_modules: int) -> Recommendation:
    """Return the specification's decision (DataModel.md, 10. Decision Logic)."""
    if tier_delta > 2 and affected_modules > 5:  # noqa: PLR2004 - the specification's
        return Recommendation.FULL_REDESIGN
    if tier_delta > 1 or affected_modules > 2:  # noqa: PLR2004 - the specification's
        return Recommendation.REEXECUTE
    return Recommendation.SKIP


_NAMES = {
    Metric.FEATURE_USAGE: "hourly use",
    Metric.RETENTION: "retention",
    Metric.CRASH_RATE: "the crash rate",
    Metric.LATENCY_P50: "median latency",
    Metric.ERROR_RATE: "the error rate",
    Metric.USER_ADOPTION: "adoption",
}
CLAIMS = {Operator.AT_LEAST: "at least", Operator.AT_MOST: "at most", Operator.WITHIN: "about"}


def subject(metric: Metric, *, cohort: str = "", feature: str = "") -> str:
    """Return what is measured, in words: adoption of F12 among mainstream."""
    return _NAMES[metric] + (f" of {feature}" if feature else "") + (f" among {cohort}" if cohort else "")


def sentence(
    metric: Metric,
    operator: Operator,
    assumed: float,
    actual: float,
    gap: float,
    *,
    unit: str,
    cohort: str = "",
    feature: str = "",
) -> str:
    """Return one sentence for people who make products; `gap` as `relative_gap` gives it.

    For example: We assumed that adoption of F12 among mainstream is at least 60 %; in production it is 42 %,
    30 % lower.
    """
    return (
        f"We assumed that {subject(metric, cohort=cohort, feature=feature)} is "
        f"{CLAIMS[operator]} {_amount(assumed, unit)}; "
        f"in production it is {_amount(actual, unit)}{_difference(operator, gap)}."
    )


def _amount(value: float, unit: str) -> str:
    return number(value) if unit == "count" else f"{number(value)} {unit}"


def _difference(operator: Operator, gap: float) -> str:
    if gap == 0 or isinf(gap):
        return ""
    than = " than the tolerance allows" if operator is Operator.WITHIN else ""
    return f", {abs(gap):.0%} {'lower' if gap < 0 else 'higher'}{than}".replace("%", " %")
