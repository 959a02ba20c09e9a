"""What detection remembers of each assumption: where its fold stands, and where it stood before."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from storage.detection import Watched
from storage.ledger import Connection


@dataclass(frozen=True, slots=True)
class Saved:
    """What is written of a fold: `state` as it stands after the day `through`, and how it is shown.

    `verdict` is the last that said something. Of the checkpoints that are there, those after the days `kept`
    stay, and `added` come to them, each with the day "through".
    """

    state: dict[str, Any]
    status: str
    through: date
    revisions: int
    verdict: dict[str, Any] | None = None
    kept: Collection[date] = ()
    added: Sequence[dict[str, Any]] = field(default=())


async def save(connection: Connection, saved: Collection[tuple[Watched, Saved]]) -> None:
    """Remember where folds stand."""
    await connection.executemany(
        """INSERT INTO detector_state AS s (org_id, assumption_id, project_id, state, status, folded_through,
               telemetry_revisions, verdict, checkpoints)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (org_id, assumption_id) DO UPDATE SET
               state = EXCLUDED.state, status = EXCLUDED.status, folded_through = EXCLUDED.folded_through,
               telemetry_revisions = EXCLUDED.telemetry_revisions, verdict = EXCLUDED.verdict,
               checkpoints = coalesce(
                   (SELECT jsonb_agg(c ORDER BY c ->> 'through') FROM jsonb_array_elements(s.checkpoints) AS c
                    WHERE c ->> 'through' = ANY ($10)), '[]') || EXCLUDED.checkpoints,
               updated_at = clock_timestamp()""",
        [_fields(item, each) for item, each in saved],
    )


def _fields(item: Watched, saved: Saved) -> tuple[Any, ...]:
    return (
        item.org_id,
        item.id,
        item.project_id,
        json.dumps(saved.state),
        saved.status,
        saved.through,
        saved.revisions,
        None if saved.verdict is None else json.dumps(saved.verdict),
        json.dumps(saved.added),
        [day.isoformat() for day in saved.kept],
    )


async def checkpoint_before(connection: Connection, item: Watched, day: date) -> Any:
    """Return the last checkpoint that knows nothing of `day` or later, None where none is kept."""
    found = await connection.fetchval(
        """SELECT c FROM detector_state AS s, jsonb_array_elements(s.checkpoints) AS c
           WHERE s.org_id = $1 AND s.assumption_id = $2 AND c ->> 'through' < $3
           ORDER BY c ->> 'through' DESC LIMIT 1""",
        item.org_id,
        item.id,
        day.isoformat(),
    )
    return json.loads(found) if found else None


async def rewind(connection: Connection, item: Watched, state: dict[str, Any], through: date) -> None:
    """Let a fold stand where it stood after the day `through`; what is shown of it stays until it goes on."""
    await connection.execute(
        """UPDATE detector_state AS s SET state = $3, folded_through = $4,
               checkpoints = coalesce(
                   (SELECT jsonb_agg(c ORDER BY c ->> 'through') FROM jsonb_array_elements(s.checkpoints) AS c
                    WHERE c ->> 'through' <= $5), '[]'),
               updated_at = clock_timestamp()
           WHERE org_id = $1 AND assumption_id = $2""",
        item.org_id,
        item.id,
        json.dumps(state),
        through,
        through.isoformat(),
    )
