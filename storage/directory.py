"""Which organisations, projects, publishing keys and bound topics there are, as the worker sees them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from storage import bindings, quotas
from storage.ledger import Connection
from storage.quotas import Quota
from storage.watermarks import ProjectKey


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that may publish."""

    org_id: UUID
    project_id: UUID
    secret_sha256: bytes


@dataclass(frozen=True, slots=True)
class Everybody:
    """All there are, by id."""

    organizations: frozenset[UUID] = frozenset()
    projects: frozenset[tuple[UUID, UUID]] = frozenset()
    keys: dict[UUID, KeyRow] = field(default_factory=dict)
    quotas: dict[UUID, Quota] = field(default_factory=dict)
    topics: dict[str, ProjectKey] = field(default_factory=dict)
    """The project that a topic is bound to."""


async def everybody(connection: Connection) -> Everybody:
    """Return all organisations, projects that are not archived, keys that may publish, and bound topics.

    One that is closed is none: what comes for it is of an unknown organisation.
    """
    organizations = await connection.fetch("SELECT id FROM organization WHERE closed_at IS NULL")
    projects = await connection.fetch("SELECT org_id, id FROM project WHERE NOT is_archived")
    keys = await connection.fetch(
        """SELECT id, org_id, project_id, secret_sha256, quota FROM machine_key
           WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
             AND 'publish' = ANY (scopes)"""
    )
    return Everybody(
        frozenset(row["id"] for row in organizations),
        frozenset((row["org_id"], row["id"]) for row in projects),
        {row["id"]: KeyRow(row["org_id"], row["project_id"], row["secret_sha256"]) for row in keys},
        {row["id"]: quotas.parse(row["quota"]) for row in keys if row["quota"]},
        await bindings.bound(connection),
    )


async def note_use(connection: Connection, keys: Iterable[UUID]) -> None:
    """Record that the keys were used, unless that was done within the last minute.

    A key that somebody else has locked is left to them: another worker notes the same, and nobody waits.
    """
    await connection.execute(
        """UPDATE machine_key AS k SET last_used_at = now()
           FROM (SELECT org_id, id FROM machine_key
                 WHERE id = ANY ($1::uuid[])
                   AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
                 FOR NO KEY UPDATE SKIP LOCKED) AS used
           WHERE k.org_id = used.org_id AND k.id = used.id""",
        list(keys),
    )
