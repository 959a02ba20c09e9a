"""What is kept for a while alone goes when it is due, and not before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.database import worker_pool
from streams.forgetting import forget_executions, forget_invitations
from tests.databases import Database
from tests.teams import gathered

EXECUTIONS = (
    """SELECT error_message, cost_usd, version FROM agent_execution WHERE org_id = $1 ORDER BY completed_at"""
)


async def test_invitations_go_some_time_after_they_ended(database: Database, home: Path):
    team = await gathered(database, ann="ADMIN")
    for days, revoked in ((-100, False), (-89, False), (7, False), (-200, True)):
        await team.invite(f"{-days}.{revoked}@people.example", life=timedelta(days=days), revoked=revoked)
    await team.fetch("UPDATE invitation SET revoked_at = expires_at WHERE revoked_at IS NOT NULL")
    pool = await worker_pool(database.worker_url, name="test", size=1)
    try:
        now = datetime.now(UTC)
        await forget_invitations(pool, database.settings(home), now)
        left = [row[0] for row in await team.fetch("SELECT email FROM invitation ORDER BY expires_at")]
        assert left == ["89.False@people.example", "-7.False@people.example"]
        # A setting of nothing, or a clock gone wrong, takes nothing that ended within 30 days.
        await team.invite("new@people.example", life=timedelta(days=-29))
        await forget_invitations(pool, database.settings(home), now + timedelta(days=999))
    finally:
        await pool.close()
    left = [row[0] for row in await team.fetch("SELECT email FROM invitation ORDER BY expires_at")]
    assert left == ["new@people.example", "-7.False@people.example"]


async def test_agents_words_go_and_their_costs_stay(database: Database, home: Path):
    team = await gathered(database, ann="ADMIN")
    async with database.superuser() as connection:
        await connection.execute("SET session_replication_role = replica")
        for days in (100, 60, 1):
            await connection.execute(
                """INSERT INTO agent_execution (org_id, id, project_id, agent_id, phase, status, queued_by,
                       claimed_by, started_at, seen_at, completed_at, tokens_input, tokens_output, model_used,
                       cost_usd, input_per_million, output_per_million, error_message)
                   VALUES ($1, gen_random_uuid(), $2, 1, 'DISCOVER', 'FAILED', $3, $3, $4, $4, $4, 1000000, 0,
                           'm', 3, 3, 15, 'max@people.example is unknown')""",
                team.org,
                team.project,
                team.people["ann"],
                datetime.now(UTC) - timedelta(days=days),
            )
    told = "SELECT count(*) FROM audit_log WHERE resource_type = 'AgentExecution'"
    words = "max@people.example is unknown"
    pool = await worker_pool(database.worker_url, name="test", size=1)
    try:
        now = datetime.now(UTC)
        await forget_executions(pool, database.settings(home), now)
        assert [row[0] for row in await team.fetch(EXECUTIONS, team.org)] == [words] * 3, "unset: never"
        await forget_executions(pool, database.settings(home, AUGENTIS_EXECUTION_RETENTION="90d"), now)
    finally:
        await pool.close()
    assert await team.fetch(EXECUTIONS, team.org) == [("forgotten", 3, 1), (words, 3, 1), (words, 3, 1)]
    assert await team.fetch(told) == [(0,)], "what is forgotten is not told again"
