"""One assumption that is tested by days: from where its fold stands to what the news add.

An hour that changed after its day was folded takes the fold back to the last checkpoint that does not know
that day, or before the first day where none is kept. Where the retention has dropped what would have to be
folded again, a late hour changes nothing: from the days that are left the fold would forget old reports and
tell them anew.

Report ids follow from what they report: a refold corrects reports and repeats no alert. One for which it
finds no ground any more is superseded. While more hours are about to change (`News.more`) the fold is taken
back and waits: half a correction proves nothing.
"""

import logging
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from detectors import readings
from detectors.assumptions import SHARE
from detectors.budget import Shares, Thresholds
from detectors.cascade import Lineage, analyse
from detectors.course import SETTLING, Breach, Setting, Standing, advance, ahead, checkpoints
from detectors.exclusions import Exclusions
from detectors.local_days import ONE_DAY, day_of, day_start, first_whole_day
from detectors.sequential import Status
from detectors.series import HourRow, by_day
from storage import detection, findings, history, standings
from storage.detection import ProjectDays, Watched
from storage.exclusions import excluded
from storage.ledger import Connection
from storage.standings import Saved
from streams.alerts import Alert, due
from streams.news import CORRECTED, News
from streams.reports import report_of, shadow_until, test_begins

log = logging.getLogger(__name__)

TEST_CHANGED = "the test was changed"


class Examination:
    """One assumption, from what it remembers to what the news add."""

    def __init__(
        self,
        connection: Connection,
        item: Watched,
        days: ProjectDays,
        shares: Shares,
        kept: datetime,
        lineage: Lineage,
        place: str,
    ) -> None:
        self._connection, self._item, self._lineage, self._place = connection, item, lineage, place
        zone = self._zone = ZoneInfo(days.timezone)
        self._days, self._tests = days, Thresholds(item.assumption, shares)
        began = max(day_of(days.first_event, zone), first_whole_day(test_begins(item), zone))
        self._first = max(began, first_whole_day(kept, zone))
        self._is_whole = self._first == began

    async def run(self, news: News) -> list[Alert]:
        """Fold what is new, write state and reports, and return what is to be told."""
        base, taken_back = await self._base(news)
        if news.more:
            if taken_back:
                await standings.rewind(self._connection, self._item, base.to_json(), base.through)
            return []
        complete = max(filter(None, (news.complete_through, self._days.day_closed_through)), default=None)
        course = [base, *await self._fold(base, complete)]
        last = course[-1].through
        seen = await self._ahead(course[-1]) if last == complete else None
        breaches = {each.detected_at: each for standing in course for each in standing.breaches}
        breaches |= {seen.detected_at: seen} if seen else {}
        alerts = await self._write(list(breaches.values()), course)
        # Asked of every fold: it may have been taken back, and have waited, before this news.
        await findings.supersede(
            *(self._connection, self._item, self._ends(base.through), breaches),
            *(taken_back or CORRECTED, self._ends(last)),
        )
        status = Status.DIVERGED if seen else course[-1].status
        before = self._item.remembered
        if len(course) > 1 or taken_back or not before or before.status != status:
            await self._save(course, status, min(last, complete or last))
        return alerts

    async def _base(self, news: News) -> tuple[Standing, str | None]:
        """Return where the fold goes on, and why it was taken back there, if it was."""
        remembered = self._item.remembered
        if remembered is None:
            return self._start(), None
        standing = _read(remembered.state)
        if standing is None:
            return self._start(), TEST_CHANGED
        changed = day_of(news.changed_from, self._zone) if news.changed_from else None
        if changed is None or changed > standing.through:
            return standing, None
        earlier = await self._before(changed)
        return (earlier, news.reason) if earlier else (standing, None)

    async def _before(self, day: date) -> Standing | None:
        """Return the last standing that does not know `day`, None if the days since then are dropped."""
        standing = _read(await standings.checkpoint_before(self._connection, self._item, day))
        if standing and standing.through + ONE_DAY >= self._first:
            return standing
        return self._start() if self._is_whole else None

    def _start(self) -> Standing:
        return Standing.before(self._first, self._tests.on(self._first))

    async def _fold(self, base: Standing, complete: date | None) -> list[Standing]:
        first, course = base.through + ONE_DAY, [base]
        if complete is None or complete < first:
            return []
        setting = await self._setting(first, complete)
        read, out = await self._rows(first, complete)
        rows = by_day(read, self._zone)
        day = first
        while day <= complete:
            found = rows.get(day, [])
            batch = readings.day_batch(self._item.assumption, day, found, out, self._zone)
            revisions = sum(row.revision for row in found)
            course.append(advance(self._tests.on(day), course[-1], batch, revisions, setting))
            day += ONE_DAY
        return course[1:]

    async def _ahead(self, standing: Standing) -> Breach | None:
        """Return the breach that the closed hours of the day after the last complete one show.

        None for a share, which is that of a whole day's users: its hours are known once the day is over.
        """
        if self._item.assumption.unit == SHARE:
            return None
        day = standing.through + ONE_DAY
        rows, out = await self._rows(day, day)
        if not rows:
            return None
        batch = readings.day_batch(self._item.assumption, day, rows, out, self._zone)
        return ahead(self._tests.on(day), standing, batch, await self._setting(day, day))

    async def _setting(self, first: date, last: date) -> Setting:
        span = (day_start(first, self._zone), self._ends(last))
        hours = await history.hours(self._connection, self._item, *span)
        days = frozenset(day_of(hour, self._zone) for hour in hours)
        told = await findings.told_live(self._connection, self._item) if days else frozenset()
        silent = shadow_until(self._item) if self._item.assumption.shadow_days else None
        return Setting(self._zone, days, told, silent)

    async def _write(self, breaches: list[Breach], course: list[Standing]) -> list[Alert]:
        """Write the reports of the breaches whose days came in, and how each breach stands."""
        first, last = course[0].through + ONE_DAY, course[-1].through
        coming_in = [each for each in breaches if first <= min(max(last, each.day), each.day + SETTLING)]
        rows = (await self._rows(self._first, last + ONE_DAY))[0] if coming_in else []
        alerts: list[Alert] = []
        for breach in coming_in:
            report = report_of(self._item, breach, rows, last, self._zone)
            cascade = analyse(self._lineage, self._place, report.tier_delta)
            before = await findings.write_report(self._connection, report, cascade)
            if before is None:
                log.info("divergence: %s (%s)", report.summary, report.classification)
            event = due(before, report)
            alerts += [Alert(event, report, cascade)] if event else []
        for breach in breaches:
            await findings.settle(self._connection, self._item, breach)
        return alerts

    async def _save(self, course: list[Standing], status: Status, through: date) -> None:
        base, last = course[0], course[-1]
        wanted = list(checkpoints(self._first - ONE_DAY, last.through))
        saved = Saved(
            state=last.to_json(),
            status=status,
            through=through,
            revisions=last.revisions,
            verdict=last.shown(),
            kept=[day for day in wanted if day <= base.through],
            added=[each.to_json() for each in course[1:] if each.through in set(wanted)],
        )
        await standings.save(self._connection, self._item, saved)

    async def _rows(self, first: date, last: date) -> tuple[list[HourRow], Exclusions]:
        """Return the Telemetry of some days without what is taken out, and what that is."""
        span = (day_start(first, self._zone), self._ends(last))
        out = await excluded(self._connection, self._item, *span)
        rows = await detection.series(self._connection, self._item, *span)
        return [row for row in rows if not out.covers(row.hour)], out

    def _ends(self, day: date) -> datetime:
        return day_start(day + ONE_DAY, self._zone)


def _read(state: object) -> Standing | None:
    """Return a standing that was kept, None where it is another version's or none."""
    try:
        return Standing.from_json(state)
    except ValidationError:
        return None
