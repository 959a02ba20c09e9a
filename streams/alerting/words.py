"""Values, moments and closed lists in the words of a message."""

from datetime import UTC, datetime, timedelta

from detectors.assumptions import SHARE, Assumption
from detectors.bounds import Bounds, Operator
from detectors.divergence import CLAIMS, Recommendation
from detectors.numbers import number
from storage.findings import Report

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

TYPES = {
    "PERSONA_MISMATCH": "other people than assumed",
    "FEATURE_ADOPTION_MISS": "a feature is used otherwise than assumed",
    "PRICING_ELASTICITY_MISS": "buyers answer to the price otherwise than assumed",
    "LATENCY_MISS": "slower or less reliable than assumed",
}
RESOLUTIONS = {
    "data": "production keeps the assumption again",
    "superseded": "a newer version of the artifact replaced the assumption",
    "live days": "found in imported history; the days since are judged by themselves",
    "shadow ended": "the time in which the assumption ran silently is over",
}
TIERS = {  # DataModel.md, 12.
    "E0": "no evidence",
    "E1": "a first data point",
    "E2": "ten or more interviews, or a research paper",
    "E3": "confirmed by industry analysts",
    "E4": "1,000 or more users in production",
}


def moment(value: datetime) -> str:
    """Return a moment as 2026-11-11 08:00 UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def lasted(span: timedelta) -> str:
    """Return a length of time in its two largest units: 3 days 4 hours."""
    seconds = max(int(span.total_seconds()), 0)
    parts = (
        (seconds // _DAY, "day"),
        (seconds % _DAY // _HOUR, "hour"),
        (seconds % _HOUR // _MINUTE, "minute"),
    )
    said = [f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in parts if count]
    return " ".join(said[:2]) or "less than a minute"


def value(amount: float, unit: str) -> str:
    """Return a value with its unit: 42 %, 1,200 ms, 17."""
    name = {"count": "", SHARE: "%", "elasticity": ""}.get(unit, unit)
    return f"{number(amount)} {name}".rstrip()


def assumed(item: Assumption) -> str:
    """Return what was assumed: at least 60 % (57 % with the tolerance)."""
    claim = f"{CLAIMS[item.operator]} {value(item.value, item.unit)}"
    return f"{claim} ({_allowed(item.bounds, item)})" if item.tolerance else claim


def actual(report: Report) -> str:
    """Return what production says: 42 % (interval 40.5 to 43.5 %)."""
    said = value(report.actual_number, report.unit)
    if report.interval_low is None or report.interval_high is None:
        return said
    return f"{said} (between {number(report.interval_low)} and {value(report.interval_high, report.unit)})"


def advice(recommendation: str, redo: int, redesign: int) -> str:
    """Return what to do, and how long it takes."""
    return {
        Recommendation.SKIP: f"SKIP: leave what rests on it as it is (to redo it: {redo} days)",
        Recommendation.REEXECUTE: f"REEXECUTE: redo what rests on it, about {redo} days "
        f"(a redesign: {redesign})",
        Recommendation.FULL_REDESIGN: f"FULL_REDESIGN: design it anew, about {redesign} days "
        f"(only to redo it: {redo})",
    }[Recommendation(recommendation)]


def tiers(report: Report) -> str:
    """Return tier against tier."""
    ours, theirs = report.assumption_evidence_tier, report.telemetry_evidence_tier
    by = report.tier_delta
    better = f"better by {by} tier{'' if by == 1 else 's'}" if by else "not better"
    return f"assumed on {ours} ({TIERS[ours]}); contradicted by {theirs} ({TIERS[theirs]}), {better}"


def _allowed(bounds: Bounds, item: Assumption) -> str:
    low, high = bounds.lower, bounds.upper
    if item.operator is Operator.WITHIN:
        return f"{number(low)} to {value(high, item.unit)} with the tolerance"
    return f"{value(low if item.operator is Operator.AT_LEAST else high, item.unit)} with the tolerance"
