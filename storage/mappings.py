"""The OTLP mappings that hold, of every project that has one of its own."""

import json
from typing import Any

from storage.ledger import Connection
from storage.watermarks import ProjectKey


async def live(connection: Connection) -> dict[ProjectKey, Any]:
    """Return the newest rules of each project, as the JSON documents that they are."""
    rows = await connection.fetch(
        """SELECT DISTINCT ON (org_id, project_id) org_id, project_id, rules FROM otlp_mapping
           ORDER BY org_id, project_id, version DESC"""
    )
    return {(row["org_id"], row["project_id"]): json.loads(row["rules"]) for row in rows}
