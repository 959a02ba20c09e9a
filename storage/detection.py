"""What detection reads: assumptions with their states, Telemetry of a series, the lineage."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from detectors.assumptions import Assumption
from detectors.budget import Life
from detectors.cascade import Lineage, Node, names
from detectors.series import HourRow
from detectors.tiers import EvidenceTier
from metrics.cell import Cell
from metrics.names import Metric
from storage.exclusions import Judged
from storage.ledger import Connection

_FIELDS = (
    *("key", "statement", "metric_name", "cohort", "feature", "operator", "value", "unit", "tolerance"),
    *("tolerance_kind", "divergence_type", "evidence_tier", "effective_from", "min_users", "min_samples"),
    *("launch_grace_days", "slow", "shadow_days", "owner", "runbook_url"),
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """Where the fold of an assumption stands, and what is shown of it."""

    state: dict[str, Any]
    status: str
    verdict: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Watched:
    """A live assumption, where it comes from, and what its fold remembers."""

    org_id: UUID
    project_id: UUID
    artifact_id: UUID
    id: UUID
    assumption: Assumption
    effective_from: datetime
    approved_at: datetime
    evidence_tier: EvidenceTier
    remembered: Remembered | None


@dataclass(frozen=True, slots=True)
class ProjectDays:
    """What days of a project are made of, how far they are closed, and the organisation's alarm budget."""

    timezone: str
    first_event: datetime
    alarms_per_year: float
    day_closed_through: date | None


async def project_days(connection: Connection, org_id: UUID, project_id: UUID) -> ProjectDays | None:
    """Return what days of a project are made of, None for a project without telemetry."""
    row = await connection.fetchrow(
        """SELECT o.timezone, min(w.first_event) AS first_event, o.alarms_per_year,
                  c.day_closed_through
           FROM organization o JOIN project_watermark w ON w.org_id = o.id AND w.project_id = $2
           LEFT JOIN project_clock c ON (c.org_id, c.project_id) = (o.id, w.project_id)
           WHERE o.id = $1
           GROUP BY o.timezone, o.alarms_per_year, c.day_closed_through""",
        org_id,
        project_id,
    )
    return ProjectDays(*row) if row else None


async def lives(connection: Connection, org_id: UUID) -> list[Life]:
    """Return when each assumption of an organisation counts; they share its alarm budget."""
    rows = await connection.fetch(
        "SELECT effective_from, created_at, superseded_at FROM assumption WHERE org_id = $1", org_id
    )
    return [Life(*row) for row in rows]


async def watched(connection: Connection, org_id: UUID, project_id: UUID) -> list[Watched]:
    """Return a project's live assumptions, with what their folds remember."""
    rows = await connection.fetch(
        """SELECT a.*, s.state, s.status AS last_status, s.verdict
           FROM assumption a LEFT JOIN detector_state s ON (s.org_id, s.assumption_id) = (a.org_id, a.id)
           WHERE a.org_id = $1 AND a.project_id = $2 AND a.superseded_at IS NULL ORDER BY a.id""",
        org_id,
        project_id,
    )
    return [_watched(row) for row in rows]


class Rows:
    """Telemetry rows of a project by series, in order of time, cohort and feature."""

    def __init__(self, rows: Iterable[tuple[Metric, HourRow]]) -> None:
        self._by_metric: dict[Metric, list[HourRow]] = {}
        self._by_series: dict[tuple[Metric, str, str], list[HourRow]] = {}
        for metric, row in rows:
            self._by_metric.setdefault(metric, []).append(row)
            self._by_series.setdefault((metric, row.cohort, row.feature), []).append(row)

    def of(self, assumption: Assumption) -> list[HourRow]:
        """Return those that an assumption is about.

        One without a cohort, or about a share, is about all cohorts; one without a feature about all
        features.
        """
        metric, cohort, feature = assumption.metric_name, assumption.series_cohort, assumption.feature
        if cohort and feature:
            return self._by_series.get((metric, cohort, feature), [])
        return [
            row
            for row in self._by_metric.get(metric, [])
            if cohort in ("", row.cohort) and feature in ("", row.feature)
        ]


async def series(connection: Connection, item: Judged, start: datetime, end: datetime) -> list[HourRow]:
    """Return the Telemetry rows in [start, end) that an assumption is about, as `Rows.of`."""
    found = await connection.fetch(
        """SELECT metric_name, timestamp, cohort, feature, revision, numerator, denominator, sample_count,
                  users_sketch, positive_users_sketch, latency_sketch
           FROM telemetry
           WHERE org_id = $1 AND project_id = $2 AND metric_name = $3 AND timestamp >= $4 AND timestamp < $5
             AND ($6 = '' OR cohort = $6) AND ($7 = '' OR feature = $7)
           ORDER BY timestamp, cohort, feature""",
        item.org_id,
        item.project_id,
        str(item.assumption.metric_name),
        start,
        end,
        item.assumption.series_cohort,
        item.assumption.feature,
    )
    return [_hour(row) for row in found]


async def rows(
    connection: Connection,
    project: tuple[UUID, UUID],
    about: Iterable[Assumption],
    start: datetime,
    end: datetime,
) -> Rows:
    """Return the Telemetry rows in [start, end) that some assumptions of a project are about."""
    wanted = {(str(each.metric_name), each.series_cohort, each.feature) for each in about}
    found = await connection.fetch(
        """WITH wanted AS MATERIALIZED (SELECT * FROM unnest($5::text[], $6::text[], $7::text[]))
           SELECT metric_name, timestamp, cohort, feature, revision, numerator, denominator, sample_count,
                  users_sketch, positive_users_sketch, latency_sketch
           FROM telemetry
           WHERE org_id = $1 AND project_id = $2 AND timestamp >= $3 AND timestamp < $4
             AND ((metric_name, cohort, feature) IN (SELECT * FROM wanted)
               OR (metric_name, cohort, '') IN (SELECT * FROM wanted)
               OR (metric_name, '', feature) IN (SELECT * FROM wanted)
               OR (metric_name, '', '') IN (SELECT * FROM wanted))
           ORDER BY timestamp, cohort, feature""",
        *project,
        start,
        end,
        *map(list, zip(*sorted(wanted), strict=True)),
    )
    return Rows((Metric(row["metric_name"]), _hour(row)) for row in found)


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """A version of a PRICING artifact: its price, and since when it is in force."""

    price: float
    since: datetime


async def prices(connection: Connection, item: Watched) -> list[PriceVersion]:
    """Return the versions of an assumption's artifact that name a price above 0, oldest first."""
    rows = await connection.fetch(
        """SELECT v.content -> 'price' AS price, coalesce(v.deployed_at, v.approved_at) AS since
           FROM artifact a JOIN artifact v USING (org_id, project_id, type, key)
           WHERE a.org_id = $1 AND a.id = $2 AND v.approved_at IS NOT NULL
             AND jsonb_typeof(v.content -> 'price') = 'number'
           ORDER BY since, v.version""",
        item.org_id,
        item.artifact_id,
    )
    found = [PriceVersion(float(row["price"]), row["since"]) for row in rows]
    return [version for version in found if version.price > 0]


async def lineage(connection: Connection, org_id: UUID, project_id: UUID) -> tuple[Lineage, dict[UUID, str]]:
    """Return a project's lineage and each artifact version's place in it.

    A document is one node whatever its versions: what was made from version 1 still rests on it when
    there is a version 2. Content and dependencies are those of the latest version that is approved or
    deployed, or of the latest draft where none is.
    """
    artifacts = await connection.fetch(
        """SELECT id, type, key, version, content::text FROM artifact
           WHERE org_id = $1 AND project_id = $2
           ORDER BY type, key, status IN ('APPROVED', 'DEPLOYED'), version""",
        org_id,
        project_id,
    )
    edges = await connection.fetch(
        "SELECT artifact_id, depends_on_id FROM artifact_dependency WHERE org_id = $1 AND project_id = $2",
        org_id,
        project_id,
    )
    places = {row["id"]: f"{row['type']}/{row['key']}" for row in artifacts}
    latest = {places[row["id"]]: row for row in artifacts}
    newest = {row["id"] for row in latest.values()}
    nodes = {place: _node(place, row) for place, row in latest.items()}
    depends_on = [
        (places[row["artifact_id"]], places[row["depends_on_id"]])
        for row in edges
        if row["artifact_id"] in newest
    ]
    return Lineage(nodes, depends_on), places


def _watched(row: Any) -> Watched:
    assumption = Assumption.model_validate({name: row[name] for name in _FIELDS})
    remembered = None
    if row["state"] is not None:
        verdict = json.loads(row["verdict"]) if row["verdict"] else None
        remembered = Remembered(json.loads(row["state"]), row["last_status"], verdict)
    return Watched(
        row["org_id"],
        row["project_id"],
        row["artifact_id"],
        row["id"],
        assumption,
        row["effective_from"],
        row["created_at"],
        EvidenceTier(row["evidence_tier"]),
        remembered,
    )


def _hour(row: Any) -> HourRow:
    metric = Metric(row["metric_name"])
    sketches = (row["users_sketch"], row["positive_users_sketch"], row["latency_sketch"])
    cell = Cell.restored(metric, (row["numerator"], row["denominator"]), row["sample_count"], sketches)
    return HourRow(row["timestamp"], row["revision"], cell, row["cohort"], row["feature"])


def _node(place: str, row: Any) -> Node:
    content = json.loads(row["content"]) if row["content"] else {}
    return Node(
        artifact_id=place,
        type=row["type"],
        features=names(content, "features"),
        modules=names(content, "modules"),
        version_id=row["id"],
    )
