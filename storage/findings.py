"""What detection writes: states, reports with their cascades, and the end of reports."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from detectors.cascade import Cascade
from storage.detection import Watched
from storage.ledger import Connection

REPORT_IDS = UUID("2b8f0c77-3f0e-4f53-9b61-51c0f2a4d9aa")
"""Namespace of report ids: an id follows from the assumption and when it was broken, so a refold finds it."""
CASCADE_IDS = UUID("a6e6cf4e-9f0d-47b5-8ad0-4a1f5a9f4a63")


Evidence = tuple[float | None, float | None]
"""E-value and threshold of the test; None for an estimate, which has neither."""


@dataclass(frozen=True, slots=True)
class OpenReport:
    """A report that is open: when it was detected, on what evidence, and whether in history."""

    detected_at: datetime
    evidence: Evidence
    historical: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a report said before it was written again."""

    classification: str
    historical: bool


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
    sample_count: int
    user_count: int
    first_hour: datetime
    last_hour: datetime
    detected_at: datetime
    historical: bool = False


_NUMBERS = (
    *("actual_value", "actual_number", "relative_gap", "telemetry_evidence_tier", "tier_delta"),
    *("classification", "summary", "e_value", "threshold", "sample_count", "user_count"),
    *("first_hour", "last_hour"),
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
        "SELECT classification, historical FROM divergence_report WHERE org_id = $1 AND id = $2",
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


async def resolve(
    connection: Connection, item: Watched, detected_at: datetime, at: datetime, resolution: str = "data"
) -> bool:
    """Resolve the report of a breach that has ended, by `resolution`; True if it was open."""
    done = await connection.execute(
        """UPDATE divergence_report SET status = 'RESOLVED', resolution = $5, resolved_at = $4,
               updated_at = clock_timestamp()
           WHERE org_id = $1 AND assumption_id = $2 AND detected_at = $3 AND status = 'OPEN'""",
        item.org_id,
        item.id,
        detected_at,
        at,
        resolution,
    )
    return bool(done == "UPDATE 1")


async def open_report(connection: Connection, item: Watched) -> OpenReport | None:
    """Return the assumption's open report, None if none is open."""
    row = await connection.fetchrow(
        """SELECT detected_at, e_value, threshold, historical FROM divergence_report
           WHERE org_id = $1 AND assumption_id = $2 AND status = 'OPEN' ORDER BY detected_at DESC LIMIT 1""",
        item.org_id,
        item.id,
    )
    if row is None:
        return None
    return OpenReport(row["detected_at"], (row["e_value"], row["threshold"]), row["historical"])


async def told_live(connection: Connection, item: Watched) -> frozenset[datetime]:
    """Return when the breaches were detected that somebody was told of; history cannot unsay them."""
    rows = await connection.fetch(
        """SELECT detected_at FROM divergence_report
           WHERE org_id = $1 AND assumption_id = $2 AND NOT historical""",
        item.org_id,
        item.id,
    )
    return frozenset(row["detected_at"] for row in rows)


async def resolve_unfounded(
    connection: Connection, item: Watched, founded: Collection[datetime], at: datetime
) -> None:
    """Resolve open reports that a refold over corrected telemetry does not find again."""
    await connection.execute(
        """UPDATE divergence_report SET status = 'RESOLVED', resolution = 'telemetry was corrected',
               resolved_at = $4, updated_at = clock_timestamp()
           WHERE org_id = $1 AND assumption_id = $2 AND status = 'OPEN' AND NOT detected_at = ANY ($3)""",
        item.org_id,
        item.id,
        list(founded),
        at,
    )


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


async def save_state(
    connection: Connection, item: Watched, state: dict[str, Any], status: str, through: date, revisions: int
) -> None:
    """Remember where a fold stands."""
    await connection.execute(
        """INSERT INTO detector_state
               (org_id, assumption_id, project_id, state, status, folded_through, telemetry_revisions)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (org_id, assumption_id) DO UPDATE SET
               state = EXCLUDED.state, status = EXCLUDED.status, folded_through = EXCLUDED.folded_through,
               telemetry_revisions = EXCLUDED.telemetry_revisions, updated_at = clock_timestamp()""",
        item.org_id,
        item.id,
        item.project_id,
        json.dumps(state),
        status,
        through,
        revisions,
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return a report's fields as JSON can hold them."""
    return {name: _plain(value) for name, value in asdict(report).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value
