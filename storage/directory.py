"""Which organisations, projects and ingest keys there are, as the worker sees them."""

from dataclasses import dataclass, field
from uuid import UUID

from storage.ledger import Connection


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An ingest key that is not revoked."""

    org_id: UUID
    project_id: UUID
    secret_sha256: bytes


@dataclass(frozen=True, slots=True)
class Everybody:
    """All there are, by id."""

    organizations: frozenset[UUID] = frozenset()
    projects: frozenset[tuple[UUID, UUID]] = frozenset()
    keys: dict[UUID, KeyRow] = field(default_factory=dict)


async def everybody(connection: Connection) -> Everybody:
    """Return all organisations, projects that are not archived, and live keys."""
    organizations = await connection.fetch("SELECT id FROM organization")
    projects = await connection.fetch("SELECT org_id, id FROM project WHERE NOT is_archived")
    keys = await connection.fetch(
        "SELECT id, org_id, project_id, secret_sha256 FROM ingest_key WHERE revoked_at IS NULL"
    )
    return Everybody(
        frozenset(row["id"] for row in organizations),
        frozenset((row["org_id"], row["id"]) for row in projects),
        {row["id"]: KeyRow(row["org_id"], row["project_id"], row["secret_sha256"]) for row in keys},
    )
