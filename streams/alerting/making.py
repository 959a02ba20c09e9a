"""From what stands in tables to what is told: one way, for what is sent and for what is previewed."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from detectors import readings
from detectors.assumptions import ELASTICITY
from detectors.divergence import subject
from detectors.incidents import incident_id
from detectors.local_days import ONE_DAY, day_of, day_start
from detectors.series import HourRow, by_day
from storage.alert_facts import Facts, Line
from streams.alerting.chart import DAYS, Chart
from streams.alerting.content import ArtifactVersion, Content, Course, Incident, Kind, Peer
from streams.alerting.places import Places
from streams.alerting.storm import Brief

AFTER = 7 * ONE_DAY
"""Days shown after a detection at most: the detection stays in sight."""


def content(
    facts: Facts, kind: Kind, course: Course, places: Places, incident: Incident | None = None
) -> Content:
    """Return what is told of a report."""
    report = facts.report
    return Content(
        kind=kind,
        report=report,
        cascade=facts.cascade,
        assumption=facts.assumption,
        artifact=ArtifactVersion(report.artifact_id, *facts.artifact),
        project=facts.project,
        org=facts.org,
        owner=facts.owner,
        course=course,
        places=places,
        incident=incident,
    )


def course(facts: Facts, kind: Kind, now: datetime, before: str | None = None) -> Course:
    """Return what became of a report so far, as it is told at `now`.

    What the data say goes before what a person has said (ADR 0025). An open one is told as resolved as if it
    were so now.
    """
    if kind is Kind.RESOLVED:
        if facts.status == "OPEN" and facts.closed_at:
            by, why = facts.closed_by, facts.close_reason
            return Course(facts.closed_at, before, "person", facts.closed_at, resolved_by=by, why=why)
        ended = facts.resolved_at or now
        return Course(ended, before, facts.resolution or "data", ended)
    at = {Kind.DETECTED: facts.report.detected_at, Kind.RECLASSIFIED: facts.updated_at}.get(kind, now)
    return Course(at, before, acknowledged_by=facts.acknowledged_by, acknowledged_at=facts.acknowledged_at)


def peer(line: Line) -> Peer:
    """Return a report as one of its incident."""
    root = line.incident_id is not None and incident_id(line.id) == line.incident_id
    return Peer(line.id, line.summary, line.classification, is_root=root, is_open=line.is_open)


def brief(line: Line) -> Brief:
    """Return a report as one of many."""
    return Brief(
        line.id,
        line.project,
        line.divergence_type,
        line.classification,
        line.summary,
        line.relative_gap,
        line.detected_at,
    )


def charted(facts: Facts, told: datetime, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the hours that a chart shows, None where there is none; `told` is when it is told."""
    if facts.assumption.unit == ELASTICITY:
        return None
    zone, first = ZoneInfo(facts.zone), _first(facts, told, now)
    return day_start(first, zone), day_start(first + DAYS * ONE_DAY, zone)


def chart(facts: Facts, told: datetime, now: datetime, rows: Sequence[HourRow]) -> Chart | None:
    """Return the chart of a report from the Telemetry of its hours, None where no day has a value."""
    item, zone, first = facts.assumption, ZoneInfo(facts.zone), _first(facts, told, now)
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
        detected=day_of(facts.report.detected_at - timedelta(microseconds=1), zone),
    )


def _first(facts: Facts, told: datetime, now: datetime) -> date:
    detected = facts.report.detected_at
    ends = min(facts.resolved_at or now, max(detected, told), detected + AFTER)
    return day_of(ends - timedelta(microseconds=1), ZoneInfo(facts.zone)) - (DAYS - 1) * ONE_DAY
