"""One assumption about price elasticity: from the days that are kept to what the news add.

The price of a day is the `content.price` of the version of the PRICING artifact that was in force all day:
from its deployment (approval, where none is noted) to that of the next. Days are kept with their demand, and
the course is made anew from all of them (detectors.price_course), so that telemetry is read once: days that
the retention has dropped stay known. Report ids follow from what they report, as in `streams.examination`.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from detectors.budget import Shares
from detectors.cascade import Lineage, analyse
from detectors.course import Breach, Setting
from detectors.elasticity import Test
from detectors.local_days import ONE_DAY, day_of, day_start, first_whole_day, hours_of
from detectors.price_course import KEPT, Course, Day, Found, Seen, follow, in_force, read_day
from detectors.series import HourRow, by_day
from storage import detection, findings, history, standings
from storage.detection import ProjectDays, Watched
from storage.exclusions import excluded
from storage.findings import SUPERSEDED, Report
from storage.ledger import Connection
from storage.standings import Saved
from streams.alerts import Alert, due
from streams.examination import TEST_CHANGED
from streams.news import News
from streams.reports import make_report, shadow_until, test_begins, worst

log = logging.getLogger(__name__)

PRICES_CHANGED = "the prices in force were changed"


class PriceExamination:
    """One elasticity, from the prices and the demand under them."""

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
        self._days, self._shares, self._test = days, shares, Test.of(item.assumption)
        self._first = max(day_of(days.first_event, zone), first_whole_day(kept, zone))

    async def run(self, news: News) -> list[Alert]:
        """Take in what is new, write state and reports, and return what is to be told."""
        before, reason = self._remembered()
        known = self._untouched(before, news)
        through = known[-1].day if known else self._first - ONE_DAY
        if len(known) < len(before):
            reason = news.reason
            if news.more:
                await standings.rewind(self._connection, self._item, self._state(known), through)
        last = self._complete(before, news)
        if news.more or last is None:
            return []
        read = known + await self._read(through + ONE_DAY, last)
        days = await self._priced(read, last)
        repriced = [new.day for old, new in zip(read, days, strict=True) if new.price != old.price]
        if not (reason or repriced or len(read) > len(before)):
            return []
        course = await self._follow(days)
        judged = date.min if reason == TEST_CHANGED else min(through, *(each - ONE_DAY for each in repriced))
        alerts = await self._write(course.found, judged)
        founded = {told.breach.detected_at for told in course.found}
        await self._supersede(day_start(days[0].day, self._zone), founded, reason or PRICES_CHANGED, last)
        await self._save(days, course)
        return alerts

    def _remembered(self) -> tuple[list[Day], str | None]:
        """Return the days that are kept, and why all is to be judged anew, if it is."""
        if self._item.remembered is None:
            return [], None
        state = self._item.remembered.state
        try:
            days = list(KEPT.validate_python(state.get("days")))
        except ValidationError:
            return [], TEST_CHANGED
        same = state.get("configuration") == self._test.configuration
        return days, None if same else TEST_CHANGED

    def _untouched(self, days: list[Day], news: News) -> list[Day]:
        """Return the days before the first that changed; days that the retention has dropped stay."""
        if news.changed_from is None:
            return days
        changed = max(day_of(news.changed_from, self._zone), self._first)
        return [each for each in days if each.day < changed]

    def _complete(self, before: list[Day], news: News) -> date | None:
        """Return the last complete day that there is, None if there is none."""
        said = [news.complete_through, self._days.day_closed_through, *(each.day for each in before[-1:])]
        return max((day for day in said if day and day >= self._first), default=None)

    async def _read(self, first: date, last: date) -> list[Day]:
        if first > last:
            return []
        rows = by_day(await self._rows(first, last), self._zone)
        span = (day_start(first, self._zone), self._ends(last))
        hours = await history.hours(self._connection, self._item, *span)
        past = {day_of(hour, self._zone) for hour in hours}
        out = await excluded(self._connection, self._item, *span)
        return [
            read_day(
                self._item.assumption,
                day,
                rows.get(day, []),
                historical=day in past,
                taken_out=any(map(out.covers, hours_of(day, self._zone))),
            )
            for day in (first + number * ONE_DAY for number in range((last - first).days + 1))
        ]

    async def _priced(self, days: list[Day], last: date) -> list[Day]:
        versions = await detection.prices(self._connection, self._item)
        prices = dict(in_force([(each.price, each.since) for each in versions], last, self._zone))
        return [replace(day, price=prices.get(day.day)) for day in days]

    async def _follow(self, days: list[Day]) -> Course:
        past = frozenset(day.day for day in days if day.historical)
        told = await findings.told_live(self._connection, self._item) if past else frozenset()
        silent = shadow_until(self._item) if self._item.assumption.shadow_days else None
        since = first_whole_day(test_begins(self._item), self._zone)
        return follow(self._test, days, since, self._shares.on, Setting(self._zone, past, told, silent))

    async def _supersede(
        self, after: datetime, founded: Collection[datetime], reason: str, last: date
    ) -> None:
        item = self._item
        known = await findings.known(self._connection, (item.org_id, item.project_id), after)
        groundless = [
            at
            for at, report in known.get(item.id, {}).items()
            if at > after and at not in founded and report.status != SUPERSEDED
        ]
        if groundless:
            await findings.supersede(self._connection, item, groundless, reason, self._ends(last))

    async def _write(self, found: Sequence[Found], judged: date) -> list[Alert]:
        """Write the reports of breaches that days after `judged` say something of, and how each stands."""
        alerts: list[Alert] = []
        for told in found:
            if told.looks[-1].look.day > judged:
                alerts += await self._report(told)
            await findings.settle(self._connection, self._item, told.breach)
        return alerts

    async def _report(self, told: Found) -> list[Alert]:
        """Write the report of a breach: the worst that it looked like in its first week (`report_of`)."""
        rows = await self._rows(self._first, told.looks[-1].look.day)
        looks = [report for seen in told.looks if (report := self._look(told.breach, seen, rows))]
        if not looks:
            return []
        report = replace(worst(looks), historical=told.breach.historical)
        cascade = analyse(self._lineage, self._place, report.tier_delta)
        before = await findings.write_report(self._connection, report, cascade)
        if before is None:
            log.info("divergence: %s (%s)", report.summary, report.classification)
        event = due(before, report)
        return [Alert(event, report, cascade)] if event else []

    def _look(self, breach: Breach, seen: Seen, rows: Sequence[HourRow]) -> Report | None:
        ends = self._ends(seen.look.day)
        known = [row for row in rows if row.hour < ends]
        if not known or seen.look.estimate is None:
            return None
        evidence = replace(breach.evidence, interval=seen.interval)
        return make_report(self._item, known, seen.look.estimate, breach.detected_at, evidence)

    async def _save(self, days: list[Day], course: Course) -> None:
        saved = Saved(
            state=self._state(days),
            status=str(course.status),
            through=days[-1].day if days else self._first - ONE_DAY,
            revisions=sum(day.revisions for day in days),
            verdict=course.shown(),
        )
        await standings.save(self._connection, [(self._item, saved)])

    def _state(self, days: list[Day]) -> dict[str, Any]:
        kept = KEPT.dump_python(tuple(days), mode="json")
        return {"configuration": self._test.configuration, "days": kept}

    async def _rows(self, first: date, last: date) -> list[HourRow]:
        span = (day_start(first, self._zone), self._ends(last))
        out = await excluded(self._connection, self._item, *span)
        rows = await detection.series(self._connection, self._item, *span)
        return [row for row in rows if not out.covers(row.hour)]

    def _ends(self, day: date) -> datetime:
        return day_start(day + ONE_DAY, self._zone)
