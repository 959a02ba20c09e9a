"""Assumptions that are tested by days: from where their folds stand to what the news add.

An hour that changed after its day was folded takes a fold back to the last checkpoint that does not know
that day, or before the first day where none is kept. Where the retention has dropped what would have to be
folded again, a late hour changes nothing: from the days that are left the fold would forget old reports and
tell them anew. What another method or another test remembers is folded anew from the first day that is kept.

Report ids follow from what they report: a refold corrects reports and repeats no alert. One for which it
finds no ground any more is superseded. While more hours are about to change (`News.more`) the fold is taken
back and waits: half a correction proves nothing.

All of a project that are examined together are folded and looked at together: the same, to the bit.
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from detectors import readings
from detectors.assumptions import SHARE
from detectors.budget import Shares, Thresholds
from detectors.cascade import Lineage, analyse
from detectors.course import (
    SETTLING,
    Ahead,
    Breach,
    Setting,
    Standing,
    Step,
    advance_many,
    ahead_many,
    checkpoints,
    shown,
)
from detectors.local_days import ONE_DAY, day_of, day_start, first_whole_day
from detectors.sequential import Status
from detectors.series import by_day
from storage import findings, standings
from storage.detection import ProjectDays, Watched
from storage.findings import OPEN, SUPERSEDED, Known
from storage.ledger import Connection
from storage.standings import Saved
from streams.alerts import Alert, due
from streams.ground import Ground
from streams.news import CORRECTED, News
from streams.reports import report_of, shadow_until, test_begins

log = logging.getLogger(__name__)

TEST_CHANGED = "the test was changed"


async def examine(connection: Connection, many: Sequence["Examination"], news: News) -> list[Alert]:
    """Fold what is new of assumptions of a project; write states and reports; return what is to be told."""
    for each in many:
        await each.stand(news)
    if news.more or not many:
        return []
    await _fold(many)
    await _look_ahead(many)
    item = many[0].item
    project = (item.org_id, item.project_id)
    reports = await findings.known(connection, project, min(each.since for each in many))
    alerts = [alert for each in many for alert in await each.tell(reports.get(each.item.id, {}))]
    await standings.save(connection, [(each.item, saved) for each in many if (saved := each.saved())])
    return alerts


async def _fold(many: Sequence["Examination"]) -> None:
    """Take all days that are complete into the courses, one day of each at once."""
    waiting = [(each, days) for each in many if (days := await each.days_to_fold())]
    while waiting:
        steps = [days[0]._replace(standing=each.course[-1]) for each, days in waiting]
        for (each, _), standing in zip(waiting, advance_many(steps), strict=True):
            each.course.append(standing)
        waiting = [(each, days[1:]) for each, days in waiting if len(days) > 1]


async def _look_ahead(many: Sequence["Examination"]) -> None:
    """Look at the hours so far of the day after the last complete one, of all at once."""
    asked = [(each, step) for each in many if (step := await each.day_so_far())]
    seen = ahead_many([step for _, step in asked]) if asked else []
    for (each, _), ahead in zip(asked, seen, strict=True):
        each.seen = ahead


class Examination:
    """One assumption, from what it remembers to what the news add: `course` begins where its fold stood."""

    def __init__(
        self,
        connection: Connection,
        ground: Ground,
        item: Watched,
        days: ProjectDays,
        shares: Shares,
        kept: datetime,
        lineage: Lineage,
        place: str,
    ) -> None:
        self._connection, self._ground, self.item = connection, ground, item
        self._lineage, self._place = lineage, place
        zone = self._zone = ZoneInfo(days.timezone)
        self._days, self._tests = days, Thresholds(item.assumption, shares)
        began = max(day_of(days.first_event, zone), first_whole_day(test_begins(item), zone))
        self._first = max(began, first_whole_day(kept, zone))
        self._is_whole = self._first == began
        self._configuration = self._tests.on(self._first).configuration
        self.course: list[Standing] = []
        self.seen: Ahead | None = None
        self._taken_back: str | None = None
        self._complete: date | None = None

    async def stand(self, news: News) -> None:
        """Find where the fold goes on, and why it was taken back there, if it was."""
        base, self._taken_back = await self._base(news)
        self.course = [base]
        if news.more and self._taken_back:
            await standings.rewind(self._connection, self.item, base.to_json(), base.through)
        closed = (news.complete_through, self._days.day_closed_through)
        self._complete = max(filter(None, closed), default=None)

    @property
    def since(self) -> datetime:
        """The end of the last day that was folded before: what was detected later is judged now."""
        return self._begins(self.course[0].through + ONE_DAY)

    async def _base(self, news: News) -> tuple[Standing, str | None]:
        remembered = self.item.remembered
        if remembered is None:
            return self._start(), None
        standing = self._read(remembered.state)
        if standing is None:
            return self._start(), TEST_CHANGED
        changed = day_of(news.changed_from, self._zone) if news.changed_from else None
        if changed is None or changed > standing.through:
            return standing, None
        earlier = await self._before(changed)
        return (earlier, news.reason) if earlier else (standing, None)

    async def _before(self, day: date) -> Standing | None:
        """Return the last standing that does not know `day`, None if the days since then are dropped."""
        standing = self._read(await standings.checkpoint_before(self._connection, self.item, day))
        if standing and standing.through + ONE_DAY >= self._first:
            return standing
        return self._start() if self._is_whole else None

    def _start(self) -> Standing:
        return Standing.before(self._first, self._tests.on(self._first))

    def _read(self, state: object) -> Standing | None:
        """Return a standing that was kept, None where it is another method's or test's, or none."""
        try:
            standing = Standing.from_json(state)
        except ValidationError:
            return None
        return standing if standing.configuration == self._configuration else None

    async def days_to_fold(self) -> list[Step]:
        """Return the complete days that are not folded, in order, as if each were the next one."""
        first, last = self.course[0].through + ONE_DAY, self._complete
        if last is None or last < first:
            return []
        setting = await self._setting(first, last)
        read, out = await self._ground.rows(self.item, first, last)
        rows = by_day(read, self._zone)
        found, day = [], first
        while day <= last:
            hours = rows.get(day, [])
            batch = readings.day_batch(self.item.assumption, day, hours, out, self._zone)
            revisions = sum(row.revision for row in hours)
            found.append(Step(self._tests.on(day), self.course[0], batch, revisions, setting))
            day += ONE_DAY
        return found

    async def day_so_far(self) -> Step | None:
        """Return the hours so far of the day after the last complete one, None where they tell nothing.

        Those of a share do not, which is that of a whole day's users: they are known once the day is over.
        """
        standing = self.course[-1]
        if standing.through != self._complete or self.item.assumption.unit == SHARE:
            return None
        day = standing.through + ONE_DAY
        rows, out = await self._ground.rows(self.item, day, day)
        if not rows:
            return None
        batch = readings.day_batch(self.item.assumption, day, rows, out, self._zone)
        return Step(self._tests.on(day), standing, batch, 0, await self._setting(day, day))

    async def _setting(self, first: date, last: date) -> Setting:
        hours = await self._ground.history(self.item, first, last)
        days = frozenset(day_of(hour, self._zone) for hour in hours)
        told = await findings.told_live(self._connection, self.item) if days else frozenset()
        silent = shadow_until(self.item) if self.item.assumption.shadow_days else None
        return Setting(self._zone, days, told, silent)

    async def tell(self, known: dict[datetime, Known]) -> list[Alert]:
        """Write what became of the breaches; `known` is how reports stand that may be concerned."""
        last = self.course[-1].through
        breaches = {each.detected_at: each for standing in self.course for each in standing.breaches}
        breaches |= {self.seen.breach.detected_at: self.seen.breach} if self.seen else {}
        alerts = await self._write(list(breaches.values()))
        for breach in breaches.values():
            if not (breach.detected_at in known and known[breach.detected_at].is_of(breach)):
                await findings.settle(self._connection, self.item, breach)
        # Asked of every fold: it may have been taken back, and have waited, before this news. A fold that
        # begins anew behind what is kept speaks for what lasts from before, too.
        anew = self._taken_back == TEST_CHANGED
        groundless = [
            at
            for at, report in known.items()
            if at not in breaches
            and report.status != SUPERSEDED
            and (at > self.since or (anew and report.status == OPEN))
        ]
        if groundless:
            reason = self._taken_back or CORRECTED
            await findings.supersede(
                self._connection, self.item, groundless, reason, self._begins(last + ONE_DAY)
            )
        return alerts

    async def _write(self, breaches: list[Breach]) -> list[Alert]:
        """Write the reports of the breaches whose days came in."""
        first, last = self.course[0].through + ONE_DAY, self.course[-1].through
        coming_in = [each for each in breaches if first <= min(max(last, each.day), each.day + SETTLING)]
        rows = (await self._ground.rows(self.item, self._first, last + ONE_DAY))[0] if coming_in else []
        alerts: list[Alert] = []
        for breach in coming_in:
            report = report_of(self.item, breach, rows, last, self._zone)
            cascade = analyse(self._lineage, self._place, report.tier_delta)
            before = await findings.write_report(self._connection, report, cascade)
            if before is None:
                log.info("divergence: %s (%s)", report.summary, report.classification)
            event = due(before, report)
            alerts += [Alert(event, report, cascade)] if event else []
        return alerts

    def saved(self) -> Saved | None:
        """Return what is to be remembered, None if that is what is remembered already."""
        base, last, seen = self.course[0], self.course[-1], self.seen
        status = Status.DIVERGED if seen else last.status
        verdict = shown(seen.verdict) if seen else last.shown()
        before = self.item.remembered
        if len(self.course) == 1 and not self._taken_back and before:
            told = (before.status, before.verdict)
            if told == (status, verdict):
                return None
        wanted = list(checkpoints(self._first - ONE_DAY, last.through))
        return Saved(
            state=last.to_json(),
            status=status,
            through=min(last.through, self._complete or last.through),
            revisions=last.revisions,
            verdict=verdict,
            kept=[day for day in wanted if day <= base.through],
            added=[each.to_json() for each in self.course[1:] if each.through in set(wanted)],
        )

    def _begins(self, day: date) -> datetime:
        return day_start(day, self._zone)
