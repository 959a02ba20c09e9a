"""Every change of an entity is in the audit log, by whoever it was, and nobody changes what stands there."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.secrets import claims_signature
from storage.tenancy import Claims, Identity, KeyClaims
from tests.databases import SECRET
from tests.tenancy.asking import DENIED, asking, changed, rows, sqlstate
from tests.tenancy.test_writing import CASES, STATEMENTS, _named_in
from tests.undone import undone
from tests.world import World

ACTIONS = {"insert": "CREATE", "update": "UPDATE", "delete": "DELETE"}
ERASED = {"ip_address", "user_agent", "client_salt", "personal", "personal_salt"}
NOT_AUDITED = {"idempotency_key"}
"""An answer kept for a repetition: machinery."""
TOLD_TOGETHER = {"phase_gate_decision", "gate_artifact", "gate_evidence"}
"""A decision, what it rests on and the project that follows: tests/rules/test_gate_grounds.py."""
GOES_WITH_IT = {("alert_route", "delete"): ["AlertRouteChannel"]}
"""What a cascade deletes too, and tells of."""
BY_THE_WORKER = {"divergence_report", "cascade_analysis"}
NEWEST = """SELECT actor_kind, actor_id, actor_name, action, resource_type, resource_id, project_id,
                   changes_before, changes_after, personal -> 'before' AS before, personal -> 'after' AS after
            FROM audit_log WHERE timestamp >= now() ORDER BY timestamp, resource_id"""


async def entries(session: AsyncSession) -> list[Any]:
    """What this transaction has left in the log, as an ADMIN sees it."""
    return list(await session.execute(text(NEWEST)))


async def fetch(connection: asyncpg.Connection) -> Sequence[asyncpg.Record]:
    found: Sequence[asyncpg.Record] = await connection.fetch(NEWEST)
    return found


@pytest.mark.parametrize(
    ("table", "verb"), [case for case in CASES if case[0] not in NOT_AUDITED | TOLD_TOGETHER]
)
async def test_whatever_a_person_changes_is_told_with_who_it_was(world: World, table: str, verb: str):
    statement, place, claims = STATEMENTS[verb][table], world.places["a1"], world.claims("ann")
    async with asking(world.database, claims) as session:
        assert await entries(session) == []
        touched = await changed(session, statement, **_named_in(statement, world, place, claims))
        told = await entries(session)
    goes_with_it = GOES_WITH_IT.get((table, verb), [])
    assert [each.resource_type for each in told if each.resource_type in goes_with_it] == goes_with_it
    assert len(told) - len(goes_with_it) == touched >= 1
    for entry in told:
        assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("user", world.ann, None)
        assert entry.action == ACTIONS[verb]
        if entry.resource_type not in goes_with_it:
            assert entry.resource_type.lower() in table.removeprefix("app_").replace("_", "") + "s"
        # What is a person's stands apart, so that it can be erased.
        assert bool(entry.changes_before or entry.before) == (verb != "insert")
        assert bool(entry.changes_after or entry.after) == (verb != "delete")


async def test_every_table_that_people_write_is_audited(world: World):
    async with undone(world) as connection:
        written = await connection.fetch(
            """SELECT c.relname FROM pg_class c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                 AND (has_any_column_privilege('augentis_api', c.oid, 'INSERT, UPDATE')
                      OR has_table_privilege('augentis_api', c.oid, 'DELETE'))"""
        )
        audited = await connection.fetch(
            """SELECT tgrelid::regclass::text, count(DISTINCT tgtype)::int FROM pg_trigger
               WHERE tgfoid = 'auth.audit()'::regprocedure AND tgenabled = 'O' AND tgtype & 1 = 0
               GROUP BY 1 ORDER BY 1"""
        )
    told = {row[0] for row in written if row[0] not in NOT_AUDITED} | BY_THE_WORKER
    assert dict(map(tuple, audited)) == dict.fromkeys(told, 3)


async def test_an_update_tells_what_changed_and_nothing_else(world: World):
    place = world.places["a1"]
    async with asking(world.database, world.claims("ann")) as session:
        await session.execute(
            text("UPDATE project SET name = 'Renamed', description = description WHERE id = :id"),
            {"id": place.project},
        )
        (entry,) = await entries(session)
    assert (entry.changes_before, entry.changes_after) == ({"name": "Project a1"}, {"name": "Renamed"})
    assert (entry.resource_type, entry.resource_id, entry.project_id) == (
        "Project",
        place.project,
        place.project,
    )


async def test_an_update_that_changes_nothing_is_no_entry(world: World):
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, "UPDATE project SET name = name") == 2
        assert await changed(session, "UPDATE workspace SET name = 'New' WHERE false") == 0
        assert await entries(session) == []


async def test_what_is_set_and_what_is_emptied_is_told_with_null(world: World):
    async with undone(world) as connection:
        await connection.execute("UPDATE machine_key SET expires_at = '2027-01-01Z', last_used_at = now()")
        await connection.execute("UPDATE machine_key SET expires_at = NULL")
        told = [json.loads(row["changes_after"])["expires_at"] for row in await fetch(connection)]
        before = [json.loads(row["changes_before"])["expires_at"] for row in await fetch(connection)]
    at = "2027-01-01T00:00:00+00:00"
    assert told == [at] * 3 + [None] * 3
    assert before == [None] * 3 + [at] * 3


async def test_a_step_to_approved_is_an_approval(world: World):
    async with asking(world.database, world.claims("max")) as session:
        for status in ("REVIEW", "APPROVED", "DEPLOYED"):
            await session.execute(
                text("UPDATE artifact SET status = :status WHERE id = :id"),
                {"status": status, "id": world.places["a1"].code},
            )
        assert await entries(session) == [], "a MEMBER reads none of it"
    async with undone(world) as connection:
        for status in ("REVIEW", "APPROVED"):
            await connection.execute(
                "UPDATE artifact SET status = $1, approved_by = $2 WHERE id = $3",
                status,
                world.max if status == "APPROVED" else None,
                world.places["a1"].code,
            )
        told = [
            (row["action"], json.loads(row["changes_after"])["status"]) for row in await fetch(connection)
        ]
    assert told == [("UPDATE", "REVIEW"), ("APPROVE", "APPROVED")]


async def test_each_row_of_a_statement_is_an_entry(world: World):
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, "UPDATE artifact SET evidence_tier = 'E3' WHERE status = 'DRAFT'") == 4
        told = await entries(session)
    assert len({entry.resource_id for entry in told}) == 4
    assert {entry.changes_before["evidence_tier"] for entry in told} == {"E0"}


async def test_the_hash_of_a_key_is_in_no_entry(world: World):
    secret = "SELECT count(*) FROM audit_log WHERE (changes_before || changes_after) ? 'secret_sha256'"
    async with undone(world) as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit_log WHERE resource_type = 'MachineKey'")
        await connection.execute("UPDATE machine_key SET secret_sha256 = sha256('other')")
        await connection.execute("DELETE FROM machine_key")
        assert await connection.fetchval(secret.replace("||", "- '' ||")) == 0
        assert [row["action"] for row in await fetch(connection)] == ["DELETE"] * 3


async def test_without_a_person_it_is_the_login_that_did_it(world: World):
    async with undone(world) as connection:
        await connection.execute("UPDATE organization SET name = 'Renamed' WHERE id = $1", world.a)
        await connection.execute("SET SESSION AUTHORIZATION " + world.database.owner)
        await connection.execute("SELECT auth.set_tier('acme', 'PRO')")
        await connection.execute("RESET SESSION AUTHORIZATION")
        told = await fetch(connection)
    assert [(row["actor_kind"], row["actor_name"]) for row in told] == [
        ("role", urlsplit(world.database.superuser_url).username),
        ("role", world.database.owner),
    ]
    assert len({row["actor_id"] for row in told}) == 2
    assert json.loads(told[1]["changes_after"])["subscription_tier"] == "PRO"


async def test_claims_that_nobody_signed_name_nobody(world: World):
    async with undone(world) as connection:
        claims = json.dumps({"sub": str(world.bob), "org_id": str(world.a)})
        await connection.execute("SELECT set_config('request.jwt.claims', $1, true)", claims)
        await connection.execute("UPDATE organization SET name = 'Renamed' WHERE id = $1", world.a)
        assert [row["actor_kind"] for row in await fetch(connection)] == ["role"]


async def test_who_accepts_an_invitation_is_who_joins(world: World):
    identity = Identity("google", "zoe's", "zoe@people.example", "Zoe")
    async with undone(world) as connection:
        await connection.execute("DELETE FROM invitation")
        invitation = await connection.fetchval(
            """INSERT INTO invitation (org_id, id, email, role_in_org, invited_by, expires_at)
               VALUES ($1, $2, 'zoe@people.example', 'VIEWER', $3, now() + interval '1 day') RETURNING id""",
            world.a,
            uuid4(),
            world.ann,
        )
        await sign(connection, identity)
        await connection.execute("SELECT auth.accept_invitation($1)", invitation)
        told = {(row["resource_type"], row["action"]): row for row in await fetch(connection)}
        zoe = await connection.fetchval("SELECT id FROM app_user WHERE email = 'zoe@people.example'")
    for what in (("OrganizationMember", "CREATE"), ("Invitation", "UPDATE")):
        assert (told[what]["actor_kind"], told[what]["actor_id"]) == ("user", zoe)
    assert "User" not in {resource for resource, _ in told}, "a person who signs in is of no organisation yet"


async def sign(connection: asyncpg.Connection, claims: Identity) -> None:
    said = claims.text(4e9)
    await connection.execute("SELECT set_config('request.jwt.claims', $1, true)", said)
    await connection.execute(
        "SELECT set_config('request.jwt.signature', $1, true)", claims_signature(SECRET, said)
    )


async def orgs(world: World, claims: Claims | KeyClaims) -> set[UUID]:
    async with asking(world.database, claims) as session:
        return {row[0] for row in await rows(session, "SELECT org_id FROM audit_log")}


async def test_admins_read_the_log_of_their_organisation_and_others_none(world: World):
    assert await orgs(world, world.claims("ann")) == {world.a}
    assert await orgs(world, world.claims("sam")) == {world.a}
    assert await orgs(world, world.claims("bob", "b")) == {world.b}
    for who in ("max", "vic", "cem", "eve", "fay"):
        assert await orgs(world, world.claims(who)) == set(), who
    assert await orgs(world, world.claims("sam", "b")) == set()
    assert await orgs(world, world.claims("bob", "a")) == set()


async def test_a_token_of_a_workspace_shows_what_happened_in_its_projects(world: World):
    query = "SELECT DISTINCT project_id FROM audit_log"
    a1, a2 = world.places["a1"], world.places["a2"]
    async with asking(world.database, world.claims("ann")) as session:
        assert {None, a1.project, a2.project} <= {row[0] for row in await rows(session, query)}
    async with asking(world.database, world.claims("ann", workspace="a1")) as session:
        found = {row[0] for row in await rows(session, query)}
    # Other tests make projects in this workspace.
    async with world.database.superuser() as connection:
        there = await connection.fetch("SELECT id FROM project WHERE workspace_id = $1", a1.workspace)
    assert a1.project in found
    assert found <= {row["id"] for row in there}
    assert a2.project not in found


@pytest.mark.parametrize("verb", ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"])
async def test_nobody_changes_the_log(world: World, verb: str):
    may = """SELECT rolname FROM pg_roles
             WHERE NOT rolsuper AND rolname NOT LIKE 'pg\\_%'
               AND (rolname NOT LIKE 'test\\_%' OR rolname = ANY ($2))
               AND has_table_privilege(oid, 'audit_log', $1) ORDER BY 1"""
    async with undone(world) as connection:
        # Owners of other tests hold roles while they migrate.
        found = {row[0] for row in await connection.fetch(may, verb, world.database.logins)}
        policies = await connection.fetch(
            "SELECT policyname, cmd FROM pg_policies WHERE tablename = 'audit_log'"
        )
    # The archivist takes out an organisation that is gone, all of it.
    assert found - {"augentis_archivist"} == {
        "augentis_keeper",
        *(("augentis_auditor",) if verb == "INSERT" else ()),
    }
    commands = {
        row["cmd"]
        for row in policies
        if row["policyname"] not in {"org_of_token", "confined", "people_only"}
        and not row["policyname"].startswith("archivist_")
    }
    # Who takes a person's data out may set these to NULL, and cannot log in.
    assert commands == {"SELECT", "INSERT", "UPDATE"}
    async with undone(world) as connection:
        erased = await connection.fetch(
            """SELECT column_name FROM information_schema.column_privileges
               WHERE table_name = 'audit_log' AND grantee = 'augentis_redactor'
                 AND privilege_type = 'UPDATE'"""
        )
    assert {row[0] for row in erased} == ERASED


async def test_an_entry_cannot_be_made_up(world: World):
    async with asking(world.database, world.claims("ann")) as session:
        for statement in (
            "INSERT INTO audit_log DEFAULT VALUES",
            "SELECT auth.role_id('me')",
            "ALTER TABLE project DISABLE TRIGGER audit_update",
        ):
            with pytest.raises(DBAPIError) as caught:
                async with session.begin_nested():
                    await session.execute(text(statement))
            assert sqlstate(caught.value) == DENIED


async def test_an_edit_makes_the_month_that_nobody_has_made(world: World):
    async with undone(world) as connection:
        month = await connection.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")
        await connection.execute(f"DROP TABLE audit_log_{month}")
        await connection.execute(
            "UPDATE project SET name = 'Renamed' WHERE id = $1", world.places["a1"].project
        )
        assert len(await fetch(connection)) == 1


async def test_a_migration_that_changes_rows_is_told_too(world: World):
    """env.py switches row security off, so that the owner's updates do not pass over rows in silence."""
    async with undone(world) as connection:
        await connection.execute("ALTER TABLE tag NO FORCE ROW LEVEL SECURITY")
        await connection.execute("SET SESSION AUTHORIZATION " + world.database.owner)
        await connection.execute("SET LOCAL row_security = off")
        await connection.execute("UPDATE tag SET tag_name = 'migrated'")
        await connection.execute("RESET SESSION AUTHORIZATION")
        told = await fetch(connection)
    assert {row["actor_name"] for row in told} == {world.database.owner}
    assert len(told) == 3
