"""Recompute the numbers of a report about a price elasticity: with numpy and pandas, and nothing of ours.

    augentis telemetry export rows.csv --revisions --org $ORG --project $PROJECT
    curl -H "Authorization: Bearer $TOKEN" $API/v1/divergence-reports/$ID > report.json
    curl -H "Authorization: Bearer $TOKEN" $API/v1/assumptions/$ASSUMPTION > assumption.json
    for v in $VERSIONS; do curl -H "Authorization: Bearer $TOKEN" $API/v1/artifacts/$v > price-$v.json; done
    python examples/recompute_elasticity.py rows.csv report.json assumption.json price-*.json

docs/recompute.md says what each number is made of, docs/elasticity.md why. The likelihood is written down
here a second time, for the days until one day, instead of for all days at once: what comes out agrees to
`TOLERANCE`, since sums are in another order.
"""

import argparse
import json
import math
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import recompute

TOLERANCE = 1e-6
CORRELATIONS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
WEEKDAY, TREND, NOISE, NOISE_DAYS, PRIOR = 0.3, 0.01, 0.03, 2.0, 1.0
FLOOR = NOISE_DAYS * NOISE**2
SIZES, WEIGHTS, SMALLEST_BOUND = (0.2, 0.4, 0.8), (0.4, 0.3, 0.3), 0.5
CALIBRATION, LEAST_THRESHOLD, CONFIDENCE = 0.01, 20.0, 0.95
REACH, STEPS = 12.0, 2401
MIN_HOURS = 8
Fields = dict[str, Any]


# days: their demand, and the price in force


def in_force(versions: list[Fields], through: date, zone: str) -> dict[date, float]:
    """Return the price of each day on which one was in force all day: not that of a change."""
    since = {
        (pd.Timestamp(each.get("deployed_at") or each["approved_at"]), each["version"]): each
        for each in versions
        if each["approved_at"] and isinstance((each["content"] or {}).get("price"), int | float)
    }
    known = [(at, since[at, number]["content"]["price"]) for at, number in sorted(since)]
    known = [(at.tz_convert(zone), price) for at, price in known if price > 0]
    ends = [at.date() - timedelta(days=1) for at, _ in known[1:]] + [through]
    found = {}
    for (at, price), end in zip(known, ends, strict=True):
        first = at.date() if at == at.normalize() else at.date() + timedelta(days=1)
        for day in pd.date_range(first, min(end, through)).date:
            found[day] = float(price)
    return found


def usable(rows: pd.DataFrame, assumption: Fields, prices: dict[date, float]) -> pd.DataFrame:
    """Return the days with a price and a demand: ordinal, and the logarithms of both."""
    found = []
    for day, hours in _days(rows):
        demand = recompute.value(hours, assumption)
        people = recompute.size(recompute.union(hours["users_sketch"])) or hours["sample_count"].sum()
        enough = (
            hours["timestamp"].nunique() >= MIN_HOURS
            and hours["sample_count"].sum() >= (assumption["min_samples"] or 0)
            and people >= assumption["min_users"]
        )
        if enough and demand and day in prices:
            found.append((day, day.toordinal(), math.log(prices[day]), math.log(demand)))
    return pd.DataFrame(found, columns=["day", "ordinal", "price", "demand"])


def _days(rows: pd.DataFrame) -> Any:
    return rows.groupby("day")


# the likelihood of an elasticity, after the last of some days


class Response:
    """What some days say of an elasticity, for each correlation that their noise may have."""

    def __init__(self, days: pd.DataFrame) -> None:
        self._count = len(days)
        self.parts = [self._part(days, correlation) for correlation in CORRELATIONS]

    def _part(self, days: pd.DataFrame, correlation: float) -> tuple[float, float, float, float, float]:
        """Return price squared, price by demand, what is left of demand, the variance and the log scale."""
        regressors, outcome, spread = whitened(days, correlation)
        variance = NOISE**2
        for _ in range(2):
            penalty = np.array([1e-8] + [variance / WEEKDAY**2] * 7 + [variance / TREND**2])
            penalty = np.maximum(penalty, 1e-8)
            known = regressors.T @ regressors + np.diag(penalty)
            explained = regressors.T @ outcome
            rest = outcome.T @ outcome - explained.T @ np.linalg.solve(known, explained)
            volume = (np.log(penalty[1:]).sum() - np.linalg.slogdet(known)[1]) / 2
            price, joint, total = rest[0, 0], rest[0, 1], rest[1, 1]
            left = max(total - joint**2 / price, 0.0)
            variance = (left + FLOOR) / (max(self._count - 2, 0) + NOISE_DAYS)
        return price, joint, left, variance, volume - spread

    def log_likelihood(self, elasticity: Any) -> Any:
        """Return the log likelihood of one elasticity, or of an array, up to a constant."""
        freedom = self._count - 1 + NOISE_DAYS
        each = [
            scale - freedom / 2 * np.log(left + price * (elasticity - joint / price) ** 2 + FLOOR)
            for price, joint, left, _, scale in self.parts
        ]
        most = np.max(each, axis=0)
        return most + np.log(np.mean(np.exp(each - most), axis=0))

    def estimate(self) -> tuple[float, float]:
        """Return mean and standard deviation."""
        price, joint, left, variance, scale = map(np.array, zip(*self.parts, strict=True))
        peaks = scale - (self._count - 1 + NOISE_DAYS) / 2 * np.log(left + FLOOR)
        deviations = np.sqrt(variance / price)
        weights = np.exp(peaks - peaks.max()) * deviations
        weights /= weights.sum()
        mean = (weights * joint / price).sum()
        return mean, math.sqrt((weights * (deviations**2 + (joint / price - mean) ** 2)).sum())

    def interval(self, assumed: float) -> tuple[float, float]:
        """Return the confidence sequence after these days."""
        mean, deviation = self.estimate()
        grid = mean + deviation * np.linspace(-REACH, REACH, STEPS)
        likelihood = self.log_likelihood(grid)
        likelihood = np.exp(likelihood - likelihood.max())
        prior = np.exp(-0.5 * ((grid - assumed) / PRIOR) ** 2) / (PRIOR * math.sqrt(2 * math.pi))
        evidence = (likelihood * prior).sum() * (grid[1] - grid[0])
        inside = grid[likelihood > (1 - CONFIDENCE) * evidence]
        return inside[0], inside[-1]

    def against(self, sign: int, bound: float) -> float:
        """Return the e-value against "the elasticity keeps this bound"."""
        size = max(abs(bound), SMALLEST_BOUND)
        kept = self.log_likelihood(bound)
        broken = [self.log_likelihood(bound - sign * share * size) - kept for share in SIZES]
        return sum(w * math.exp(min(ratio, 50.0)) for w, ratio in zip(WEIGHTS, broken, strict=True))


def whitened(days: pd.DataFrame, correlation: float) -> tuple[Any, Any, float]:
    """Return regressors and (price, demand) of noise without correlation, and its log determinant, halved."""
    ordinal = days["ordinal"].to_numpy()
    columns = [np.ones(len(days)), *((ordinal % 7 == number).astype(float) for number in range(7))]
    columns += [(ordinal - ordinal[0]) / 30, days["price"] - days["price"].iloc[0]]
    plain = np.column_stack([*columns, days["demand"] - days["demand"].iloc[0]])
    kept = np.array([0.0, *(float(correlation) ** gap for gap in np.diff(ordinal))])
    fresh = np.sqrt(1 - kept**2)
    before = np.vstack([np.zeros(plain.shape[1]), plain[:-1]])
    white = (plain - kept[:, None] * before) / fresh[:, None]
    return white[:, :9], white[:, 9:], float(np.log(fresh).sum())


# from the likelihood to a report


def bounds(assumption: Fields) -> list[tuple[int, float]]:
    """Return (sign, bound) of each bound: +1 where lower elasticities break it."""
    value, width = assumption["value"], assumption["tolerance"]
    width *= abs(value) if assumption["tolerance_kind"] == "relative" else 1
    lower, upper = (1, value - width), (-1, value + width)
    return {"within": [lower, upper], ">=": [lower], "<=": [upper]}[assumption["operator"]]


def recomputed(
    rows: pd.DataFrame, report: Fields, assumption: Fields, versions: list[Fields], zone: str
) -> Fields:
    """Return a report's numbers: the value is of its last day, the evidence of the day it was told on."""
    known = rows[rows["timestamp"] <= pd.Timestamp(report["last_hour"])]
    days = usable(known, assumption, in_force(versions, known["day"].max(), zone))
    told = days[days["day"] <= recompute.breach_day(report, zone)]
    seen, when_told = Response(days), Response(told)
    sides = bounds(assumption)
    low, high = seen.interval(assumption["value"])
    least = max(CALIBRATION * 365 / assumption["alarms_per_year"], LEAST_THRESHOLD)
    return {
        **recompute.resting_on(known, seen.estimate()[0], assumption),
        "interval_low": low,
        "interval_high": high,
        "e_value": max(when_told.against(*side) for side in sides),
        "threshold": len(sides) * least,
        "days": len(told),
    }


def compared(report: Fields, numbers: Fields) -> pd.DataFrame:
    """Return the report's numbers beside those that were recomputed."""
    table = recompute.compared(report, numbers)
    near = [is_near(*pair) for pair in zip(table["report"], table["recomputed"], strict=True)]
    table["agrees"] = table["agrees"] | np.array(near)
    return table


def is_near(one: Any, other: Any) -> bool:
    """Say whether two numbers agree but for the order of sums."""
    both = isinstance(one, float) and isinstance(other, float)
    return both and math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def main(arguments: list[str]) -> int:
    """Print a report's numbers beside those of the export; 1 where they differ."""
    parser = argparse.ArgumentParser(description="Recompute a report about a price elasticity.")
    for name in ("telemetry", "report", "assumption"):
        parser.add_argument(name, type=Path)
    parser.add_argument("versions", type=Path, nargs="+", help="of the PRICING artifact, from the API")
    parser.add_argument("--timezone", default="UTC", help="the organisation's")
    parser.add_argument("--alarms-per-year", type=float, help="by default the assumption's share of today")
    given = parser.parse_args(arguments)
    report, assumption = (json.loads(path.read_text()) for path in (given.report, given.assumption))
    versions = [json.loads(path.read_text()) for path in given.versions]
    if given.alarms_per_year:
        assumption["alarms_per_year"] = given.alarms_per_year
    frame = recompute.telemetry(given.telemetry, given.timezone)
    rows = recompute.about(frame, assumption)
    table = compared(report, recomputed(rows, report, assumption, versions, given.timezone))
    sys.stdout.write(table.to_string() + "\n")
    return 0 if table["agrees"].all() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
