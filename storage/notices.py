"""Notices: what the system notices of projects, opened and ended by workers, one of a kind at a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from routing.matchers import NoticeKind
from storage.ledger import Connection


class About(NamedTuple):
    """What a notice is about; `cohort` is '' but of COHORT_SILENT."""

    project_id: UUID
    kind: NoticeKind
    cohort: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """A notice that is not over."""

    id: UUID
    about: About
    opened_at: datetime
    detail: dict[str, Any]


async def standing(connection: Connection, org_id: UUID) -> list[Open]:
    """Return the open notices of an organisation."""
    rows = await connection.fetch(
        """SELECT id, project_id, kind, cohort, opened_at, detail FROM alert_notice
           WHERE org_id = $1 AND ended_at IS NULL ORDER BY project_id, kind, cohort""",
        org_id,
    )
    return [
        Open(
            row["id"],
            About(row["project_id"], NoticeKind(row["kind"]), row["cohort"]),
            row["opened_at"],
            json.loads(row["detail"]),
        )
        for row in rows
    ]


async def begin(
    connection: Connection, org_id: UUID, found: Mapping[About, dict[str, Any]], now: datetime
) -> list[About]:
    """Open notices at `now`, and return which: of a kind that is open already no other is opened."""
    # In one order, whoever does so: of two at once one waits for the other, and then has nothing to open.
    wanted = sorted(found)
    rows = await connection.fetch(
        """INSERT INTO alert_notice (org_id, project_id, kind, cohort, opened_at, detail, updated_at)
           SELECT $1, n.project_id, n.kind, n.cohort, $2, n.detail, $2
           FROM unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[])
                AS n (project_id, kind, cohort, detail)
           ON CONFLICT (org_id, project_id, kind, cohort) WHERE ended_at IS NULL DO NOTHING
           RETURNING project_id, kind, cohort""",
        org_id,
        now,
        [about.project_id for about in wanted],
        [str(about.kind) for about in wanted],
        [about.cohort for about in wanted],
        [json.dumps(found[about]) for about in wanted],
    )
    return [About(row["project_id"], NoticeKind(row["kind"]), row["cohort"]) for row in rows]


async def end(connection: Connection, org_id: UUID, over: Mapping[UUID, str], now: datetime) -> None:
    """End notices at `now`: by their ids, why."""
    await connection.execute(
        """UPDATE alert_notice AS n SET ended_at = greatest($2, n.opened_at), updated_at = $2,
               detail = n.detail || jsonb_build_object('over', o.why)
           FROM unnest($3::uuid[], $4::text[]) AS o (id, why)
           WHERE n.org_id = $1 AND n.id = o.id AND n.ended_at IS NULL""",
        org_id,
        now,
        list(over),
        list(over.values()),
    )
