"""Topics bound to one project: what stands in them is the project's, and needs no ingest key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.ledger import Connection
from storage.watermarks import ProjectKey


@dataclass(frozen=True, slots=True)
class Binding:
    """A topic and the project it is bound to; `unbound_at` is None as long as it is."""

    org_id: UUID
    project_id: UUID
    topic: str
    bound_at: datetime
    unbound_at: datetime | None


async def bound(connection: Connection) -> dict[str, ProjectKey]:
    """Return the project of each topic that is bound now."""
    rows = await connection.fetch(
        "SELECT topic, org_id, project_id FROM topic_binding WHERE unbound_at IS NULL ORDER BY topic"
    )
    return {row["topic"]: (row["org_id"], row["project_id"]) for row in rows}


async def every(connection: Connection) -> list[Binding]:
    """Return all bindings, ended ones too, by topic."""
    rows = await connection.fetch(
        "SELECT org_id, project_id, topic, bound_at, unbound_at FROM topic_binding ORDER BY topic"
    )
    return [Binding(*row) for row in rows]


async def bind(connection: Connection, topic: str, project: ProjectKey) -> bool:
    """Bind `topic` to `project`, or bind it again; False if it is, or ever was, another project's.

    What stands in a topic would become the new project's: so it is one project's for ever.
    """
    done = await connection.execute(
        """INSERT INTO topic_binding AS b (org_id, project_id, topic) VALUES ($1, $2, $3)
           ON CONFLICT (topic) DO UPDATE SET unbound_at = NULL
           WHERE b.org_id = EXCLUDED.org_id AND b.project_id = EXCLUDED.project_id""",
        *project,
        topic,
    )
    return bool(done != "INSERT 0 0")


async def unbind(connection: Connection, topic: str) -> bool:
    """End the binding of `topic`; False if it is not bound."""
    done = await connection.execute(
        "UPDATE topic_binding SET unbound_at = clock_timestamp() WHERE topic = $1 AND unbound_at IS NULL",
        topic,
    )
    return bool(done == "UPDATE 1")


async def projects_named(connection: Connection, org: str, project: str) -> list[ProjectKey]:
    """Return the projects of this name or id that are not archived; the organisation's is its slug or id."""
    rows = await connection.fetch(
        """SELECT p.org_id, p.id FROM project AS p JOIN organization AS o ON o.id = p.org_id
           WHERE (o.slug = $1 OR o.id::text = $1) AND (p.name = $2 OR p.id::text = $2)
             AND NOT p.is_archived""",
        org,
        project,
    )
    return [(row["org_id"], row["id"]) for row in rows]
