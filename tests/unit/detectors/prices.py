"""Seeded demand under prices, and assumptions about its elasticity."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import exp, log, sqrt
from random import Random
from typing import Any

from detectors.assumptions import Assumption
from detectors.elasticity import PricedDay, Test

START = date(2026, 1, 5)  # a Monday
TEN_DEARER = [10.0] * 60 + [11.0] * 60


def demand(
    prices: Sequence[float],
    elasticity: float,
    *,
    seed: int = 9_400_000,
    deviation: float = 0.03,
    phi: float = 0.3,
    trend: float = 0.0,
) -> list[PricedDay]:
    """Days of AR(1) noise, weekends a fifth lower, about what the elasticity makes of the price."""
    random = Random(seed)
    wobble, days = random.gauss(0, deviation), []
    for number, price in enumerate(prices):
        usual = -0.2 * (number % 7 >= 5) + trend / 30 * number
        level = 500 * exp(usual + wobble + elasticity * log(price / 10))
        days.append(PricedDay(START + timedelta(days=number), price, level))
        wobble = phi * wobble + random.gauss(0, deviation * sqrt(1 - phi**2))
    return days


def item(operator: str = "<=", value: float = -1.2, **more: Any) -> Assumption:
    fields = {"operator": operator, "value": value, **more}
    return Assumption.model_validate(
        {"key": "response", "metric_name": "feature_usage", "unit": "elasticity", **fields}
    )


def assumed(operator: str = "<=", value: float = -1.2, tolerance: float = 0.0) -> Test:
    return Test.of(item(operator, value, tolerance=tolerance))
