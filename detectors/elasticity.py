"""How demand answers to price: one estimate from the prices that were in force (PRICING_ELASTICITY_MISS).

An assumption names it by the unit `elasticity`; `value` is the elasticity of `metric_name` (user_adoption,
feature_usage or retention), usually negative. An episode is the time that one deployed version of the PRICING
artifact was in force. The estimate is the slope of log demand on log price, weighted by `weight`; with two
prices that is the arc elasticity ln(q2/q1) / ln(p2/p1). It is an estimate and not a test: it says nothing of
chance, and whatever else changed between the episodes is taken for the price's doing. Without prices that
differ there is no estimate, which does not mean that the assumption holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log

SMALLEST_CHANGE = 0.01
"""Relative difference of the extreme prices below which nothing can be learned."""


class Identification(StrEnum):
    """Whether the episodes say anything about price."""

    IDENTIFIED = "IDENTIFIED"
    NOT_IDENTIFIABLE = "NOT_IDENTIFIABLE"


@dataclass(frozen=True)
class Episode:
    """A price (any currency, above 0), the demand under it (0 or more), and how much it counts (say, days).

    Raises:
        ValueError: a number is out of range.
    """

    price: float
    demand: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (self.price > 0 and self.demand >= 0 and self.weight > 0):
            raise ValueError(f"an episode needs price > 0, demand >= 0 and weight > 0: {self}")


@dataclass(frozen=True)
class Elasticity:
    """The estimate; `value` is None where there is none, and `reason` then says why."""

    status: Identification
    value: float | None = None
    reason: str = ""


def estimate(episodes: Sequence[Episode]) -> Elasticity:
    """Return the elasticity of demand across the episodes, in any order."""
    prices = [episode.price for episode in episodes]
    if not prices or max(prices) / min(prices) < 1 + SMALLEST_CHANGE:
        return _unknown("the price has not changed by 1 % or more")
    if any(episode.demand == 0 for episode in episodes):
        return _unknown("there was a price with no demand at all")
    return Elasticity(Identification.IDENTIFIED, _slope(episodes))


def _unknown(reason: str) -> Elasticity:
    return Elasticity(Identification.NOT_IDENTIFIABLE, reason=reason)


def _slope(episodes: Sequence[Episode]) -> float:
    total = sum(episode.weight for episode in episodes)
    price = sum(episode.weight * log(episode.price) for episode in episodes) / total
    demand = sum(episode.weight * log(episode.demand) for episode in episodes) / total
    joint = sum(e.weight * (log(e.price) - price) * (log(e.demand) - demand) for e in episodes)
    return joint / sum(e.weight * (log(e.price) - price) ** 2 for e in episodes)
