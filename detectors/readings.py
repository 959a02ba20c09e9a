"""How an assumption's value is read from Telemetry rows: which way is chosen by its unit. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from detectors import mix, series
from detectors.assumptions import SHARE, Assumption
from detectors.days import DayBatch
from detectors.exclusions import Exclusions
from detectors.local_days import hours_of
from detectors.series import HourRow


def day_batch(
    item: Assumption, day: date, rows: Sequence[HourRow], exclusions: Exclusions, zone: ZoneInfo
) -> DayBatch:
    """Return a day of what an assumption is about, from those of its rows that are not taken out."""
    taken_out = frozenset(hour for hour in hours_of(day, zone) if exclusions.covers(hour))
    rows = [row for row in rows if row.hour not in taken_out]
    batch = (
        mix.day_batch(item.metric_name, item.cohort, day, rows, zone)
        if item.unit == SHARE
        else series.day_batch(item.metric_name, day, rows, zone)
    )
    return replace(batch, excluded=taken_out) if taken_out else batch


def actual(item: Assumption, rows: Sequence[HourRow], zone: ZoneInfo) -> float | None:
    """Return the value over all rows together, in the assumption's unit; None where they hold none."""
    if item.unit == SHARE:
        return mix.actual(item.metric_name, item.cohort, rows, zone)
    return series.actual(item.metric_name, rows)
