"""What is simulated: one case is one cell of a table, and its name is its seed."""

from dataclasses import dataclass, replace
from zlib import crc32

from benchmarks.detection.noise import Noise, autoregression
from metrics.names import Metric

TUNING = 1_000_000
"""Seeds from here on may tune a parameter; those below are reported."""
YEAR = 365
AFTER = 120
"""Days simulated after a break; what is not found by then counts as that many."""


@dataclass(frozen=True)
class Case:
    """Series on their bound that wobble with `phi`, and what else is wrong with them.

    Amplitudes are shares of the bound. `mixed` draws bound, traffic, wobble and cycles of each series at
    random (generator M), else all are alike (B). From day `at` on the level is `gap` beyond the bound;
    `drift` moves it so much a month beyond from day 90 on; `inside` is how far within it is all the time.

    Our test is told so much: `taken_out`, the holidays; `slow`, that the metric is; `grace`, days to wait.
    """

    name: str
    phi: float = 0.8
    days: int = YEAR
    metric: Metric = Metric.USER_ADOPTION
    mixed: bool = False
    noise: Noise = autoregression
    at: float | None = None
    until: int | None = None
    gap: float = 0.0
    drift: float = 0.0
    inside: float = 0.0
    cycle: float | None = None
    weekend: float | None = None
    weekend_traffic: float = 1.0
    traffic_from: float = 1.0
    traffic_days: int = 30
    value_from: float = 1.0
    value_days: int = 20
    users: int | None = None
    overdispersion: float = 1.0
    missing: float | None = None
    gaps: bool = False
    outliers: float | None = None
    holidays: int = 0
    taken_out: bool = False
    slow: bool = False
    grace: int = 0
    swing: float = 0.0
    swing_days: int = YEAR

    def seed(self, *, tuning: bool = False) -> int:
        """Return a seed of its own for each name."""
        return crc32(self.name.encode()) % TUNING + (TUNING if tuning else 0)

    def broken(self, at: int, gap: float) -> "Case":
        """Return the case with a break by `gap` of the bound on day `at`."""
        name = f"{self.name}, {gap:.0%} from day {at}"
        return replace(self, name=name, at=at, gap=gap, days=at + AFTER)
