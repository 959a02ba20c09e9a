"""What production did day by day beside what was assumed: what a chart shows, and its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from detectors.bounds import Bounds
from detectors.numbers import number
from streams.alerting import words
from streams.alerting.inert import clean

DAYS = 30


@dataclass(frozen=True, slots=True)
class Chart:
    """Values of consecutive days from `first` on, None where a day has none; `bounds` are what is allowed.

    `detected` is the day in which the verdict was possible, in the same (the organisation's) days.
    """

    subject: str
    unit: str
    first: date
    values: Sequence[float | None]
    bounds: Bounds
    detected: date

    @property
    def last(self) -> date:
        """The last day shown."""
        return self.first + timedelta(days=len(self.values) - 1)

    @property
    def lines(self) -> tuple[float, ...]:
        """The bounds that there are: one, or two of `within`."""
        sides = (self.bounds.lower, self.bounds.upper)
        return tuple(side for side in sides if abs(side) != float("inf"))

    @property
    def known(self) -> list[float]:
        """The values of days that have one."""
        return [value for value in self.values if value is not None]


def alt(chart: Chart) -> str:
    """Return the chart in words, for whoever does not see it."""
    days = f"{chart.first} to {chart.last}"
    known = chart.known
    if not known:
        return f"{clean(chart.subject, 100)}: no data from {days}."
    low, high = min(known), words.value(max(known), chart.unit)
    out = sum(not chart.bounds.lower <= value <= chart.bounds.upper for value in known)
    return (
        f"{clean(chart.subject, 100)}, each day from {days}: {number(low)} to {high}, last "
        f"{words.value(known[-1], chart.unit)}. {out} of {len(known)} days are outside of what was assumed, "
        f"{allowed(chart)}. Detected {chart.detected}."
    )


def allowed(chart: Chart) -> str:
    """Return what is allowed, the tolerance within: at least 57 %; 1,100 to 1,300 ms."""
    low, high = chart.bounds.lower, words.value(chart.bounds.upper, chart.unit)
    if len(chart.lines) > 1:
        return f"{number(low)} to {high}"
    return f"at least {words.value(low, chart.unit)}" if low in chart.lines else f"at most {high}"
