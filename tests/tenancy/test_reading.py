"""Who sees what: every denial beside the proof that the rows are there."""

import json
import time

import pytest
from sqlalchemy.exc import DBAPIError

from storage.secrets import claims_signature
from storage.tables import Base
from storage.tenancy import Claims
from tests.databases import SECRET
from tests.tenancy.asking import DENIED, asking, fields, posing, rows, sqlstate
from tests.world import World

OF_A_PROJECT = {
    "project": "id",
    "artifact": "project_id",
    "artifact_dependency": "project_id",
    "assumption": "project_id",
    "ingest_key": "project_id",
    "telemetry": "project_id",
    "divergence_report": "project_id",
    "cascade_analysis": "project_id",
    "detector_state": "project_id",
    "partial": "project_id",
    "project_clock": "project_id",
}
OF_AN_ORGANISATION = {"workspace": "org_id", "organization_members": "org_id", "organization": "id"}
OF_PEOPLE = {"app_user"}
NOT_FOR_THE_API = {
    "partition_ledger",
    "batch_seen",
    "project_watermark",
    "outbox",
}

TENANTS = {**OF_A_PROJECT, **dict.fromkeys(OF_AN_ORGANISATION, "")}


def test_every_table_is_looked_at_here():
    assert {*OF_A_PROJECT, *OF_AN_ORGANISATION, *OF_PEOPLE, *NOT_FOR_THE_API} == set(Base.metadata.tables)


async def seen(world: World, table: str, claims: Claims | None, column: str) -> set[object]:
    async with asking(world.database, claims) as session:
        return {row[0] for row in await rows(session, f"SELECT {column} FROM {table}")}


@pytest.mark.parametrize(("table", "column"), OF_A_PROJECT.items())
async def test_a_member_sees_the_projects_of_the_tokens_organisation(world: World, table: str, column: str):
    a1, a2, b1 = (world.places[name].project for name in ("a1", "a2", "b1"))
    for who in ("ann", "max", "vic", "sam"):
        assert await seen(world, table, world.claims(who), column) == {a1, a2}, who
    for who in ("bob", "sam"):
        assert await seen(world, table, world.claims(who, "b"), column) == {b1}, who


@pytest.mark.parametrize(("table", "column"), OF_AN_ORGANISATION.items())
async def test_a_member_sees_the_tokens_organisation(world: World, table: str, column: str):
    for who in ("ann", "max", "vic", "sam"):
        assert await seen(world, table, world.claims(who), column) == {world.a}, who
    for who in ("bob", "sam"):
        assert await seen(world, table, world.claims(who, "b"), column) == {world.b}, who


@pytest.mark.parametrize("table", [*TENANTS, *OF_PEOPLE])
async def test_strangers_former_members_and_nobody_see_nothing(world: World, table: str):
    column = "id" if table in {"organization", *OF_PEOPLE} else "org_id"
    assert await seen(world, table, world.claims("ann"), column)
    own = {world.fay} if table in OF_PEOPLE else set()
    assert await seen(world, table, world.claims("fay"), column) == own, "has left"
    own = {world.bob} if table in OF_PEOPLE else set()
    assert await seen(world, table, world.claims("bob", "a"), column) == own, "never was there"
    assert await seen(world, table, None, column) == set()


@pytest.mark.parametrize("table", [*TENANTS, *OF_PEOPLE])
async def test_forged_and_stale_claims_show_nothing(world: World, table: str):
    column = "id" if table in {"organization", *OF_PEOPLE} else "org_id"
    honest = fields(world.claims("ann"))
    signed = claims_signature(SECRET, _text(honest))
    query = f"SELECT {column} FROM {table}"
    async with posing(world.database, honest, signed) as session:
        assert await rows(session, query), "signed claims are believed"
    stale = {**honest, "db_exp": time.time() - 1}
    endless = {name: value for name, value in honest.items() if name != "db_exp"}
    for claims, signature in (
        (honest, ""),
        (honest, "0" * 64),
        (honest, claims_signature(SECRET + "?", _text(honest))),
        (fields(world.claims("bob", "b")), signed),
        (stale, claims_signature(SECRET, _text(stale))),
        (endless, claims_signature(SECRET, _text(endless))),
    ):
        async with posing(world.database, claims, signature) as session:
            assert await rows(session, query) == []


def _text(claims: dict[str, object]) -> str:
    return json.dumps(claims)


@pytest.mark.parametrize(("table", "column"), OF_A_PROJECT.items())
async def test_a_token_of_a_workspace_shows_its_projects_alone(world: World, table: str, column: str):
    assert await seen(world, table, world.claims("ann", workspace="a1"), column) == {
        world.places["a1"].project
    }
    assert await seen(world, table, world.claims("ann", workspace="a2"), column) == {
        world.places["a2"].project
    }
    foreign = Claims(world.ann, world.a, world.places["b1"].workspace)
    assert await seen(world, table, foreign, column) == set()


async def test_a_token_of_a_workspace_shows_that_workspace_alone(world: World):
    inside = world.places["a1"].workspace
    assert await seen(world, "workspace", world.claims("ann", workspace="a1"), "id") == {inside}


async def test_colleagues_are_seen_and_strangers_are_not(world: World):
    colleagues = {world.ann, world.max, world.vic, world.fay, world.sam}
    assert await seen(world, "app_user", world.claims("ann"), "id") == colleagues
    assert await seen(world, "app_user", world.claims("bob", "b"), "id") == {world.bob, world.sam}


@pytest.mark.parametrize("table", sorted(NOT_FOR_THE_API))
async def test_the_machinery_is_not_for_the_api(world: World, table: str):
    if table != "partition_ledger":
        async with world.database.superuser() as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") > 0
    with pytest.raises(DBAPIError, match="permission denied") as caught:
        await seen(world, table, world.claims("ann"), "1")
    assert sqlstate(caught.value) == DENIED


@pytest.mark.parametrize("table", ["telemetry", "divergence_report", "artifact", "assumption"])
async def test_the_policies_leave_the_index_usable(world: World, table: str):
    async with asking(world.database, world.claims("ann")) as session:
        await rows(session, "SELECT set_config('enable_seqscan', 'off', true)")
        plan = "\n".join(
            row[0]
            for row in await rows(session, f"EXPLAIN SELECT 1 FROM {table} WHERE org_id = :org", org=world.a)
        )
    assert "Seq Scan" not in plan
    assert "Index Cond: (org_id = " in plan or "Index Cond: ((org_id = " in plan
