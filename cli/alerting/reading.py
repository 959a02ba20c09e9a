"""What is told of a report that is stored: read in a person's session."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from detectors import readings
from detectors.assumptions import ELASTICITY, Assumption
from detectors.cascade import Cascade
from detectors.divergence import Recommendation, subject
from detectors.incidents import incident_id
from detectors.local_days import ONE_DAY, day_of, day_start
from detectors.series import by_day
from storage.findings import Report
from storage.reading import alerts, past
from storage.reading.alerts import Known
from storage.reading.past import Tried
from storage.tables import DivergenceReport
from streams.alerting import storm, telling
from streams.alerting.chart import DAYS, Chart
from streams.alerting.content import ArtifactVersion, Content, Course, Incident, Kind, Peer
from streams.alerting.message import Message
from streams.alerting.places import Places
from streams.alerting.storm import Brief, Storm

_AFTER = 7 * ONE_DAY
"""Days shown after a detection at most: the detection stays in sight."""


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
    known = await alerts.known(session, org_id, report_id)
    if known is None:
        return None
    if kind is Kind.STORM:
        return await _storm(session, known, places, now)
    kind = kind or (Kind.DETECTED if known.report.status == "OPEN" else Kind.RESOLVED)
    content = _content(known, kind, places, now, await _incident(session, known.report))
    chart = await _chart(session, known, content, now)
    return Told(telling.message(content), content, chart, _hints(known.report, kind))


async def _storm(session: AsyncSession, known: Known, places: Places, now: datetime) -> Told:
    found = await alerts.open_reports(session, known.report.org_id)
    briefs = [_brief(report, project) for report, project in found]
    about = Storm(
        known.report.org_id,
        known.organization.slug,
        now,
        briefs or [_brief(known.report, known.project.name)],
        places,
    )
    return Told(storm.message(about), about)


def _brief(report: DivergenceReport, project: str) -> Brief:
    return Brief(
        report.id,
        project,
        report.divergence_type,
        report.classification,
        report.summary,
        report.relative_gap,
        report.detected_at,
    )


def _hints(report: DivergenceReport, kind: Kind) -> tuple[str, ...]:
    hints = []
    if kind is Kind.RESOLVED and report.resolved_at is None:
        hints.append("the report is open: told as if it were resolved now")
    if report.shadow or report.historical:
        hints.append("the report is silent: nobody is told of it")
    return tuple(hints)


def _content(known: Known, kind: Kind, places: Places, now: datetime, incident: Incident | None) -> Content:
    row, cascade, artifact = known.report, known.cascade, known.artifact
    return Content(
        kind=kind,
        report=Report(**{field.name: getattr(row, field.name) for field in fields(Report)}),
        cascade=Cascade(
            cascade.affected_features,
            cascade.affected_code_modules,
            cascade.reexecution_scope_days,
            cascade.full_redesign_days,
            Recommendation(cascade.recommendation),
            [],
        ),
        assumption=_assumption(known),
        artifact=ArtifactVersion(artifact.id, artifact.type, artifact.key, artifact.version, _title(known)),
        project=known.project.name,
        org=known.organization.slug,
        owner=known.assumption.owner or known.owner or "",
        course=_course(row, kind, now),
        places=places,
        incident=incident,
    )


def _course(row: DivergenceReport, kind: Kind, now: datetime) -> Course:
    if kind is Kind.RESOLVED:
        ended = row.resolved_at or now
        return Course(ended, resolution=row.resolution or "data", resolved_at=ended)
    at = {Kind.DETECTED: row.detected_at, Kind.RECLASSIFIED: row.updated_at}.get(kind, now)
    return Course(at)


def _assumption(known: Known) -> Assumption:
    """Return the stored assumption, which was checked when its artifact was approved."""
    return Assumption.model_validate(
        {name: getattr(known.assumption, name) for name in Assumption.model_fields}
    )


def _title(known: Known) -> str:
    title = (known.artifact.content or {}).get("title")
    return title if isinstance(title, str) else ""


async def _incident(session: AsyncSession, report: DivergenceReport) -> Incident | None:
    found = await alerts.peers(session, report)
    if report.incident_id is None or not found:
        return None
    peers = [
        Peer(
            each.id,
            each.summary,
            each.classification,
            is_root=incident_id(each.id) == report.incident_id,
            is_open=each.status == "OPEN",
        )
        for each in found
    ]
    return Incident(report.incident_id, peers)


async def _chart(session: AsyncSession, known: Known, content: Content, now: datetime) -> Chart | None:
    item, zone = content.assumption, ZoneInfo(known.organization.timezone)
    if item.unit == ELASTICITY:
        return None
    row = known.report
    ends = min(row.resolved_at or now, max(row.detected_at, content.course.at), row.detected_at + _AFTER)
    last = day_of(ends - timedelta(microseconds=1), zone)
    first = last - (DAYS - 1) * ONE_DAY
    rows, _ = await past.hours(
        session,
        Tried(row.org_id, row.project_id, item),
        day_start(first, zone),
        day_start(last + ONE_DAY, zone),
    )
    days = by_day(rows, zone)
    values = [readings.actual(item, days.get(first + day * ONE_DAY, []), zone) for day in range(DAYS)]
    if all(value is None for value in values):
        return None
    return Chart(
        subject=subject(item.metric_name, cohort=item.cohort, feature=item.feature),
        unit=item.unit,
        first=first,
        values=values,
        bounds=item.bounds,
        detected=day_of(row.detected_at - timedelta(microseconds=1), zone),
    )
