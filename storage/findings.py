"""What detection writes: reports with their cascades, and what becomes of them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from detectors.cascade import Cascade
from detectors.course import Breach
from storage.detection import Watched
from storage.ledger import Connection

REPORT_IDS = UUID("2b8f0c77-3f0e-4f53-9b61-51c0f2a4d9aa")
"""Namespace of report ids: an id follows from the assumption and when it was broken, so a refold finds it."""
OPEN, SUPERSEDED = "OPEN", "SUPERSEDED"
CASCADE_IDS = UUID("a6e6cf4e-9f0d-47b5-8ad0-4a1f5a9f4a63")


@dataclass(frozen=True, slots=True)
class Told:
    """What a report said before it was written again, and whether somebody was told."""

    classification: str
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A divergence as it is written (storage.tables.DivergenceReport has the meanings)."""

    org_id: UUID
    id: UUID
    project_id: UUID
    artifact_id: UUID
    assumption_id: UUID
    divergence_type: str
    metric_name: str
    cohort: str
    feature: str
    assumed_value: str
    actual_value: str
    assumed_number: float
    actual_number: float
    unit: str
    relative_gap: float
    assumption_evidence_tier: str
    telemetry_evidence_tier: str
    tier_delta: int
    classification: str
    summary: str
    e_value: float | None
    threshold: float | None
    actual_since: datetime | None
    interval_low: float | None
    interval_high: float | None
    confidence: float | None
    days: int
    lane: str
    configuration: str | None
    telemetry_revisions: int
    telemetry_digest: str
    sample_count: int
    user_count: int
    first_hour: datetime
    last_hour: datetime
    detected_at: datetime
    shadow: bool
    launch: bool
    historical: bool = False
    incident_id: UUID | None = None

    @property
    def is_silent(self) -> bool:
        """Whether nobody is told of it."""
        return self.historical or self.shadow


_NUMBERS = (
    *("actual_value", "actual_number", "relative_gap", "telemetry_evidence_tier", "tier_delta"),
    *("classification", "summary", "e_value", "threshold", "actual_since", "interval_low", "interval_high"),
    *("confidence", "days", "lane", "configuration", "telemetry_revisions", "telemetry_digest"),
    *("sample_count", "user_count", "first_hour", "last_hour"),
)


def report_id(assumption_id: UUID, detected_at: datetime) -> UUID:
    """Return the id of the report about an assumption broken at `detected_at`."""
    return uuid5(REPORT_IDS, f"{assumption_id}/{detected_at.isoformat()}")


async def write_report(connection: Connection, report: Report, cascade: Cascade) -> Told | None:
    """Write a report with its cascade, or correct the numbers of one that is there.

    Returns what it said before, None if it is new. Whether it is `historical` never changes: somebody was
    paged, or nobody.
    """
    before = await connection.fetchrow(
        """SELECT classification, historical OR shadow FROM divergence_report
           WHERE org_id = $1 AND id = $2""",
        report.org_id,
        report.id,
    )
    fields = {name: getattr(report, name) for name in Report.__slots__}
    names = ", ".join(fields)
    values = ", ".join(f"${number}" for number in range(1, len(fields) + 1))
    update = ", ".join(f"{name} = EXCLUDED.{name}" for name in _NUMBERS)
    await connection.execute(
        f"""INSERT INTO divergence_report ({names}) VALUES ({values})
            ON CONFLICT (org_id, assumption_id, detected_at)
            DO UPDATE SET {update}, updated_at = clock_timestamp()""",
        *fields.values(),
    )
    await _write_cascade(connection, report, cascade)
    return Told(*before) if before else None


async def _write_cascade(connection: Connection, report: Report, cascade: Cascade) -> None:
    await connection.execute(
        """INSERT INTO cascade_analysis (org_id, id, divergence_id, project_id, affected_features,
               affected_code_modules, reexecution_scope_days, full_redesign_days, recommendation)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (org_id, divergence_id) DO UPDATE SET
               affected_features = EXCLUDED.affected_features,
               affected_code_modules = EXCLUDED.affected_code_modules,
               reexecution_scope_days = EXCLUDED.reexecution_scope_days,
               full_redesign_days = EXCLUDED.full_redesign_days,
               recommendation = EXCLUDED.recommendation""",
        report.org_id,
        uuid5(CASCADE_IDS, str(report.id)),
        report.id,
        report.project_id,
        json.dumps(cascade.affected_features),
        json.dumps(cascade.affected_code_modules),
        cascade.reexecution_scope_days,
        cascade.full_redesign_days,
        str(cascade.recommendation),
    )


@dataclass(frozen=True, slots=True)
class Known:
    """How a report stands."""

    status: str
    resolution: str | None
    resolved_at: datetime | None

    def is_of(self, breach: Breach) -> bool:
        """Say whether that is how its breach stands."""
        return self == Known(_status(breach), breach.resolution, breach.ended_at)


async def known(
    connection: Connection, project: tuple[UUID, UUID], after: datetime
) -> dict[UUID, dict[datetime, Known]]:
    """Return how the reports of a project (organisation, project) stand, by assumption and moment.

    Those detected after `after`, and all that are open.
    """
    rows = await connection.fetch(
        """SELECT assumption_id, detected_at, status, resolution, resolved_at FROM divergence_report
           WHERE org_id = $1 AND project_id = $2 AND (detected_at > $3 OR status = 'OPEN')""",
        *project,
        after,
    )
    found: dict[UUID, dict[datetime, Known]] = {}
    for assumption_id, detected_at, *rest in rows:
        found.setdefault(assumption_id, {})[detected_at] = Known(*rest)
    return found


async def settle(connection: Connection, item: Watched, breach: Breach) -> None:
    """Let the report of a breach say whether the breach lasts, and what ended it.

    One that a correction had ended, or had left without ground, is open again where the breach lasts.
    """
    await connection.execute(
        """UPDATE divergence_report SET status = $4, resolution = $5, resolved_at = $6,
               updated_at = clock_timestamp()
           WHERE org_id = $1 AND assumption_id = $2 AND detected_at = $3
             AND (status, resolution, resolved_at) IS DISTINCT FROM ($4, $5, $6)""",
        item.org_id,
        item.id,
        breach.detected_at,
        _status(breach),
        breach.resolution,
        breach.ended_at,
    )


def _status(breach: Breach) -> str:
    return "RESOLVED" if breach.ended_at else OPEN


async def supersede(
    connection: Connection, item: Watched, groundless: Collection[datetime], reason: str, at: datetime
) -> None:
    """Supersede the reports detected at `groundless`, for which telemetry as it is now gives no ground."""
    await connection.execute(
        """UPDATE divergence_report SET status = $6, resolution = $4,
               resolved_at = greatest(detected_at, $5),
               updated_at = clock_timestamp()
           WHERE org_id = $1 AND assumption_id = $2 AND detected_at = ANY ($3) AND status <> $6""",
        item.org_id,
        item.id,
        list(groundless),
        reason,
        at,
        SUPERSEDED,
    )


async def told_live(connection: Connection, item: Watched) -> frozenset[datetime]:
    """Return when the breaches were detected that somebody was told of; history cannot unsay them."""
    rows = await connection.fetch(
        """SELECT detected_at FROM divergence_report
           WHERE org_id = $1 AND assumption_id = $2 AND NOT historical""",
        item.org_id,
        item.id,
    )
    return frozenset(row["detected_at"] for row in rows)


async def resolve_superseded(connection: Connection, org_id: UUID, project_id: UUID) -> None:
    """Resolve open reports about assumptions that a newer version of their artifact replaced."""
    await connection.execute(
        """UPDATE divergence_report r SET status = 'RESOLVED', resolution = 'superseded',
               resolved_at = a.superseded_at, updated_at = clock_timestamp()
           FROM assumption a
           WHERE r.org_id = $1 AND r.project_id = $2 AND r.status = 'OPEN'
             AND (a.org_id, a.id) = (r.org_id, r.assumption_id) AND a.superseded_at IS NOT NULL""",
        org_id,
        project_id,
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return a report's fields as JSON can hold them."""
    return {name: _plain(getattr(report, name)) for name in Report.__slots__}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value
