"""What the simulated product's users do: one entry a stream of samples."""

from dataclasses import dataclass
from enum import Enum, auto

from metrics.names import Metric


class Form(Enum):
    """How samples carry the metric."""

    USER = auto()
    """One user and 0 or 1."""
    RATIO = auto()
    """`value` of `of`."""
    NUMBER = auto()
    """A number of its own: milliseconds."""
    USES = auto()
    """One user and a number of uses."""


@dataclass(frozen=True)
class Change:
    """From `day` (0 = the first) on the level is `level`, and `factor` times as many samples come."""

    day: int
    level: float
    factor: float


@dataclass(frozen=True)
class Traffic:
    """One stream: `level` in production, of samples that come `per_hour` on average.

    `level` is a share for rates, the median in ms for latency, uses a sample for counts. `wobble` is the
    standard deviation of the level's AR(1) noise and `cycle` the height of its daily wave, both in the
    level's unit (for latency as shares of it). `people` is how many users there are, `of` what a sample's
    denominator is about. `hours` are the hours of day with any traffic.
    """

    org: str
    project: str
    metric: Metric
    form: Form
    level: float
    per_hour: float
    cohort: str = ""
    feature: str = ""
    people: int = 0
    of: int = 0
    wobble: float = 0.01
    cycle: float = 0.0
    hours: range = range(24)
    change: Change | None = None


EARLY, MAINSTREAM, ENTERPRISE = "early_adopter", "mainstream", "enterprise"

_LARGE_CUSTOMER = Change(day=23, level=480, factor=12)
"""In week four a large customer goes live."""


def _adoption(feature: str, cohort: str, level: float, *, per_hour: float, people: int) -> Traffic:
    project = {"F12": "Checkout", "F20": "Loyalty"}[feature]
    return Traffic(
        "meridian", project, Metric.USER_ADOPTION, Form.USER, level, per_hour, cohort, feature, people
    )


def _latency(cohort: str, per_hour: float) -> Traffic:
    return Traffic(
        "meridian",
        "Checkout",
        Metric.LATENCY_P50,
        Form.NUMBER,
        level=240,
        per_hour=per_hour,
        cohort=cohort,
        wobble=0.03,
        cycle=0.05,
        change=_LARGE_CUSTOMER,
    )


def _errors(cohort: str) -> Traffic:
    return Traffic(
        "meridian", "Search", Metric.ERROR_RATE, Form.RATIO, 0.004, 4, cohort, of=300, wobble=0.0005
    )


def _crashes(cohort: str) -> Traffic:
    return Traffic(
        "harbor", "Patient app", Metric.CRASH_RATE, Form.RATIO, 0.0015, 4, cohort, of=400, wobble=0.0002
    )


STREAMS: tuple[Traffic, ...] = (
    _adoption("F12", MAINSTREAM, 0.52, per_hour=120, people=6000),
    _adoption("F12", EARLY, 0.71, per_hour=12, people=600),
    _adoption("F12", ENTERPRISE, 0.66, per_hour=12, people=700),
    _latency(EARLY, 4),
    _latency(MAINSTREAM, 18),
    _latency(ENTERPRISE, 8),
    _adoption("F20", MAINSTREAM, 0.42, per_hour=100, people=5000),
    _adoption("F20", EARLY, 0.64, per_hour=12, people=600),
    # Its mean is on the right side of 40 %, its hours are on both.
    Traffic(
        "meridian",
        "Loyalty",
        Metric.RETENTION,
        Form.RATIO,
        0.413,
        4,
        EARLY,
        of=60,
        wobble=0.04,
        cycle=0.05,
    ),
    _errors(EARLY),
    _errors(MAINSTREAM),
    _errors(ENTERPRISE),
    Traffic("harbor", "Patient app", Metric.RETENTION, Form.USER, 0.36, 100, ENTERPRISE, "F3", people=5000),
    Traffic("harbor", "Patient app", Metric.RETENTION, Form.USER, 0.58, 15, MAINSTREAM, "F3", people=900),
    _crashes(EARLY),
    _crashes(MAINSTREAM),
    _crashes(ENTERPRISE),
    Traffic(
        "harbor",
        "Scheduling",
        Metric.FEATURE_USAGE,
        Form.USES,
        1.9,
        60,
        MAINSTREAM,
        "F7",
        people=1500,
        wobble=0.1,
    ),
    # A pilot of eleven people, two hours a day: far below 50 %, and far too little to say so.
    Traffic(
        "harbor",
        "Scheduling",
        Metric.USER_ADOPTION,
        Form.USER,
        0.18,
        2,
        EARLY,
        "F9",
        people=11,
        hours=range(9, 11),
    ),
)
