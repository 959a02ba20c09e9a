"""What an operator's claims reach: one organisation or one person, and for nobody else anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import leaving
from storage.operating import Operator
from storage.tables import Base
from storage.tenancy import Erasure, Operation
from tests.databases import SECRET
from tests.tenancy.asking import DENIED, asking, rows, sqlstate
from tests.world import World

DELETES = "SELECT gone FROM auth.delete_rows($1, 10, NULL)"
FOR_THE_OWNER = {
    "auth.export_rows('tag', 'c')",
    "auth.count_rows('tag')",
    "auth.close_organization()",
    "auth.delete_rows('tag', 1, NULL)",
    "auth.bury_organization()",
    "auth.note_last_words()",
    "auth.finish_burial()",
    "auth.lonely_members()",
    "auth.find_organization('acme')",
    "auth.find_user('ann@people.example')",
}


@asynccontextmanager
async def operating(world: World, claims: Operation | None, secret: str = SECRET) -> AsyncIterator[Operator]:
    """Yield the owner's connection in a transaction with these claims, undone at the end."""
    owner = await asyncpg.connect(world.database.owner_url)
    try:
        work = owner.transaction()
        await work.start()
        acting = Operator(owner, secret)
        if claims:
            await acting.sign(claims)
        yield acting
        await work.rollback()
    finally:
        await owner.close()


async def exported(world: World, claims: Operation | None, table: str, secret: str = SECRET) -> int:
    async with operating(world, claims, secret) as acting:
        await acting.connection.execute("SELECT auth.export_rows($1, 'c')", table)
        return len(await acting.connection.fetch("FETCH ALL FROM c"))


@pytest.mark.parametrize("table", ["project", "telemetry", "audit_log", "app_user", "organization"])
async def test_claims_reach_the_rows_of_their_organisation(world: World, table: str):
    column = {"organization": "id", "app_user": "NULL::uuid"}.get(table, "org_id")
    async with world.database.superuser() as connection:
        members = {
            org: await connection.fetchval("SELECT count(*) FROM organization_members WHERE org_id = $1", org)
            for org in (world.a, world.b)
        }
        for org in (world.a, world.b):
            own = (
                await connection.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", org)
                or members[org]
            )
            assert own > 0
            assert await exported(world, Operation(org), table) == own
    assert await exported(world, Operation(uuid4()), table) == 0


async def test_claims_that_nobody_signed_reach_nothing(world: World):
    for claims, secret in ((None, SECRET), (Operation(world.a), "another secret of 32 characters, or so")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await exported(world, claims, "project", secret)


async def test_the_owner_sees_nothing_by_itself_and_no_secret_by_anything(world: World):
    async with operating(world, Operation(world.a)) as acting:
        assert await acting.connection.fetchval("SELECT count(*) FROM project") == 0
    for table in leaving.NOT_EXPORTED:
        async with world.database.superuser() as connection:
            shown = await connection.fetch(
                """SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0
                   AND has_column_privilege('augentis_archivist', attrelid, attnum, 'SELECT')""",
                table,
            )
        keys = {column.name for column in Base.metadata.tables[table].primary_key}
        assert {row[0] for row in shown} == keys or table == "organization_tombstone"
    # What leaves is what is not left out, column by column.
    async with world.database.superuser() as connection:
        for table in leaving.exported():
            shown = await connection.fetch(
                """SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0
                   AND NOT attisdropped
                   AND NOT has_column_privilege('augentis_archivist', attrelid, attnum, 'SELECT')""",
                table,
            )
            assert {row[0] for row in shown} == set(leaving.LEFT_OUT.get(table, ())), table


def test_every_table_of_tenants_leaves_or_has_a_reason():
    tenants = {table.name for table in Base.metadata.tables.values() if "org_id" in table.c}
    assert set(leaving.exported()) == (tenants - set(leaving.NOT_EXPORTED)) | {"organization", "app_user"}
    assert set(leaving.NOT_EXPORTED) <= tenants
    emptied = {table.name for table in (*leaving.deleted(), *leaving.log())}
    assert emptied == tenants - {"organization_tombstone"}


async def test_only_what_is_closed_is_deleted(world: World):
    async with operating(world, Operation(world.a)) as acting:
        with pytest.raises(asyncpg.PostgresError) as refused:
            await acting.connection.execute(DELETES, "tag")
        assert refused.value.sqlstate == "AG026"
    async with operating(world, Operation(world.a)) as acting:
        await acting.connection.execute("SELECT auth.close_organization()")
        assert await acting.connection.fetchval(DELETES, "tag") == 2
        # Closed is A; the claims of B are none of it, and A's log stands as long as A does.
        await acting.sign(Operation(world.b))
        for table, claims in (("tag", Operation(world.b)), ("audit_log", Operation(world.a))):
            await acting.sign(claims)
            with pytest.raises(asyncpg.PostgresError) as refused:
                async with acting.connection.transaction():
                    await acting.connection.execute(DELETES, table)
            assert refused.value.sqlstate == "AG026", table


@pytest.mark.parametrize("call", sorted(FOR_THE_OWNER))
async def test_the_apis_role_calls_nothing_of_it(world: World, call: str):
    for claims in (world.claims("ann"), Operation(world.a)):
        with pytest.raises(DBAPIError) as refused:
            async with asking(world.database, claims) as session:
                await session.execute(text(f"SELECT {call}"))
        assert sqlstate(refused.value) == DENIED


@pytest.mark.parametrize("kind", ["operation", "erasure"])
async def test_an_operators_claims_show_the_apis_role_nothing(world: World, kind: str):
    claims = Operation(world.a) if kind == "operation" else Erasure(world.ann)
    for table in ("project", "organization", "app_user", "audit_log", "organization_members"):
        async with asking(world.database, world.claims("ann")) as session:
            assert await rows(session, f"SELECT 1 FROM {table} LIMIT 1") == [(1,)]
        async with asking(world.database, claims) as session:
            assert await rows(session, f"SELECT 1 FROM {table} LIMIT 1") == [], table


async def test_nobody_but_the_functions_role_changes_the_log(world: World):
    """The log's one exception is the deletion's: neither owner nor API has a right to it."""
    async with world.database.superuser() as connection:
        may = await connection.fetch(
            """SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname NOT LIKE 'pg\\_%'
               AND has_table_privilege(oid, 'public.audit_log', 'DELETE')"""
        )
    assert {row[0] for row in may} == {"augentis_archivist", "augentis_keeper"}


def test_claims_name_one_thing_each():
    user, org = UUID(int=1), UUID(int=2)
    assert '"sub"' not in Operation(org, user).text(0)
    assert '"org_id"' not in Operation(org, user).text(0)
    assert '"operates"' not in Erasure(user).text(0)
