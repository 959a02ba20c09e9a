"""Injected SQL: what somebody could try who runs any statement as the API's role."""

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import NoClaims
from storage.secrets import claims_signature
from storage.selfcheck import isolation_faults
from storage.tenancy import Claims, TenantSessions
from tests.databases import SECRET
from tests.tenancy.asking import DENIED, asking, fields, posing, rows, sqlstate, temporary_allowed
from tests.world import World

STATEMENTS = [
    "SET ROLE augentis_member_reader",
    "SET ROLE augentis_operator",
    "SET ROLE augentis_worker",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "SELECT * FROM auth.claims_key",
    "SELECT auth.create_organization('mine', 'Mine', 'me@people.example')",
    "SELECT * FROM auth.find_member('acme', '')",
    "SELECT auth.set_tier('acme', 'ENTERPRISE')",
    "SELECT auth.sign_in()",
    "SELECT auth.accept_invitation(gen_random_uuid())",
    "SET ROLE augentis_registrar",
    "ALTER TABLE telemetry DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE telemetry NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY org_of_token ON telemetry",
    "CREATE POLICY all_of_it ON telemetry USING (true)",
    "CREATE TABLE public.mine ()",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'",
    "CREATE VIEW public.mine AS SELECT * FROM telemetry",
    # Whatever a pooled connection keeps, the next request on it would find before the real thing.
    "CREATE TEMP TABLE project (id uuid)",
    "CREATE TEMP VIEW project AS SELECT 1",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE DOMAIN pg_temp.uuid AS pg_catalog.text",
    "GRANT augentis_worker TO CURRENT_USER",
    "TRUNCATE telemetry",
    "LOCK TABLE telemetry IN ACCESS EXCLUSIVE MODE",
    "SET session_replication_role = replica",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
]


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_the_apis_role_may_not(world: World, statement: str):
    async with asking(world.database, world.claims("ann")) as session:
        with pytest.raises(DBAPIError) as caught:
            await session.execute(text(statement.format(owner=world.database.owner)))
    assert sqlstate(caught.value) == DENIED


async def test_row_security_cannot_be_switched_off(world: World):
    async with asking(world.database, world.claims("ann")) as session:
        await session.execute(text("SET LOCAL row_security = off"))
        with pytest.raises(DBAPIError, match="row-level security"):
            await session.execute(text("SELECT * FROM project"))


async def test_claims_that_are_set_by_hand_are_nobodys(world: World):
    honest = fields(world.claims("ann"))
    async with posing(world.database, honest, claims_signature(SECRET, json.dumps(honest))) as session:
        assert await rows(session, "SELECT auth.uid(), auth.org_id()") == [(world.ann, world.a)]
    for changed in ({"sub": str(world.bob)}, {"org_id": str(world.b)}, {"workspace_id": None}):
        claims = {**honest, **changed}
        async with posing(world.database, claims, claims_signature(SECRET, json.dumps(honest))) as session:
            assert await rows(session, "SELECT auth.uid(), auth.org_id(), auth.my_role()") == [
                (None, None, None)
            ]


async def test_claims_end_with_their_transaction(world: World):
    async with world.database.sessions() as sessions:
        for claims, who in ((world.claims("ann"), world.ann), (world.claims("bob", "b"), world.bob)):
            async with sessions.open(claims) as session:
                assert await rows(session, "SELECT auth.uid()") == [(who,)]
                pid = (await rows(session, "SELECT pg_backend_pid()"))[0]
            async with AsyncSession(sessions.engine) as session:
                assert await rows(session, "SELECT pg_backend_pid()") == [pid], "the same connection"
                assert await rows(session, "SELECT auth.uid()") == [(None,)]


async def test_a_session_needs_claims(world: World):
    async with world.database.sessions() as sessions:
        with pytest.raises(NoClaims):
            async with sessions.open(None):
                pass


async def test_a_reading_session_writes_nothing(world: World):
    write = text("UPDATE project SET name = 'Renamed' WHERE org_id = :org")
    async with world.database.sessions() as sessions:
        with pytest.raises(DBAPIError, match="read-only"):
            async with sessions.open(world.claims("ann"), read_only=True) as session:
                await session.execute(write, {"org": world.a})


async def test_temporary_tables_do_not_take_the_place_of_memberships(world: World):
    bob = world.claims("bob", "a")
    async with temporary_allowed(world.database), asking(world.database, bob) as session:
        await session.execute(text("CREATE TEMP TABLE organization_members (org_id uuid, user_id uuid)"))
        await session.execute(
            text("INSERT INTO pg_temp.organization_members VALUES (:org, :user)"),
            {"org": world.a, "user": world.bob},
        )
        assert await rows(session, "SELECT * FROM project") == []


async def test_a_temporary_type_is_not_taken_for_a_built_in_one(world: World):
    """A domain's CHECK would run with the rights of the function that casts to it."""
    bob = world.claims("bob", "a")
    async with temporary_allowed(world.database), asking(world.database, bob) as session:
        for statement in (
            """CREATE FUNCTION pg_temp.spy(text) RETURNS boolean LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$""",
            "CREATE DOMAIN pg_temp.uuid AS pg_catalog.text CHECK (pg_temp.spy(VALUE))",
        ):
            await session.execute(text(statement))
        with pytest.raises(DBAPIError, match="run as"):
            await rows(session, "SELECT 'x'::pg_temp.uuid")
    async with temporary_allowed(world.database), asking(world.database, bob) as session:
        await session.execute(text("CREATE DOMAIN pg_temp.uuid AS pg_catalog.text CHECK (VALUE = 'never')"))
        assert await rows(session, "SELECT auth.my_role(), auth.uid()") == [(None, world.bob)]


async def test_an_error_does_not_tell_whether_anothers_row_exists(world: World):
    """A key of another tenant's row is as good as any: composite keys make no conflict, no reference."""
    there = world.places["b1"]
    insert = """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
                VALUES (:org, :id, :workspace, 'Same id', 'It takes too long.', :user)"""
    async with asking(world.database, world.claims("ann")) as session:
        result = await session.execute(
            text(insert),
            {
                "org": world.a,
                "id": there.project,
                "workspace": world.places["a1"].workspace,
                "user": world.ann,
            },
        )
        assert getattr(result, "rowcount") == 1  # noqa: B009
    async with asking(world.database, world.claims("ann")) as session:
        with pytest.raises(DBAPIError) as caught:
            await session.execute(
                text(insert),
                {"org": world.a, "id": there.project, "workspace": there.workspace, "user": world.ann},
            )
    assert sqlstate(caught.value) == "23503"


async def test_the_self_check_finds_nothing(world: World):
    async with world.database.sessions() as sessions:
        assert await isolation_faults(sessions) == []


async def test_the_self_check_finds_what_is_wrong(world: World):
    async with world.database.sessions() as sessions, world.database.superuser() as connection:
        await connection.execute("ALTER TABLE telemetry NO FORCE ROW LEVEL SECURITY")
        await connection.execute("CREATE POLICY leak ON workspace FOR SELECT TO augentis_api USING (true)")
        for policy in ("org_of_token", "people_only", "in_workspace"):
            await connection.execute(f"DROP POLICY {policy} ON workspace")
        other = TenantSessions(sessions.engine, SECRET + "?")
        faults = await isolation_faults(other)
        await _repair(connection)
        assert faults == [
            "table telemetry does not force row security",
            "table workspace shows rows to a session without claims",
            "the database checks claims with another secret",
        ]
        async with temporary_allowed(world.database):
            [fault] = await isolation_faults(sessions)
        assert "temporary" in fault
        assert await isolation_faults(sessions) == []


async def _repair(connection: object) -> None:
    for statement in (
        "ALTER TABLE telemetry FORCE ROW LEVEL SECURITY",
        "DROP POLICY leak ON workspace",
        """CREATE POLICY org_of_token ON workspace AS RESTRICTIVE TO augentis_api
           USING (org_id = (SELECT auth.org_id())) WITH CHECK (org_id = (SELECT auth.org_id()))""",
        """CREATE POLICY people_only ON workspace AS RESTRICTIVE TO augentis_api
           USING ((SELECT auth.uid()) IS NOT NULL)""",
        """CREATE POLICY in_workspace ON workspace AS RESTRICTIVE TO augentis_api
           USING ((SELECT auth.workspace_id()) IS NULL OR id = (SELECT auth.workspace_id()))""",
    ):
        await connection.execute(statement)  # type: ignore[attr-defined]


def test_claims_name_their_workspace_only_when_they_have_one(world: World):
    assert "workspace_id" not in fields(Claims(world.ann, world.a))
    assert fields(world.claims("ann", workspace="a1"))["workspace_id"] == str(world.places["a1"].workspace)
