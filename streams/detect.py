"""The detect agent: woken by closed days, it folds them, and writes what it finds in the same transaction.

Events only wake it: what it folds it reads from Telemetry. An hour that changed after its day was folded
starts the fold of that assumption again from its first day; report ids follow from what they report, so
a refold corrects reports and repeats no alert.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from detectors.assumptions import Assumption
from detectors.cascade import Cascade, Lineage, analyse
from detectors.divergence import classify, relative_gap, sentence
from detectors.sequential import State, Status, Test, Verdict, fold
from detectors.tiers import telemetry_tier, tier_delta
from metrics.names import UNITS
from storage import detection, findings, outbox
from storage.detection import HourRow, ProjectDays, Watched
from storage.findings import Report
from storage.ledger import Connection
from storage.outbox import Letter
from streams import alerts
from streams.chunks import Chunk
from streams.days import ONE_DAY, day_of, day_start
from streams.holdings import Holdings
from streams.outage import patiently
from streams.series import POOLED_DAYS, actual, by_day, day_batch

log = logging.getLogger(__name__)

ALARMS_PER_YEAR = 1.0
"""False alarms a year that an organisation accepts, for all its assumptions together."""


@dataclass(slots=True)
class News:
    """What a chunk says of a project: days complete through, and the earliest hour that changed."""

    complete_through: date | None = None
    changed_from: datetime | None = None


@dataclass(slots=True)
class Course:
    """The fold of one assumption through some days: where it stands, and what it came upon."""

    state: State
    status: Status
    revisions: int
    broken: list[tuple[date, Verdict]] = field(default_factory=list)
    mended: dict[datetime, datetime] = field(default_factory=dict)
    open_since: datetime | None = None


class Detect:
    """Folds closed days into the states of assumptions."""

    def __init__(self, pool: asyncpg.Pool, holdings: Holdings, *, webhook: bool) -> None:
        self._pool, self._holdings, self._webhook = pool, holdings, webhook

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
                if not await self._holdings.move(connection, holding, rest.end):
                    return
                for (org_id, project_id), said in news.items():
                    await self._examine(connection, org_id, project_id, said)
            holding.advanced(rest.end)

        await patiently(work, retry_for, "detecting")

    async def _examine(self, connection: Connection, org_id: UUID, project_id: UUID, news: News) -> None:
        days = await detection.project_days(connection, org_id, project_id)
        if days is None:
            return
        lineage, places = await detection.lineage(connection, org_id, project_id)
        for item in await detection.watched(connection, org_id, project_id):
            if item.assumption.is_daily:
                examination = Examination(connection, item, days, lineage, places[item.artifact_id])
                await outbox.put(connection, await examination.run(news, webhook=self._webhook))
        await findings.resolve_superseded(connection, org_id, project_id)


class Examination:
    """One assumption, from what it remembers to what the news add."""

    def __init__(
        self, connection: Connection, item: Watched, days: ProjectDays, lineage: Lineage, place: str
    ) -> None:
        self._connection, self._item, self._lineage, self._place = connection, item, lineage, place
        self._zone = ZoneInfo(days.timezone)
        self._test = Test.of(item.assumption, ALARMS_PER_YEAR / max(days.assumptions, 1))
        since = max(item.effective_from, days.first_event)
        self._first = day_of(since, self._zone)
        if item.effective_from > day_start(self._first, self._zone):
            self._first += ONE_DAY  # the assumption began in the middle of it

    async def run(self, news: News, *, webhook: bool) -> list[Letter]:
        """Fold what is new, write state and reports, and return the alerts."""
        remembered = self._item.remembered
        through = remembered.folded_through if remembered else self._first - ONE_DAY
        refold = bool(
            news.changed_from and remembered and news.changed_from < day_start(through + ONE_DAY, self._zone)
        )
        last = max(filter(None, (news.complete_through, through)))
        start = self._first if refold or not remembered else through + ONE_DAY
        if start > last:
            return []
        course = await self._course(start, last, anew=refold or not remembered)
        letters = await self._write(course, webhook=webhook)
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
            course.open_since = await findings.open_since(self._connection, self._item)
        rows = by_day(await self._rows(start, last), self._zone)
        day = start
        while day <= last:
            self._fold_day(course, day, rows.get(day, []))
            day += ONE_DAY
        return course

    def _fold_day(self, course: Course, day: date, rows: Sequence[HourRow]) -> None:
        batch = day_batch(self._item.assumption.metric_name, day, rows, self._zone)
        course.state, verdict = fold(self._test, course.state, batch)
        course.status = verdict.status
        course.revisions += sum(row.revision for row in rows)
        if verdict.notify:
            course.broken.append((day, verdict))
            course.open_since = batch.ends_at
        if verdict.resolve and course.open_since:
            course.mended[course.open_since] = batch.ends_at
            course.open_since = None

    async def _write(self, course: Course, *, webhook: bool) -> list[Letter]:
        letters: list[Letter] = []
        for day, verdict in course.broken:
            report, cascade = await self._report(day, verdict)
            if await findings.write_report(self._connection, report, cascade):
                log.info("divergence: %s (%s)", report.summary, report.classification)
                letters += alerts.letters("divergence.detected", report, cascade, webhook=webhook)
        for detected_at, mended_at in course.mended.items():
            await findings.resolve(self._connection, self._item, detected_at, mended_at)
        return letters

    async def _report(self, day: date, verdict: Verdict) -> tuple[Report, Cascade]:
        rows = await self._rows(self._first, day)
        recent = [row for row in rows if row.hour >= day_start(day - (POOLED_DAYS - 1) * ONE_DAY, self._zone)]
        value = actual(self._item.assumption.metric_name, recent)
        assert value is not None  # noqa: S101  # a verdict rests on data
        report = _report(self._item, verdict, rows, value, self._ends(day))
        return report, analyse(self._lineage, self._place, report.tier_delta)

    async def _rows(self, first: date, last: date) -> list[HourRow]:
        start, end = day_start(first, self._zone), self._ends(last)
        return await detection.series(self._connection, self._item, start, end)

    def _ends(self, day: date) -> datetime:
        return day_start(day + ONE_DAY, self._zone)


def _report(
    item: Watched, verdict: Verdict, rows: Sequence[HourRow], value: float, detected_at: datetime
) -> Report:
    assumption = item.assumption
    users, samples = detection.users_of(rows)
    tier = telemetry_tier(users, samples)
    delta = tier_delta(item.evidence_tier, tier)
    gap = relative_gap(
        assumption.operator, assumption.value, assumption.tolerance, assumption.tolerance_kind, value
    )
    unit = UNITS[assumption.metric_name]
    return Report(
        org_id=item.org_id,
        id=findings.report_id(item.id, detected_at),
        project_id=item.project_id,
        artifact_id=item.artifact_id,
        assumption_id=item.id,
        divergence_type=str(assumption.type),
        metric_name=str(assumption.metric_name),
        cohort=assumption.cohort,
        feature=assumption.feature,
        assumed_value=f"{assumption.value:.4g} {unit}",
        actual_value=f"{value:.4g} {unit}",
        assumed_number=assumption.value,
        actual_number=value,
        unit=unit,
        relative_gap=gap,
        assumption_evidence_tier=str(item.evidence_tier),
        telemetry_evidence_tier=str(tier),
        tier_delta=delta,
        classification=str(classify(gap, delta)),
        summary=_sentence(assumption, value, gap),
        e_value=verdict.e_value,
        threshold=verdict.threshold,
        sample_count=samples,
        user_count=users,
        first_hour=rows[0].hour,
        last_hour=rows[-1].hour,
        detected_at=detected_at,
    )


def _sentence(assumption: Assumption, value: float, gap: float) -> str:
    return sentence(
        assumption.metric_name,
        assumption.operator,
        assumption.value,
        value,
        gap,
        unit=UNITS[assumption.metric_name],
        cohort=assumption.cohort,
        feature=assumption.feature,
    )


def read_news(values: Iterable[bytes]) -> dict[tuple[UUID, UUID], News]:
    """Return what events of `telemetry_closed` say, by organisation and project."""
    news: dict[tuple[UUID, UUID], News] = {}
    for value in values:
        event = json.loads(value)
        said = news.setdefault((UUID(event["org_id"]), UUID(event["project_id"])), News())
        if event["kind"] == "day_closed":
            day = date.fromisoformat(event["day"])
            said.complete_through = max(day, said.complete_through or day)
        else:
            first = datetime.fromisoformat(event["first"])
            said.changed_from = min(first, said.changed_from or first)
    return news
