"""The detect agent: woken by closed days, it folds them, and writes what it finds in the same transaction.

Events only wake it: what it folds it reads from Telemetry. An hour that changed after its day was folded
starts the fold of that assumption again from its first day; report ids follow from what they report, so
a refold corrects reports and repeats no alert. Where the retention has dropped the first day there is no
refold: from the days that are left it would forget old reports and tell them anew.

A breach found on a day into which history came is `historical`: nobody is told. The first day without any
ends it and starts to look anew, so that a breach that lasts is told once, on the evidence of live days.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from detectors.cascade import Cascade, Lineage, analyse
from detectors.divergence import Classification
from detectors.local_days import ONE_DAY, day_of, day_start, first_whole_day
from detectors.sequential import State, Status, Test, Verdict, fold
from detectors.series import POOLED_DAYS, HourRow, actual, by_day, day_batch
from storage import detection, findings, history, outbox
from storage.detection import ProjectDays, Watched
from storage.findings import Evidence, OpenReport, Report, Told
from storage.ledger import Connection
from storage.outbox import Letter
from streams import alerts
from streams.chunks import Chunk
from streams.holdings import Holdings
from streams.months import kept_since
from streams.news import News, read_news
from streams.outage import patiently
from streams.pricing import PriceExamination
from streams.reports import make_report

log = logging.getLogger(__name__)

SETTLING = POOLED_DAYS * ONE_DAY
"""How long after it was told a breach may still turn out to be worse."""
_WORSE = {Classification.COSMETIC: 0, Classification.MINOR: 1, Classification.MAJOR: 2}
ALARMS_PER_YEAR = 1.0
"""False alarms a year that an organisation accepts, for all its assumptions together."""


@dataclass(slots=True)
class Course:
    """The fold of one assumption through some days: where it stands, and what it came upon.

    Breaches are known by when they were detected. `history` are the days into which some came, `in_history`
    the breaches of such days that were not `told_live` before it came; `ended` says what ended a breach, if
    not the data.
    """

    state: State
    status: Status
    revisions: int
    broken: list[tuple[date, Verdict]] = field(default_factory=list)
    mended: dict[datetime, datetime] = field(default_factory=dict)
    ended: dict[datetime, str] = field(default_factory=dict)
    open_since: datetime | None = None
    found_open: OpenReport | None = None
    history: frozenset[date] = frozenset()
    told_live: frozenset[datetime] = frozenset()
    in_history: set[datetime] = field(default_factory=set)


class Detect:
    """Folds closed days into the states of assumptions."""

    def __init__(
        self, pool: asyncpg.Pool, holdings: Holdings, retention: timedelta | None, *, webhook: bool
    ) -> None:
        self._pool, self._holdings = pool, holdings
        self._retention, self._webhook = retention, webhook

    async def take(self, chunk: Chunk, retry_for: timedelta) -> None:
        """Act on a chunk of `telemetry_closed`.

        Raises:
            FencedError: another worker holds the partition.
            GaveUpError: the database stayed away.
        """
        continued = self._holdings.continued(chunk)
        if continued is None:
            return
        holding, rest = continued
        news = read_news(record.value for record in rest.records)

        async def work() -> None:
            async with self._pool.acquire() as connection, connection.transaction():
                if not await self._holdings.move(connection, holding, rest):
                    return
                for (org_id, project_id), said in news.items():
                    await self._examine(connection, org_id, project_id, said)
            holding.advanced(rest.end)

        await patiently(work, retry_for, "detecting")

    async def _examine(self, connection: Connection, org_id: UUID, project_id: UUID, news: News) -> None:
        days = await detection.project_days(connection, org_id, project_id)
        if days is None:
            return
        kept = await kept_since(connection, self._retention)
        lineage, places = await detection.lineage(connection, org_id, project_id)
        for item in await detection.watched(connection, org_id, project_id):
            place = places[item.artifact_id]
            examined = Examination if item.assumption.is_daily else PriceExamination
            examination = examined(connection, item, days, kept, lineage, place)
            await outbox.put(connection, await examination.run(news, webhook=self._webhook))
        await findings.resolve_superseded(connection, org_id, project_id)


class Examination:
    """One assumption, from what it remembers to what the news add."""

    def __init__(
        self,
        connection: Connection,
        item: Watched,
        days: ProjectDays,
        kept: datetime,
        lineage: Lineage,
        place: str,
    ) -> None:
        self._connection, self._item, self._lineage, self._place = connection, item, lineage, place
        zone = self._zone = ZoneInfo(days.timezone)
        self._closed = days.day_closed_through
        self._test = Test.of(item.assumption, ALARMS_PER_YEAR / max(days.assumptions, 1))
        began = max(day_of(days.first_event, zone), first_whole_day(item.effective_from, zone))
        self._first = max(began, first_whole_day(kept, zone))
        self._is_whole = self._first == began

    async def run(self, news: News, *, webhook: bool) -> list[Letter]:
        """Fold what is new, write state and reports, and return the alerts."""
        remembered = self._item.remembered
        through = remembered.folded_through if remembered else self._first - ONE_DAY
        # An assumption that is new starts with the days that were complete before it.
        complete = (
            news.complete_through if remembered else max(filter(None, (news.complete_through, self._closed)))
        )
        refold = bool(
            self._is_whole
            and news.changed_from
            and remembered
            and news.changed_from < day_start(through + ONE_DAY, self._zone)
        )
        last = max(filter(None, (complete, through)))
        start = self._first if refold or not remembered else through + ONE_DAY
        if start > last:
            return []
        course = await self._course(start, last, anew=refold or not remembered)
        letters = await self._write(course, last, webhook=webhook)
        if refold:
            founded = [self._ends(day) for day, _ in course.broken]
            await findings.resolve_unfounded(self._connection, self._item, founded, self._ends(last))
        await findings.save_state(
            self._connection, self._item, course.state.to_json(), course.status, last, course.revisions
        )
        return letters

    async def _course(self, start: date, last: date, *, anew: bool) -> Course:
        remembered = self._item.remembered
        if anew or remembered is None:
            course = Course(self._test.start(), Status.LEARNING, 0)
        else:
            state = State.from_json(remembered.state)
            course = Course(state, Status(remembered.status), remembered.telemetry_revisions)
            course.found_open = await findings.open_report(self._connection, self._item)
            course.open_since = course.found_open.detected_at if course.found_open else None
            if course.found_open and course.found_open.historical:
                course.in_history.add(course.found_open.detected_at)
        await self._look_back(course, start, last)
        rows = by_day(await self._rows(start, last), self._zone)
        day = start
        while day <= last:
            self._fold_day(course, day, rows.get(day, []))
            day += ONE_DAY
        return course

    async def _look_back(self, course: Course, start: date, last: date) -> None:
        span = (day_start(start, self._zone), self._ends(last))
        hours = await history.hours(self._connection, self._item, *span)
        if hours:
            course.history = frozenset(day_of(hour, self._zone) for hour in hours)
            course.told_live = await findings.told_live(self._connection, self._item)

    def _fold_day(self, course: Course, day: date, rows: Sequence[HourRow]) -> None:
        if rows and day not in course.history and course.open_since in course.in_history:
            self._leave_history(course, day)
        batch = day_batch(self._item.assumption.metric_name, day, rows, self._zone)
        course.state, verdict = fold(self._test, course.state, batch)
        course.status = verdict.status
        course.revisions += sum(row.revision for row in rows)
        if verdict.notify:
            course.broken.append((day, verdict))
            course.open_since = batch.ends_at
            if day in course.history and batch.ends_at not in course.told_live:
                course.in_history.add(batch.ends_at)
        if verdict.resolve and course.open_since:
            course.mended[course.open_since] = batch.ends_at
            course.open_since = None

    def _leave_history(self, course: Course, day: date) -> None:
        assert course.open_since  # noqa: S101  # it is one of `in_history`
        course.mended[course.open_since] = day_start(day, self._zone)
        course.ended[course.open_since] = "live days"
        course.open_since = None
        course.state = self._test.again(course.state)

    async def _write(self, course: Course, last: date, *, webhook: bool) -> list[Letter]:
        letters: list[Letter] = []
        for day, evidence in self._told(course, last):
            mended_at = course.mended.get(self._ends(day))
            until = day_of(mended_at, self._zone) - ONE_DAY if mended_at else last
            report, cascade = await self._report(day, min(until, day + SETTLING), evidence)
            report = replace(report, historical=self._ends(day) in course.in_history)
            before = await findings.write_report(self._connection, report, cascade)
            if before is None:
                log.info("divergence: %s (%s)", report.summary, report.classification)
            event = _event(before, report)
            if event:
                letters += alerts.letters(event, report, cascade, webhook=webhook)
        for detected_at, mended_at in course.mended.items():
            ended = course.ended.get(detected_at, "data")
            await findings.resolve(self._connection, self._item, detected_at, mended_at, ended)
        return letters

    def _told(self, course: Course, last: date) -> Iterator[tuple[date, Evidence]]:
        """Yield the breaches to write: new ones, and an older one whose days are still coming in."""
        older = course.found_open
        if older:
            day = day_of(older.detected_at, self._zone) - ONE_DAY
            if last <= day + SETTLING:
                yield day, older.evidence
        for day, verdict in course.broken:
            yield day, (verdict.e_value, verdict.threshold)

    async def _report(self, day: date, last: date, evidence: Evidence) -> tuple[Report, Cascade]:
        """Return the report of a breach told on `day`: the worst that it has looked like until `last`.

        The actual value is pooled over a week. On the day on which a sharp break is told most of that week
        lies before it; a week later all of it lies behind.
        """
        rows = await self._rows(self._first, last)
        reports: list[Report] = []
        while day <= last:
            report = self._report_as_of(day, rows, evidence, reports[0].detected_at if reports else None)
            reports += [report] if report else []
            day += ONE_DAY
        report = max(reports, key=lambda each: _WORSE[Classification(each.classification)])
        return report, analyse(self._lineage, self._place, report.tier_delta)

    def _report_as_of(
        self, day: date, rows: Sequence[HourRow], evidence: Evidence, detected_at: datetime | None
    ) -> Report | None:
        begins, ends = day_start(day - (POOLED_DAYS - 1) * ONE_DAY, self._zone), self._ends(day)
        known = [row for row in rows if row.hour < ends]
        value = actual(self._item.assumption.metric_name, [row for row in known if row.hour >= begins])
        return None if value is None else make_report(self._item, known, value, detected_at or ends, evidence)

    async def _rows(self, first: date, last: date) -> list[HourRow]:
        start, end = day_start(first, self._zone), self._ends(last)
        return await detection.series(self._connection, self._item, start, end)

    def _ends(self, day: date) -> datetime:
        return day_start(day + ONE_DAY, self._zone)


def _event(before: Told | None, report: Report) -> alerts.Event | None:
    """Return what is to be told of a report, None where nothing is."""
    if report.historical or (before and before.historical):
        return None
    if before is None:
        return "divergence.detected"
    worse = _WORSE[Classification(report.classification)] > _WORSE[Classification(before.classification)]
    return "divergence.reclassified" if worse else None
