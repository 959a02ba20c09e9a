"""What is usual for an hour of the day and for a day of the week, learned as offsets from the level."""

from collections.abc import Mapping
from dataclasses import dataclass

_HOURS, _WEEK = 24, 7
_HOUR_MEMORY, _WEEKDAY_MEMORY = 28, 26
_HOUR_SHRINK, _WEEKDAY_SHRINK = 2, 4
_CENTRE_FROM = 20
"""Hours that a day needs for its traffic to centre the offsets by."""
_CENTRE_RATE = 0.2


@dataclass(frozen=True)
class HoursOfDay:
    """Offsets of the hours of day 0..23 from the day's mean, with the number of days behind each."""

    offsets: tuple[float, ...] = (0.0,) * _HOURS
    seen: tuple[int, ...] = (0,) * _HOURS

    def offset(self, hour: int) -> float:
        """Return what to take off a value of that hour: shrunk while few days have shown it."""
        return self.offsets[hour] * self.seen[hour] / (self.seen[hour] + _HOUR_SHRINK)

    def fold(self, differences: Mapping[int, float], traffic: Mapping[int, float]) -> "HoursOfDay":
        """Return the offsets with a day's differences from its mean, by hour of day; `traffic` weighs them.

        Centred by traffic, so that what is taken off adds up to nothing in the pooled ratio.
        """
        offsets, seen = list(self.offsets), list(self.seen)
        for hour, difference in differences.items():
            seen[hour] = min(seen[hour] + 1, _HOUR_MEMORY)
            offsets[hour] += (difference - offsets[hour]) / seen[hour]
        if len(differences) >= _CENTRE_FROM:
            total = sum(traffic.values())
            off = _CENTRE_RATE * sum(offsets[hour] * weight for hour, weight in traffic.items()) / total
            offsets = [offset - off for offset in offsets]
        return HoursOfDay(tuple(offsets), tuple(seen))


@dataclass(frozen=True)
class DaysOfWeek:
    """Offsets of the weekdays, Monday = 0, with the number of days behind each."""

    offsets: tuple[float, ...] = (0.0,) * _WEEK
    seen: tuple[int, ...] = (0,) * _WEEK

    def offset(self, weekday: int) -> float:
        """Return what to take off that weekday's mean: shrunk while few weeks have shown it."""
        return self.offsets[weekday] * self.seen[weekday] / (self.seen[weekday] + _WEEKDAY_SHRINK)

    def fold(self, weekday: int, difference: float) -> "DaysOfWeek":
        """Return the offsets with one day's difference from the level."""
        offsets, seen = list(self.offsets), list(self.seen)
        seen[weekday] = min(seen[weekday] + 1, _WEEKDAY_MEMORY)
        offsets[weekday] += (difference - offsets[weekday]) / seen[weekday]
        if all(seen):
            centre = sum(offsets) / _WEEK
            offsets = [offset - centre for offset in offsets]
        return DaysOfWeek(tuple(offsets), tuple(seen))
