"""What agents cost, rolled up by project, agent, phase and model (docs/costs.md, ADR 0020).

Nothing is added to what stands there: a day is computed from all of its executions, weeks and months from
their days, in one transaction. An execution that comes late, changes or goes away is no special case.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from storage import periods
from storage.ledger import Connection
from storage.periods import EVERY, Span
from storage.turns import taken

PATIENCE = timedelta(minutes=10)
"""How long a statement may take: when its time zone changes, all days of an organisation are rolled up."""
_LONGER = (PATIENCE + timedelta(seconds=30)).total_seconds()
_SETTINGS = (
    f"SET LOCAL statement_timeout = '{PATIENCE.total_seconds():.0f}s'; SET LOCAL work_mem = '64MB';"
    " SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan"
)

# From a day before to a day after: no time zone is further from UTC. When a local day begins is not asked,
# since it may begin twice: `AT TIME ZONE` of a time says which day it is in, without doubt.
_OF_EXECUTIONS = """
    SELECT project_id, agent_id, phase, model_used, (completed_at AT TIME ZONE $5)::date AS period_start,
           tokens_input::bigint + tokens_output AS tokens_used, cost_usd, 1 AS executions
    FROM agent_execution
    WHERE org_id = $1 AND completed_at >= ($3::date - 1)::timestamp AT TIME ZONE 'UTC'
        AND completed_at < ($4::date + 2)::timestamp AT TIME ZONE 'UTC'
        AND status IN ('SUCCESS', 'FAILED', 'RETRIED')
        AND (tokens_input > 0 OR tokens_output > 0 OR cost_usd > 0)"""
_OF_DAYS = """
    SELECT project_id, agent_id, phase, model_used,
           date_trunc($5, period_start::timestamp)::date AS period_start, tokens_used, cost_usd, executions
    FROM cost_tracking
    WHERE org_id = $1 AND aggregated_at = 'daily' AND period_start BETWEEN $3 AND $4"""
# A FULL JOIN is hashed or merged, whatever the planner believes of tables that have just been filled. An id
# follows from what its row is about (ADR 0006; RFC 9562, version 8). Nobody else writes: it is our turn.
_WRITE = """
WITH grouped AS MATERIALIZED (
    SELECT project_id, agent_id, phase, model_used, period_start, sum(tokens_used)::bigint AS tokens_used,
           sum(cost_usd) AS cost_usd, sum(executions)::bigint AS executions
    FROM ({found}) AS found GROUP BY project_id, agent_id, phase, model_used, period_start),
due AS (SELECT * FROM grouped WHERE period_start BETWEEN $3 AND $4),
held AS (
    SELECT * FROM cost_tracking WHERE org_id = $1 AND aggregated_at = $2 AND period_start BETWEEN $3 AND $4),
changed AS (
    SELECT held.id AS held_id, due.*
    FROM due FULL JOIN held ON (due.project_id, due.agent_id, due.phase, due.model_used, due.period_start)
        = (held.project_id, held.agent_id, held.phase, held.model_used, held.period_start)
    WHERE (due.tokens_used, due.cost_usd, due.executions)
        IS DISTINCT FROM (held.tokens_used, held.cost_usd, held.executions)),
gone AS (
    DELETE FROM cost_tracking AS t USING changed AS c
    WHERE t.org_id = $1 AND t.id = c.held_id AND c.project_id IS NULL),
corrected AS (
    UPDATE cost_tracking AS t
    SET tokens_used = c.tokens_used, cost_usd = c.cost_usd, executions = c.executions, updated_at = now()
    FROM changed AS c WHERE t.org_id = $1 AND t.id = c.held_id AND c.project_id IS NOT NULL)
INSERT INTO cost_tracking (org_id, id, project_id, agent_id, phase, model_used, aggregated_at, period_start,
                           tokens_used, cost_usd, executions)
SELECT $1,
       encode(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | 128), 8, get_byte(h, 8) & 63 | 128), 'hex')::uuid,
       c.project_id, c.agent_id, c.phase, c.model_used, $2, c.period_start,
       c.tokens_used, c.cost_usd, c.executions
FROM changed AS c
CROSS JOIN LATERAL (
    SELECT substring(sha256(convert_to(concat_ws('/', 'cost', $1, c.project_id, c.agent_id, c.phase, $2,
                                                 c.period_start, c.model_used), 'UTF8')) FOR 16) AS h
) AS hashed
WHERE c.held_id IS NULL
ORDER BY c.period_start, c.project_id, c.agent_id, c.phase, c.model_used"""


async def waiting(connection: Connection) -> list[UUID]:
    """Return the organisations of which executions have changed since they were rolled up."""
    rows = await connection.fetch("SELECT DISTINCT org_id FROM cost_pending")
    return [row["org_id"] for row in rows]


async def roll_up(connection: Connection, org_id: UUID) -> bool:
    """Bring an organisation's rows in line with its executions; False where another worker is at it.

    Within a transaction of the caller's, READ COMMITTED: what is read is newer than the marks that are taken
    away. A mark that comes meanwhile stays.
    """
    if not await taken(connection, f"costs of {org_id}"):
        return False
    await connection.execute(_SETTINGS)
    marks = await connection.fetch(
        """WITH drained AS (DELETE FROM cost_pending WHERE org_id = $1 RETURNING day)
           SELECT DISTINCT day FROM drained""",
        org_id,
        timeout=_LONGER,
    )
    timezone = await connection.fetchval("SELECT timezone FROM organization WHERE id = $1", org_id)
    # An organisation that was deleted leaves marks of its executions, and has no costs.
    if marks and timezone is not None:
        days = [mark["day"] for mark in marks]
        await _write(connection, org_id, timezone, [EVERY] if None in days else periods.about(days))
    return True


async def _write(connection: Connection, org_id: UUID, timezone: str, days: Sequence[Span]) -> None:
    for kind, spans, found, argument in (
        ("daily", days, _OF_EXECUTIONS, timezone),
        ("weekly", periods.weeks(days), _OF_DAYS, "week"),
        ("monthly", periods.months(days), _OF_DAYS, "month"),
    ):
        for span in spans:
            query = _WRITE.format(found=found)
            await connection.execute(query, org_id, kind, *span, argument, timeout=_LONGER)
