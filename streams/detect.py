"""The detect agent: woken by closed days, it folds them, and writes what it finds in the same transaction.

Events only wake it: what it folds it reads from Telemetry. What it makes of an assumption is told in
`streams.examination`, of an elasticity in `streams.pricing`.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from detectors.budget import Life, Shares
from detectors.cascade import Lineage
from detectors.incidents import incidents
from detectors.local_days import day_of
from storage import detection, findings, outbox
from storage import incidents as linked
from storage.detection import ProjectDays, Watched
from storage.ledger import Connection
from streams import alerts
from streams.alerts import Alert
from streams.chunks import Chunk
from streams.examination import Examination, examine
from streams.ground import Ground
from streams.holdings import Holdings
from streams.months import kept_since
from streams.news import News, read_news
from streams.outage import patiently
from streams.pricing import PriceExamination

TOGETHER = 50
"""Assumptions that are read and folded at once: the rows of two days of each are in memory."""


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
        shares = _Shares(days, await detection.lives(connection, org_id))
        items = await detection.watched(connection, org_id, project_id)
        found: list[Alert] = []
        for first in range(0, len(items), TOGETHER):
            together = items[first : first + TOGETHER]
            ground = Ground(connection, (org_id, project_id), together, shares.zone)
            daily: list[Examination] = []
            for item in together:
                rest = (item, days, shares.of(item), kept, lineage, places[item.artifact_id])
                if item.assumption.is_daily:
                    daily.append(Examination(connection, ground, *rest))
                else:
                    found += await PriceExamination(connection, *rest).run(news)
            found += await examine(connection, daily, news)
        await findings.resolve_superseded(connection, org_id, project_id)
        known = await _link(connection, org_id, project_id, lineage, places)
        for alert in found:
            told = alert.of_incident(known.get(alert.report.id))
            await outbox.put(connection, alerts.letters(told, webhook=self._webhook))


class _Shares:
    """The budget shares of assumptions: the same for all that were approved on the same day."""

    def __init__(self, days: ProjectDays, lives: Sequence[Life]) -> None:
        self.zone = ZoneInfo(days.timezone)
        self._alarms, self._lives = days.alarms_per_year, lives
        self._made: dict[date, Shares] = {}

    def of(self, item: Watched) -> Shares:
        approved_on = day_of(item.approved_at, self.zone)
        if approved_on not in self._made:
            self._made[approved_on] = Shares(self._alarms, item.approved_at, self._lives, self.zone)
        return self._made[approved_on]


async def _link(
    connection: Connection, org_id: UUID, project_id: UUID, lineage: Lineage, places: dict[UUID, str]
) -> dict[UUID, UUID]:
    """Link the reports of a project to their incidents, if any changed; return the incidents by report."""
    if not await linked.changed_now(connection, org_id, project_id):
        return {}
    known = incidents(lineage, await linked.reported(connection, org_id, project_id, places))
    await linked.link(connection, org_id, known)
    return known
