"""When alerts wait: silences, quiet hours, maintenance; and when nothing holds one any more.

A window holds whenever the clock on the wall shows a time in it, in its own time zone (ADR 0029). Where the
clock is set back it shows some times twice, and each is in the window; where it is set forward some times
are never shown, and a window that lies in them alone does not come on that day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import ceil, floor
from uuid import UUID
from zoneinfo import ZoneInfo

from routing.matchers import Matchers, Target
from routing.severity import Severity

LONGEST = timedelta(days=366)
"""What a silence may last at most."""
LOOK_AHEAD = timedelta(days=35)
"""How far silences and windows that follow each other are put together: who waits longer looks again then."""
DAY = timedelta(days=1)


class WindowKind(StrEnum):
    """What a window is for; both hold alike."""

    QUIET_HOURS = "QUIET_HOURS"
    MAINTENANCE = "MAINTENANCE"


@dataclass(frozen=True, slots=True)
class Silence:
    """What somebody has silenced, from `starts_at` until `ends_at` (exclusive) or until it was ended."""

    id: UUID
    matchers: Matchers
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None

    def end(self, at: datetime) -> datetime | None:
        """Return when it ends that holds at `at`, None where it does not hold then."""
        ends = min(self.ends_at, self.ended_at or self.ends_at)
        return ends if self.starts_at <= at < ends else None

    def why(self) -> str:
        """Return what holds, in words."""
        return "a silence"


@dataclass(frozen=True, slots=True)
class Window:
    """Hours that come again: from `from_time` of some days to the next `to_time` there, exclusive.

    `weekdays` are ISO, 1 is Monday, of the day on which it begins; so are `first_day` and `last_day`, None
    being open. Times that are the same are a day apart. What is as loud as `lets_through` passes.
    """

    id: UUID
    name: str
    kind: WindowKind
    matchers: Matchers
    zone: ZoneInfo
    weekdays: frozenset[int]
    from_time: time
    to_time: time
    first_day: date | None = None
    last_day: date | None = None
    lets_through: Severity | None = None

    def end(self, at: datetime) -> datetime | None:
        """Return until when it holds that holds at `at`, None where it does not hold then.

        At that moment it may hold again: the clock on the wall was set, or it begins anew.
        """
        moment = at.astimezone(UTC)
        shown = moment.astimezone(self.zone).replace(tzinfo=None)
        ends = self._ends(shown)
        return None if ends is None else _reached(self.zone, moment, moment + (ends - shown))

    def why(self) -> str:
        """Return what holds, in words."""
        kind = "quiet hours" if self.kind is WindowKind.QUIET_HOURS else "maintenance"
        return f"{kind} '{self.name}'"

    def _ends(self, shown: datetime) -> datetime | None:
        """Return what the clock shows at the end of what it is in now."""
        for begun in (shown.date(), shown.date() - DAY):
            if self._begins(begun):
                begins = datetime.combine(begun, self.from_time)
                ends = datetime.combine(begun, self.to_time)
                if ends <= begins:
                    ends += DAY
                if begins <= shown < ends:
                    return ends
        return None

    def _begins(self, day: date) -> bool:
        return (
            day.isoweekday() in self.weekdays
            and (self.first_day is None or self.first_day <= day)
            and (self.last_day is None or day <= self.last_day)
        )


@dataclass(frozen=True, slots=True)
class Held:
    """That an alert waits until `until` (UTC), and for what: in words, and its id.

    It is what holds it now, of several what does so longest; others may follow it before `until`.
    """

    until: datetime
    why: str
    by: UUID


def held(
    target: Target,
    severity: Severity,
    silences: Sequence[Silence],
    windows: Sequence[Window],
    at: datetime,
) -> Held | None:
    """Return until when an alert waits that would be told at `at`, None where nothing holds it.

    What follows without a gap counts as one, as far as `LOOK_AHEAD`.
    """
    holding = list(_about(target, severity, silences, windows))
    first = _longest(holding, at)
    if first is None:
        return None
    until, by = first
    while until < at + LOOK_AHEAD and (next_ := _longest(holding, until)):
        until = next_[0]
    return Held(until.astimezone(UTC), by.why(), by.id)


def louder(severity: Severity, than: Severity) -> bool:
    """Return whether `severity` is as loud as `than`, or louder."""
    order = list(Severity)
    return order.index(severity) <= order.index(than)


def _about(
    target: Target, severity: Severity, silences: Sequence[Silence], windows: Sequence[Window]
) -> Iterator[Silence | Window]:
    yield from (silence for silence in silences if silence.matchers.matches(target))
    for window in windows:
        passes = window.lets_through is not None and louder(severity, window.lets_through)
        if not passes and window.matchers.matches(target):
            yield window


def _longest(holding: Sequence[Silence | Window], at: datetime) -> tuple[datetime, Silence | Window] | None:
    ends = [(end, each) for each in holding if (end := each.end(at)) is not None]
    return max(ends, key=lambda found: found[0], default=None)


def _reached(zone: ZoneInfo, at: datetime, ends: datetime) -> datetime:
    """Return `ends`, or the moment before it at which the clock is set: what it shows then is read anew."""
    offset = at.astimezone(zone).utcoffset()
    if ends.astimezone(zone).utcoffset() == offset:
        return ends
    # Clocks are set at whole seconds.
    before, after = floor(at.timestamp()), ceil(ends.timestamp())
    while after - before > 1:
        middle = (before + after) // 2
        same = datetime.fromtimestamp(middle, zone).utcoffset() == offset
        before, after = (middle, after) if same else (before, middle)
    return datetime.fromtimestamp(after, UTC)
