"""What a day says of an assumption, and of many."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from detectors.rows import Bools, Floats, Ints


class Status(StrEnum):
    """What is known of an assumption after a day."""

    LEARNING = "LEARNING"
    OK = "OK"
    WATCH = "WATCH"
    DIVERGED = "DIVERGED"
    RESOLVED = "RESOLVED"
    NO_DATA = "NO_DATA"
    NOT_IDENTIFIABLE = "NOT_IDENTIFIABLE"
    """Never of the daily test: an elasticity where prices did not vary."""
    EXCLUDED = "EXCLUDED"
    """Of a day whose hours were taken out, by a team or a holiday; like NO_DATA it holds what was said."""


STATUSES = tuple(Status)
"""Statuses by their code in `Verdicts.status`."""
CODE = {status: code for code, status in enumerate(STATUSES)}


class Lane(StrEnum):
    """Which test spoke."""

    DAILY = "daily"
    FAST = "fast"


@dataclass(frozen=True)
class Verdict:
    """What a day said, at the end of the day, or at that of an hour where the fast `lane` did.

    `notify` and `resolve` are True on the one day on which to tell people. `e_value` against `threshold` is
    the evidence that the bound is broken or, while DIVERGED and on the day of RESOLVED, that it is kept
    again. `bound` is the limit spoken of, `mean` the day's mean less what is usual for its weekday,
    `deviation` its long-run standard deviation, all in the metric's unit; the latter two are None on a day
    without data. Of the fast lane they are those of the last three hours, and `e_value` is that of the days
    before. `interval` holds the level of the last `interval_days` complete days with 95 % confidence, however
    it is looked at (`detectors.interval`): a week, or the days since a break; None of the fast lane.
    """

    status: Status
    notify: bool
    resolve: bool
    e_value: float
    threshold: float
    bound: float
    at: datetime
    lane: Lane = Lane.DAILY
    mean: float | None = None
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    interval_days: int = 0


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What a day said of S series: `Verdict` as arrays (S,), NaN for what there is not.

    `status` is by code, `at` in seconds since 1970, `fast` says that the fast lane spoke.
    """

    status: Ints
    notify: Bools
    resolve: Bools
    e_value: Floats
    threshold: Floats
    bound: Floats
    at: Ints
    fast: Bools
    mean: Floats
    deviation: Floats
    low: Floats
    high: Floats
    interval_days: Ints

    def of(self, row: int) -> Verdict:
        """Return the verdict of one series."""
        return Verdict(
            status=STATUSES[self.status[row]],
            notify=bool(self.notify[row]),
            resolve=bool(self.resolve[row]),
            e_value=float(self.e_value[row]),
            threshold=float(self.threshold[row]),
            bound=float(self.bound[row]),
            at=datetime.fromtimestamp(int(self.at[row]), UTC),
            lane=Lane.FAST if self.fast[row] else Lane.DAILY,
            mean=_known(self.mean[row]),
            deviation=_known(self.deviation[row]),
            interval=(float(self.low[row]), float(self.high[row])) if self.interval_days[row] else None,
            interval_days=int(self.interval_days[row]),
        )


def _known(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
