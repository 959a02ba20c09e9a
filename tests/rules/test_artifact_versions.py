"""DataModel.md 5: versions are the database's to give, statuses go by steps, what is approved stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import artifacts
from storage.entities.artifacts import Name
from tests.databases import Database
from tests.tenancy.asking import asking, rows, sqlstate
from tests.world import Place, World, build

STEPS = {
    "DRAFT": {"REVIEW"},
    "REVIEW": {"DRAFT", "APPROVED"},
    "APPROVED": {"DEPLOYED"},
    "DEPLOYED": set(),
}
WAY = ("DRAFT", "REVIEW", "APPROVED", "DEPLOYED")


async def test_versions_are_gapless_under_fifty_creates_at_once(database: Database):
    world = await build(database)
    claims, project = world.claims("max"), world.places["a1"].project
    async with database.sessions() as sessions:

        async def create() -> int:
            async with sessions.open(claims) as session:
                made = await artifacts.create_version(
                    session, claims, project, Name("GTM", "plan"), content={}, evidence_tier="E0"
                )
                return made.version

        assert sorted(await asyncio.gather(*(create() for _ in range(50)))) == list(range(1, 51))


async def test_a_version_that_is_sent_is_not_taken(world: World):
    place = world.places["a1"]
    async with asking(world.database, world.claims("max")) as session:
        insert = """INSERT INTO artifact (org_id, id, project_id, type, key, version, created_by)
                    VALUES (:org, gen_random_uuid(), :project, 'GTM', 'x', 99, :user) RETURNING version"""
        assert await rows(session, insert, org=place.org, project=place.project, user=world.max) == [(1,)]


@asynccontextmanager
async def at(world: World, status: str) -> AsyncIterator[tuple[AsyncSession, UUID]]:
    """Yield max's session with a version that he has brought to `status`; undone at the end."""
    place = world.places["a1"]
    async with asking(world.database, world.claims("max")) as session:
        for step in WAY[1 : WAY.index(status) + 1]:
            await set_to(session, place, status=step)
        yield session, place.code


async def set_to(session: AsyncSession, place: Place, **values: Any) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in values)
    statement = f"UPDATE artifact SET {changes} WHERE org_id = :org AND id = :id"
    await session.execute(text(statement), {"org": place.org, "id": place.code, **values})


@pytest.mark.parametrize("status", WAY)
@pytest.mark.parametrize("target", WAY)
async def test_a_status_goes_by_single_steps(world: World, status: str, target: str):
    async with at(world, status) as (session, _):
        if target in STEPS[status] or target == status:
            await set_to(session, world.places["a1"], status=target)
        else:
            with pytest.raises(DBAPIError) as refused:
                await set_to(session, world.places["a1"], status=target)
            assert sqlstate(refused.value) == "AG003"


async def test_who_took_a_step_and_when_is_kept(world: World):
    query = """SELECT submitted_by, submitted_at = now(), approved_by, approved_at = now(),
                      deployed_by, deployed_at = now(), revision FROM artifact WHERE id = :id"""
    me = world.max
    async with at(world, "DRAFT") as (session, code):
        assert await rows(session, query, id=code) == [(None, None, None, None, None, None, 1)]
    async with at(world, "REVIEW") as (session, code):
        assert await rows(session, query, id=code) == [(me, True, None, None, None, None, 2)]
        await set_to(session, world.places["a1"], status="DRAFT")
        assert await rows(session, query, id=code) == [(None, None, None, None, None, None, 3)]
    async with at(world, "DEPLOYED") as (session, code):
        assert await rows(session, query, id=code) == [(me, True, me, True, me, True, 4)]


@pytest.mark.parametrize("status", WAY)
@pytest.mark.parametrize(("column", "value"), [("content", "CAST('{}' AS jsonb)"), ("evidence_tier", "'E4'")])
async def test_content_is_frozen_once_it_is_approved(world: World, status: str, column: str, value: str):
    async with at(world, status) as (session, code):
        statement = text(f"UPDATE artifact SET {column} = {value} WHERE id = :id")
        if status in {"DRAFT", "REVIEW"}:
            await session.execute(statement, {"id": code})
        else:
            with pytest.raises(DBAPIError) as refused:
                await session.execute(statement, {"id": code})
            assert sqlstate(refused.value) == "AG004"


@pytest.mark.parametrize("column", ["approved_at", "submitted_at", "deployed_at"])
async def test_when_a_step_was_taken_is_not_rewritten(world: World, column: str):
    async with at(world, "DEPLOYED") as (session, code):
        with pytest.raises(DBAPIError) as refused:
            await session.execute(
                text(f"UPDATE artifact SET {column} = '2020-01-01Z' WHERE id = :id"), {"id": code}
            )
        assert sqlstate(refused.value) == "AG004"


@pytest.mark.parametrize("column", ["version", "type", "key", "project_id", "created_by", "approved_by"])
async def test_what_a_version_is_cannot_be_edited(world: World, column: str):
    async with at(world, "DRAFT") as (session, code):
        with pytest.raises(DBAPIError, match="permission denied"):
            await session.execute(
                text(f"UPDATE artifact SET {column} = {column} WHERE id = :id"), {"id": code}
            )


async def test_what_a_version_is_is_guarded_for_every_role(database: Database):
    world = await build(database)
    async with database.superuser() as connection:
        for change in ("version = 9", "type = 'GTM'", "key = 'x'", f"created_by = '{world.bob}'"):
            with pytest.raises(Exception, match="what a version is does not change"):
                await connection.execute(
                    f"UPDATE artifact SET {change} WHERE id = $1", world.places["a1"].code
                )


async def test_lineage_has_no_circles(world: World):
    place = world.places["a1"]
    insert = """INSERT INTO artifact_dependency (org_id, project_id, artifact_id, depends_on_id)
                VALUES (:org, :project, :artifact, :rests_on)"""
    within = {"org": place.org, "project": place.project}
    async with asking(world.database, world.claims("max")) as session:
        await session.execute(text(insert), {**within, "artifact": place.artifact, "rests_on": place.other})
        with pytest.raises(DBAPIError) as refused:
            await session.execute(text(insert), {**within, "artifact": place.other, "rests_on": place.code})
        assert sqlstate(refused.value) == "AG007"


async def test_lineage_stays_within_a_project(world: World):
    here, there = world.places["a1"], world.places["a2"]
    insert = """INSERT INTO artifact_dependency (org_id, project_id, artifact_id, depends_on_id)
                VALUES (:org, :project, :artifact, :rests_on)"""
    named = {"org": here.org, "project": here.project, "artifact": here.artifact, "rests_on": there.code}
    async with asking(world.database, world.claims("max")) as session:
        with pytest.raises(DBAPIError) as refused:
            await session.execute(text(insert), named)
    assert sqlstate(refused.value) == "23503"


LATEST = """SELECT id FROM artifact WHERE org_id = :org AND project_id = :project AND type = 'PRD'
            ORDER BY version DESC LIMIT 1"""


async def test_the_latest_version_of_a_type_is_read_through_the_specified_index(database: Database):
    world = await build(database)
    place = world.places["a1"]
    async with database.superuser() as connection:
        await connection.execute(
            """INSERT INTO artifact (org_id, id, project_id, type, key, created_by)
               SELECT $1, gen_random_uuid(), $2, 'PRD', 'k' || n, $3 FROM generate_series(1, 300) AS n""",
            place.org,
            place.project,
            world.ann,
        )
        await connection.execute("ANALYZE artifact")
    async with asking(database, world.claims("vic")) as session:
        explain = f"EXPLAIN {LATEST}"
        plan = "\n".join(r[0] for r in await rows(session, explain, org=place.org, project=place.project))
    assert "Index Scan using ix_artifact_latest" in plan
    assert "Sort" not in plan
