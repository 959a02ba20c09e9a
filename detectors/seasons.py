"""What is usual for an hour of the day and for a day of the week, learned as offsets from the level."""

from dataclasses import dataclass

import numpy as np

from detectors.rows import Bools, Floats, Ints, ratio

_HOURS, _WEEK = 24, 7
_HOUR_MEMORY, _WEEKDAY_MEMORY = 28, 26
_HOUR_SHRINK, _WEEKDAY_SHRINK = 2, 4
_CENTRE_FROM = 20
"""Hours that a day needs for its traffic to centre the offsets by."""
_CENTRE_RATE = 0.2


@dataclass(frozen=True, eq=False)
class HoursOfDay:
    """Offsets of the hours of day from the day's mean, with the number of days behind each: (S, 24)."""

    offsets: Floats
    seen: Floats

    @classmethod
    def start(cls, count: int) -> "HoursOfDay":
        """Return what is known of `count` series before their first day."""
        return cls(np.zeros((count, _HOURS)), np.zeros((count, _HOURS)))

    def offset(self) -> Floats:
        """Return what to take off each place of a day (S, 25): shrunk while few days have shown it."""
        shrunk = self.offsets * self.seen / (self.seen + _HOUR_SHRINK)
        # The extra hour of a day of 25 is the first one once more.
        return np.concatenate([shrunk[:, :1], shrunk], axis=1)

    def fold(self, differences: Floats, traffic: Floats, there: Bools) -> "HoursOfDay":
        """Return the offsets with a day's differences from its mean; `traffic` weighs them: all (S, 25).

        Centred by traffic, so that what is taken off adds up to nothing in the pooled ratio. The extra hour
        of a day of 25 teaches nothing.
        """
        differences, traffic, there = differences[:, 1:], traffic[:, 1:], there[:, 1:]
        seen = np.minimum(self.seen + there, _HOUR_MEMORY)
        learned = self.offsets + (differences - self.offsets) / np.maximum(seen, 1.0)
        offsets = np.where(there, learned, self.offsets)
        full = there.sum(axis=-1) >= _CENTRE_FROM
        counted = np.where(there, traffic, 0.0)
        off = _CENTRE_RATE * ratio((offsets * counted).sum(axis=-1), counted.sum(axis=-1))
        return HoursOfDay(offsets - np.where(full, off, 0.0)[:, None], seen)


@dataclass(frozen=True, eq=False)
class DaysOfWeek:
    """Offsets of the weekdays, Monday = 0, with the number of days behind each: (S, 7)."""

    offsets: Floats
    seen: Floats

    @classmethod
    def start(cls, count: int) -> "DaysOfWeek":
        """Return what is known of `count` series before their first day."""
        return cls(np.zeros((count, _WEEK)), np.zeros((count, _WEEK)))

    def offset(self, weekday: Ints, shrink: float = _WEEKDAY_SHRINK) -> Floats:
        """Return what to take off that weekday's mean (S,): shrunk while few weeks have shown it.

        It is halved while as many weeks as `shrink` have.
        """
        at = np.arange(len(weekday)), weekday
        return self.offsets[at] * self.seen[at] / (self.seen[at] + shrink)

    def fold(self, weekday: Ints, difference: Floats) -> "DaysOfWeek":
        """Return the offsets with one day's difference (S,) from the level."""
        today = np.arange(_WEEK) == weekday[:, None]
        seen = np.minimum(self.seen + today, _WEEKDAY_MEMORY)
        learned = self.offsets + (difference[:, None] - self.offsets) / np.maximum(seen, 1.0)
        offsets = np.where(today, learned, self.offsets)
        whole = (seen > 0).all(axis=-1)
        return DaysOfWeek(offsets - np.where(whole, offsets.sum(axis=-1) / _WEEK, 0.0)[:, None], seen)
