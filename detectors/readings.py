"""How an assumption's value is read from Telemetry rows: which way is chosen by its unit. Pure."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from detectors import series
from detectors.assumptions import Assumption
from detectors.days import DayBatch
from detectors.series import HourRow


def day_batch(item: Assumption, day: date, rows: Sequence[HourRow], zone: ZoneInfo) -> DayBatch:
    """Return a complete day of what an assumption is about, from the rows of that day."""
    return series.day_batch(item.metric_name, day, rows, zone)


def actual(item: Assumption, rows: Sequence[HourRow]) -> float | None:
    """Return the value over all rows together, in the assumption's unit; None where they hold none."""
    return series.actual(item.metric_name, rows)
