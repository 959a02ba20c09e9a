"""An assumption about price elasticity: estimated across the prices that were in force.

An estimate and not a test (detectors.elasticity): it is made anew with each complete day. A price episode
is the time in which one version of the PRICING artifact was in force: from its deployment (approval, where
none is noted) to that of the next; its `content.price` is the price.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from detectors.cascade import Lineage, analyse
from detectors.elasticity import Episode, Identification, estimate
from detectors.local_days import ONE_DAY, day_of, day_start, first_whole_day
from detectors.sequential import Status
from detectors.series import HourRow, actual
from storage import detection, findings, history
from storage.detection import PriceVersion, ProjectDays, Watched
from storage.findings import Report
from storage.ledger import Connection
from streams.alerts import Alert, due
from streams.news import News
from streams.reports import make_report

LEAST_DAYS = 7
"""Complete days an episode needs: a week, so that weekends weigh the same in each."""


class PriceExamination:
    """One elasticity, from the prices and the demand under them."""

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
        self._zone = ZoneInfo(days.timezone)
        self._kept = first_whole_day(kept, self._zone)

    async def run(self, news: News) -> list[Alert]:
        """Estimate with what is complete, write state and report, and return what is to be told."""
        if news.complete_through is None:
            return []
        end = day_start(news.complete_through + ONE_DAY, self._zone)
        versions = await detection.prices(self._connection, self._item)
        episodes, rows = [], []
        for price, since, last in _in_force(versions, news.complete_through, self._zone):
            first = max(since, self._kept)
            days = (last - first).days + 1
            if days < LEAST_DAYS:
                continue
            found = await self._rows(first, last)
            demand = actual(self._item.assumption.metric_name, found)
            if demand is not None:
                episodes.append(Episode(price, demand, days))
                rows += found
        return await self._judge(episodes, rows, end)

    async def _judge(self, episodes: list[Episode], rows: list[HourRow], end: datetime) -> list[Alert]:
        item, bounds = self._item, self._item.assumption.bounds
        found = estimate(episodes)
        told = await findings.open_report(self._connection, item)
        told_now: list[Alert] = []
        status = str(Identification.NOT_IDENTIFIABLE)
        if found.value is not None:
            kept = bounds.lower <= found.value <= bounds.upper
            status = str(Status.OK if kept else Status.DIVERGED)
            historical = await self._is_history(rows[-1].hour)
            if told and kept:
                await findings.resolve(self._connection, item, told.detected_at, end)
            elif told and told.historical and not historical:
                await findings.resolve(self._connection, item, told.detected_at, end, "live days")
                told = None
            if not kept and not told:
                report = replace(make_report(item, rows, found.value, end), historical=historical)
                told_now = await self._report(report)
        through = day_of(end, self._zone) - ONE_DAY
        state = {"elasticity": found.value, "reason": found.reason}
        await findings.save_state(
            self._connection, item, state, status, through, sum(row.revision for row in rows)
        )
        return told_now

    async def _report(self, report: Report) -> list[Alert]:
        cascade = analyse(self._lineage, self._place, report.tier_delta)
        event = due(await findings.write_report(self._connection, report, cascade), report)
        return [Alert(event, report, cascade)] if event else []

    async def _is_history(self, newest: datetime) -> bool:
        """Say whether history came into the day of the newest hour that the estimate rests on."""
        day = day_of(newest, self._zone)
        span = (day_start(day, self._zone), day_start(day + ONE_DAY, self._zone))
        return bool(await history.hours(self._connection, self._item, *span))

    async def _rows(self, first: date, last: date) -> list[HourRow]:
        start, end = day_start(first, self._zone), day_start(last + ONE_DAY, self._zone)
        return await detection.series(self._connection, self._item, start, end)


def _in_force(
    versions: list[PriceVersion], through: date, zone: ZoneInfo
) -> Iterator[tuple[float, date, date]]:
    """Yield (price, first complete day, last complete day) of each version that was in force."""
    starts = [day_of(version.since, zone) for version in versions]
    ends = [later - ONE_DAY for _, later in pairwise(starts)] + [through]
    for version, end in zip(versions, ends, strict=True):
        first = first_whole_day(version.since, zone)
        if first <= min(end, through):
            yield version.price, first, min(end, through)
