"""The six metrics of the specification (DataModel.md, 8. Telemetry) and what each is made of."""

from enum import StrEnum


class Metric(StrEnum):
    """The closed list of metric names."""

    FEATURE_USAGE = "feature_usage"
    RETENTION = "retention"
    CRASH_RATE = "crash_rate"
    LATENCY_P50 = "latency_p50"
    ERROR_RATE = "error_rate"
    USER_ADOPTION = "user_adoption"


class Kind(StrEnum):
    """How the samples of a metric become one value."""

    SUM = "sum"
    """The sum of the values."""
    RATE = "rate"
    """100 x numerator / denominator; samples that name a user count users instead."""
    MEDIAN = "median"
    """The lower median of the values, within 1 %."""


KINDS: dict[Metric, Kind] = {
    Metric.FEATURE_USAGE: Kind.SUM,
    Metric.RETENTION: Kind.RATE,
    Metric.CRASH_RATE: Kind.RATE,
    Metric.LATENCY_P50: Kind.MEDIAN,
    Metric.ERROR_RATE: Kind.RATE,
    Metric.USER_ADOPTION: Kind.RATE,
}

UNITS: dict[Metric, str] = {
    Metric.FEATURE_USAGE: "count",
    Metric.RETENTION: "%",
    Metric.CRASH_RATE: "%",
    Metric.LATENCY_P50: "ms",
    Metric.ERROR_RATE: "%",
    Metric.USER_ADOPTION: "%",
}
"""The unit of the Telemetry value; a sample that names another one is refused."""

USER_RATES: frozenset[Metric] = frozenset({Metric.RETENTION, Metric.USER_ADOPTION})
"""Rates whose samples may name one user with 0 or 1 instead of `value` of `of`."""
