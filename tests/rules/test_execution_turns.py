"""DataModel.md 1: so many agents at once in a project, and each in its turn, however many ask (ADR 0019)."""

import asyncio
import time
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.entities import operator
from storage.secrets import claims_signature
from storage.tenancy import Claims
from tests.databases import SECRET, Database
from tests.runs import queue
from tests.tenancy.asking import sqlstate

OUT_OF_TURN = "AG022"
CLAIMED = text(
    "SELECT set_config('request.jwt.claims', :claims, true),"
    " set_config('request.jwt.signature', :signature, true)"
)
LIMITS = {"BASIC": 1, "PRO": 5, "ENTERPRISE": 20}


def signed(claims: Claims) -> dict[str, str]:
    said = claims.text(time.time() + 60)
    return {"claims": said, "signature": claims_signature(SECRET, said)}


@pytest.mark.parametrize(("tier", "most"), LIMITS.items())
async def test_many_starts_at_once_leave_the_tiers_number_running(shared: Database, tier: str, most: int):
    async with queue(shared, tier, connections=24) as runs:
        added = [await runs.add() for _ in range(24)]
        started = await asyncio.gather(*(runs.claim() for _ in range(24)))
        assert started.count(None) == 24 - most
        assert await runs.in_order("RUNNING") == added[:most]
        # The rest start in order, as others end.
        for number in range(most, min(most + 3, 24)):
            assert await runs.claim() is None
            await runs.end(added[number - 1])
            assert await runs.claim() == added[number]


async def test_a_limit_is_a_projects_own(shared: Database):
    async with queue(shared, "BASIC") as ours, queue(shared, "BASIC") as theirs:
        for runs in (ours, theirs):
            first, _ = await runs.add(), await runs.add()
            assert [await runs.claim(), await runs.claim()] == [first, None]


async def test_no_limit_at_all_is_none(shared: Database):
    """NULL is unlimited; no tier has it today."""
    async with queue(shared) as runs, shared.superuser() as connection:
        undone = connection.transaction()
        await undone.start()
        await connection.execute("ALTER TABLE organization DROP COLUMN max_agents_per_project")
        await connection.execute("ALTER TABLE organization ADD COLUMN max_agents_per_project integer")
        for _ in range(22):
            await connection.execute(
                "INSERT INTO agent_execution (org_id, id, project_id, agent_id, queued_by)"
                " VALUES ($1, gen_random_uuid(), $2, 1, $3)",
                *(runs.team.org, runs.team.project, runs.team.people["ann"]),
            )
        everything = "UPDATE agent_execution SET status = 'RUNNING' WHERE org_id = $1"
        assert await connection.execute(everything, runs.team.org) == "UPDATE 22"
        await undone.rollback()


async def test_whatever_way_to_running_is_refused_out_of_turn(shared: Database):
    async with queue(shared, "PRO", connections=12) as runs:
        added = [await runs.add() for _ in range(12)]
        assert await runs.set(added[1], "status = 'RUNNING'") == OUT_OF_TURN
        assert await runs.set(added[0], "status = 'RUNNING'") == 1
        await asyncio.gather(*(runs.set(one, "status = 'RUNNING'") for one in reversed(added)))
        running = await runs.in_order("RUNNING")
        assert running == added[: len(running)]
        assert 1 <= len(running) <= LIMITS["PRO"]
        while await runs.claim():
            pass
        assert await runs.in_order("RUNNING") == added[:5]
        assert await runs.set(added[5], "status = 'RUNNING'") == OUT_OF_TURN


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_a_snapshot_of_before_does_not_count_what_runs_now(shared: Database, level: str):
    """A transaction with one snapshot would see places free that others have taken since."""
    async with queue(shared, "BASIC") as runs, runs.sessions.engine.connect() as connection:
        first = await runs.add()
        await connection.execution_options(isolation_level=level)
        await connection.execute(CLAIMED, signed(runs.ann))
        start = text("UPDATE agent_execution SET status = 'RUNNING' WHERE id = :id")
        with pytest.raises(DBAPIError) as refused:
            await connection.execute(start, {"id": first})
        await connection.rollback()
        assert sqlstate(refused.value) == OUT_OF_TURN
        assert await runs.claim() == first


async def test_nobody_comes_to_stand_before_those_who_wait(shared: Database):
    async with queue(shared) as runs:
        first = await runs.add()
        early = uuid4()
        for column, value in (("created_at", "'2000-01-01'"), ("status", "'RUNNING'"), ("cost_usd", "0")):
            with pytest.raises(DBAPIError) as refused:
                async with runs.sessions.open(runs.ann) as session:
                    await session.execute(
                        text(
                            "INSERT INTO agent_execution"
                            f" (org_id, id, project_id, agent_id, queued_by, {column})"
                            f" VALUES (:org, :id, :project, 1, :user, {value})"
                        ),
                        {
                            "org": runs.team.org,
                            "id": early,
                            "project": runs.team.project,
                            "user": runs.team.people["ann"],
                        },
                    )
            assert sqlstate(refused.value) == "42501", column
        # Even where the column may be set, the time is the database's.
        await runs.team.fetch(
            "INSERT INTO agent_execution (org_id, id, project_id, agent_id, queued_by, created_at)"
            " VALUES ($1, $2, $3, 1, $4, '2000-01-01')",
            *(runs.team.org, early, runs.team.project, runs.team.people["ann"]),
        )
        assert await runs.in_order("QUEUED") == [first, early]


async def test_a_claim_sent_again_finds_what_it_started(shared: Database):
    async with queue(shared, connections=6) as runs:
        added = [await runs.add() for _ in range(3)]
        claim = uuid4()
        at_once = await asyncio.gather(*(runs.claim(claim) for _ in range(6)))
        assert set(at_once) == {added[0]}
        assert await runs.in_order("RUNNING") == added[:1]
        assert await runs.claim(uuid4()) == added[1]
        await runs.end(added[0])
        assert await runs.claim(claim) == added[0]
        assert await runs.in_order("RUNNING") == [added[1]]


async def test_a_downgrade_keeps_what_runs(shared: Database):
    async with queue(shared, "PRO") as runs:
        added = [await runs.add() for _ in range(7)]
        started: list[UUID | None] = [await runs.claim() for _ in range(6)]
        assert started == [*added[:5], None]
        await operator.set_tier(shared.owner_url, runs.team.slug, "BASIC")
        assert await runs.in_order("RUNNING") == added[:5]
        for one in added[:4]:
            await runs.end(one)
            assert await runs.claim() is None
        await runs.end(added[4])
        assert [await runs.claim(), await runs.claim()] == [added[5], None]


async def test_who_may_only_look_starts_nothing(shared: Database):
    async with queue(shared) as runs:
        first = await runs.add()
        with pytest.raises(DBAPIError) as refused:
            await runs.claim(claims=runs.team.claims("vic"))
        assert sqlstate(refused.value) == "42501"
        assert await runs.set(first, "status = 'RUNNING'", runs.team.claims("vic")) == 0
        assert await runs.claim() == first
