"""Which incident each report belongs to, written beside the reports (the rule: `detectors.incidents`)."""

from collections.abc import Mapping
from uuid import UUID

from detectors.incidents import Reported
from storage.ledger import Connection


async def changed_now(connection: Connection, org_id: UUID, project_id: UUID) -> bool:
    """Say whether this transaction wrote or changed a report of the project."""
    return bool(
        await connection.fetchval(
            """SELECT EXISTS (SELECT FROM divergence_report
                   WHERE org_id = $1 AND project_id = $2 AND updated_at >= now())""",
            org_id,
            project_id,
        )
    )


async def reported(
    connection: Connection, org_id: UUID, project_id: UUID, places: Mapping[UUID, str]
) -> list[Reported]:
    """Return a project's reports that have ground, with the places of their artifacts in the lineage."""
    rows = await connection.fetch(
        """SELECT id, artifact_id, detected_at, resolved_at FROM divergence_report
           WHERE org_id = $1 AND project_id = $2 AND status <> 'SUPERSEDED'""",
        org_id,
        project_id,
    )
    return [
        Reported(row["id"], places[row["artifact_id"]], row["detected_at"], row["resolved_at"])
        for row in rows
    ]


async def link(connection: Connection, org_id: UUID, incidents: Mapping[UUID, UUID]) -> None:
    """Write which incident each report belongs to."""
    await connection.execute(
        """UPDATE divergence_report AS r SET incident_id = i.incident_id, updated_at = clock_timestamp()
           FROM unnest($2::uuid[], $3::uuid[]) AS i (id, incident_id)
           WHERE r.org_id = $1 AND r.id = i.id AND r.incident_id IS DISTINCT FROM i.incident_id""",
        org_id,
        list(incidents),
        list(incidents.values()),
    )
