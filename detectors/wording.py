"""A divergence in words, for people who make products."""

from detectors.assumptions import ELASTICITY, SHARE, Assumption
from detectors.divergence import CLAIMS, sentence, subject
from detectors.numbers import number

_DEARER = 1.1


def said(item: Assumption, actual: float, gap: float) -> str:
    """Return one sentence about an assumption and its actual value; `gap` as `relative_gap` gives it.

    For example: We assumed that mainstream is at least 60 % of users; in production it is 45 %.
    """
    if item.unit == SHARE:
        return _of_share(item, actual)
    if item.unit == ELASTICITY:
        return _of_elasticity(item, actual)
    return sentence(
        item.metric_name,
        item.operator,
        item.value,
        actual,
        gap,
        unit=item.unit,
        cohort=item.cohort,
        feature=item.feature,
    )


def amount(value: float, unit: str) -> str:
    """Return a value with its unit, as reports show it."""
    return f"{number(value)} {'%' if unit == SHARE else unit}"


def _of_share(item: Assumption, actual: float) -> str:
    # No percentage of a percentage: people would add the two.
    users = f"users of {item.feature}" if item.feature else "users"
    claim = f"{CLAIMS[item.operator]} {amount(item.value, SHARE)} of {users}"
    return f"We assumed that {item.cohort} is {claim}; in production it is {amount(actual, SHARE)}."


def _of_elasticity(item: Assumption, actual: float) -> str:
    demand = subject(item.metric_name, cohort=item.cohort, feature=item.feature)
    return (
        f"We assumed that the price elasticity of {demand} is {CLAIMS[item.operator]} {item.value:.3g}; "
        f"in production it is {actual:.3g}: 10 % on the price moves it by {_moved(actual)}, "
        f"not by {_moved(item.value)}."
    )


def _moved(elasticity: float) -> str:
    return f"{100 * (_DEARER**elasticity - 1):+.2g} %"
