"""What is told of a report that is stored: read in a person's session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from storage import alert_facts, detection
from storage.alert_facts import Facts
from storage.reading.past import Tried
from streams.alerting import making, storm, telling
from streams.alerting.chart import Chart
from streams.alerting.content import Content, Incident, Kind
from streams.alerting.message import Message
from streams.alerting.places import Places
from streams.alerting.storm import Storm


@dataclass(frozen=True, slots=True)
class Told:
    """A message, what it is about, its chart where there are values by day, and hints."""

    message: Message
    about: Content | Storm
    chart: Chart | None = None
    hints: tuple[str, ...] = ()


async def told(
    session: AsyncSession, org_id: UUID, report_id: UUID, kind: Kind | None, places: Places, now: datetime
) -> Told | None:
    """Return what is told of a report, or None where it is not there; `kind` None: as the report stands."""
    # The driver's connection is in the session's transaction: it sees what the claims let it see.
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    found = (await alert_facts.facts(driver, org_id, [report_id])).get(report_id)
    if found is None:
        return None
    if kind is Kind.STORM:
        return await _storm(driver, found, places, now)
    is_open = found.state in ("OPEN", "ACKNOWLEDGED")
    kind = kind or (Kind.DETECTED if is_open else Kind.RESOLVED)
    course = making.course(found, kind, now)
    content = making.content(found, kind, course, places, await _incident(driver, found))
    chart = await _chart(driver, found, course.at, now)
    return Told(telling.message(content), content, chart, _hints(found, kind, is_open=is_open))


async def _storm(driver: Any, found: Facts, places: Places, now: datetime) -> Told:
    org_id = found.report.org_id
    lines = await alert_facts.open_lines(driver, org_id)
    lines = lines or await alert_facts.lines(driver, org_id, [found.report.id])
    about = Storm(org_id, found.org, now, [making.brief(line) for line in lines], places)
    return Told(storm.message(about), about)


def _hints(found: Facts, kind: Kind, *, is_open: bool) -> tuple[str, ...]:
    hints = []
    if kind is Kind.RESOLVED and is_open:
        hints.append("the report is open: told as if it were resolved now")
    if found.report.is_silent:
        hints.append("the report is silent: nobody is told of it")
    return tuple(hints)


async def _incident(driver: Any, found: Facts) -> Incident | None:
    incident = found.report.incident_id
    if incident is None:
        return None
    peers = (await alert_facts.peers(driver, found.report.org_id, [incident])).get(incident)
    return Incident(incident, [making.peer(line) for line in peers]) if peers else None


async def _chart(driver: Any, found: Facts, at: datetime, now: datetime) -> Chart | None:
    hours = making.charted(found, at, now)
    if hours is None:
        return None
    about = Tried(found.report.org_id, found.report.project_id, found.assumption)
    return making.chart(found, at, now, await detection.series(driver, about, *hours))
