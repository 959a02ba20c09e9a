"""What assumptions of a project rest on, read once for all of them.

They ask for the same days, mostly the one that has closed and the one that runs: what is read of these for
one is read for all. Longer spans (a first fold, late data) are each one's own, and are not kept.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from detectors.exclusions import Exclusions
from detectors.local_days import ONE_DAY, ONE_HOUR, day_start
from detectors.series import HourRow
from storage import detection, exclusions, history
from storage.detection import Rows, Watched
from storage.exclusions import TakenOut
from storage.history import Past
from storage.ledger import Connection

_SHARED = 2 * ONE_DAY + ONE_HOUR
"""The longest span that is read for all: what is kept in memory is bounded by it."""
Span = tuple[datetime, datetime]


class Ground:
    """Telemetry, history and exclusions of some assumptions of one project."""

    def __init__(
        self, connection: Connection, project: tuple[UUID, UUID], items: Sequence[Watched], zone: ZoneInfo
    ) -> None:
        self._connection, self._project, self._items, self._zone = connection, project, items, zone
        self._rows: dict[Span, Rows] = {}
        self._past: dict[Span, Past] = {}
        self._out: dict[Span, TakenOut] = {}

    async def rows(self, item: Watched, first: date, last: date) -> tuple[list[HourRow], Exclusions]:
        """Return the Telemetry of some days without what is taken out, and what that is."""
        span = self._span(first, last)
        out = (await self._taken_out(span)).of(item.assumption)
        rows = await self._all_rows(item, span)
        return [row for row in rows if not out.covers(row.hour)], out

    async def history(self, item: Watched, first: date, last: date) -> frozenset[datetime]:
        """Return the hours of some days into which history came."""
        span = self._span(first, last)
        if span[1] - span[0] > _SHARED:
            return await history.hours(self._connection, item, *span)
        if span not in self._past:
            self._past[span] = await history.past(self._connection, self._project, *span)
        return self._past[span].of(item.assumption)

    async def _all_rows(self, item: Watched, span: Span) -> list[HourRow]:
        if span[1] - span[0] > _SHARED:
            return await detection.series(self._connection, item, *span)
        if span not in self._rows:
            about = [each.assumption for each in self._items]
            self._rows[span] = await detection.rows(self._connection, self._project, about, *span)
        return self._rows[span].of(item.assumption)

    async def _taken_out(self, span: Span) -> TakenOut:
        if span not in self._out:
            self._out[span] = await exclusions.taken_out(self._connection, self._project, *span)
        return self._out[span]

    def _span(self, first: date, last: date) -> Span:
        return day_start(first, self._zone), day_start(last + ONE_DAY, self._zone)
