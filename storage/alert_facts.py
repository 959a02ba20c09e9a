"""What an alert says, as far as it stands in tables: for whoever may read it, a person or the worker."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from detectors.assumptions import Assumption
from detectors.cascade import Cascade
from detectors.divergence import Recommendation
from storage.findings import Report
from storage.ledger import Connection

MOST = 1000
"""Reports of an incident, or of a storm that is previewed, that are read at most."""
_REPORT = [field.name for field in fields(Report)]
_ITEM = list(Assumption.model_fields)
_FACTS = f"""
    SELECT {", ".join(f"r.{name}" for name in _REPORT)}, r.status, r.state, r.resolution, r.resolved_at,
           r.closed_at, r.close_reason, r.acknowledged_at, r.updated_at,
           {", ".join(f"s.{name} AS item_{name}" for name in _ITEM)},
           c.affected_features, c.affected_code_modules, c.reexecution_scope_days, c.full_redesign_days,
           c.recommendation, a.type, a.key, a.version, a.content ->> 'title' AS title,
           p.name AS project, o.slug AS org, o.timezone AS zone,
           (SELECT u.full_name FROM app_user AS u WHERE u.id = a.approved_by) AS owner,
           (SELECT u.full_name FROM app_user AS u WHERE u.id = r.acknowledged_by) AS acknowledged_by,
           (SELECT u.full_name FROM app_user AS u WHERE u.id = r.closed_by) AS closed_by
    FROM divergence_report AS r
    JOIN cascade_analysis AS c ON c.org_id = r.org_id AND c.divergence_id = r.id
    JOIN assumption AS s ON s.org_id = r.org_id AND s.id = r.assumption_id
    JOIN artifact AS a ON a.org_id = r.org_id AND a.id = r.artifact_id
    JOIN project AS p ON p.org_id = r.org_id AND p.id = r.project_id
    JOIN organization AS o ON o.id = r.org_id
    WHERE r.org_id = $1 AND r.id = ANY ($2)"""
_BRIEF = """
    SELECT r.id, r.incident_id, p.name AS project, r.divergence_type, r.classification, r.summary,
           r.relative_gap, r.detected_at, r.state IN ('OPEN', 'ACKNOWLEDGED') AS is_open
    FROM divergence_report AS r JOIN project AS p ON p.org_id = r.org_id AND p.id = r.project_id
    WHERE r.org_id = $1 AND NOT r.shadow"""


@dataclass(frozen=True, slots=True)
class Facts:
    """A report with all that it is about. `owner` is who is to be asked, '' where nobody is named.

    `state` is what data and people have said together; the other columns are the report's own.
    `title` is '' where the artifact's content has none, `zone` the organisation's time zone.
    """

    report: Report
    cascade: Cascade
    assumption: Assumption
    artifact: tuple[str, str, int, str]
    project: str
    org: str
    zone: str
    owner: str
    status: str
    state: str
    resolution: str | None
    resolved_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    close_reason: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One report among others: of an incident, or of a storm."""

    id: UUID
    incident_id: UUID | None
    project: str
    divergence_type: str
    classification: str
    summary: str
    relative_gap: float
    detected_at: datetime
    is_open: bool


async def facts(connection: Connection, org_id: UUID, reports: Collection[UUID]) -> dict[UUID, Facts]:
    """Return what is known of these reports, as far as they and what they are about are within sight."""
    rows = await connection.fetch(_FACTS, org_id, list(reports))
    return {row["id"]: _facts(row) for row in rows}


async def peers(connection: Connection, org_id: UUID, incidents: Collection[UUID]) -> dict[UUID, list[Line]]:
    """Return the reports of incidents that have ground, by incident, oldest first."""
    rows = await connection.fetch(
        f"""SELECT l.* FROM unnest($2::uuid[]) AS i (id), LATERAL (
                {_BRIEF} AND r.incident_id = i.id AND r.status <> 'SUPERSEDED'
                ORDER BY r.detected_at, r.id LIMIT {MOST}) AS l
            ORDER BY l.detected_at, l.id""",
        org_id,
        list(incidents),
    )
    found: dict[UUID, list[Line]] = {}
    for row in rows:
        found.setdefault(row["incident_id"], []).append(Line(**row))
    return found


async def lines(connection: Connection, org_id: UUID, reports: Collection[UUID]) -> list[Line]:
    """Return these reports in a line each, newest first."""
    query = f"{_BRIEF} AND r.id = ANY ($2) ORDER BY r.detected_at DESC, r.id"
    return [Line(**row) for row in await connection.fetch(query, org_id, list(reports))]


async def open_lines(connection: Connection, org_id: UUID) -> list[Line]:
    """Return the reports that are open and told, newest first, `MOST` at most."""
    query = f"""{_BRIEF} AND r.state IN ('OPEN', 'ACKNOWLEDGED') AND NOT r.historical
                ORDER BY r.detected_at DESC, r.id LIMIT {MOST}"""
    return [Line(**row) for row in await connection.fetch(query, org_id)]


def _facts(row: Any) -> Facts:
    item = Assumption.model_validate({name: row[f"item_{name}"] for name in _ITEM})
    return Facts(
        Report(**{name: row[name] for name in _REPORT}),
        Cascade(
            _list(row["affected_features"]),
            _list(row["affected_code_modules"]),
            row["reexecution_scope_days"],
            row["full_redesign_days"],
            Recommendation(row["recommendation"]),
            [],
        ),
        item,
        (row["type"], row["key"], row["version"], row["title"] or ""),
        row["project"],
        row["org"],
        row["zone"],
        item.owner or row["owner"] or "",
        *(row["status"], row["state"], row["resolution"], row["resolved_at"], row["closed_at"]),
        *(
            row["closed_by"],
            row["close_reason"],
            row["acknowledged_at"],
            row["acknowledged_by"],
            row["updated_at"],
        ),
    )


def _list(value: str | Sequence[str]) -> list[str]:
    return list(json.loads(value) if isinstance(value, str) else value)
