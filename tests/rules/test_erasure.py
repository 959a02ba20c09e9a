"""A person made nobody: the address is nowhere, what they did stays, and no last ADMIN goes."""

import asyncio
import json

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from governance.records import export_of
from governance.verify import verify
from storage import chain
from storage.database import engine
from storage.entities import signing_in
from storage.entities.people import erase
from storage.errors import IdentityRefusedError, StaleError
from storage.operating import operator
from storage.tenancy import Erasure, Farewell, KeyClaims, Operation
from tests.databases import SECRET, Database
from tests.teams import Team, gathered
from tests.tenancy.asking import DENIED, asking, sqlstate

TEXTS = """SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
           WHERE c.relnamespace IN ('public'::regnamespace, 'auth'::regnamespace) AND c.relkind = 'r'
             AND a.attnum > 0 AND NOT a.attisdropped
             AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype)"""
HOLDS = "SELECT count(*) FROM {} WHERE lower({}::text) LIKE '%' || lower($1) || '%'"
DRAFT = """INSERT INTO artifact (org_id, id, project_id, type, created_by)
           VALUES (:org, gen_random_uuid(), :project, 'PRD', :me)"""
ANSWER = "INSERT INTO idempotency_key (org_id, actor_id, key, request_sha256) VALUES (:org, :me, 'k', '')"
USER = """SELECT email, full_name, auth_provider_id, last_login_at, erased_at IS NOT NULL FROM app_user
          WHERE id = $1"""


async def places(team: Team, words: str) -> dict[str, int]:
    """Return where in the database these words stand, whatever the case, and how often."""
    found = {}
    async with team.database.superuser() as connection:
        for table, column in await connection.fetch(TEXTS):
            schema = "auth" if table == "claims_key" else "public"
            query = HOLDS.format(f"{schema}.{table}", column)
            count = await connection.fetchval(query, words)
            hexed = await connection.fetchval(query, words.encode().hex())
            if count or hexed:
                found[f"{table}.{column}"] = count + hexed
    return found


async def whole(team: Team) -> bool:
    """Say whether the organisation's audit chain holds."""
    mighty = engine(team.database.superuser_url, pool_size=1)
    async with AsyncSession(mighty) as session:
        lines = [json.dumps(line) async for line in chain.export(session, team.org, None)]
    await mighty.dispose()
    return verify(export_of(lines), None, None).whole


async def by_operator(team: Team, who: str) -> None:
    async with operator(team.database.owner_url, SECRET) as acting:
        found = await acting.user(team.email(who))
        assert found == (team.people[who], team.email(who))
        assert await acting.erase(Erasure(found[0])) == found[0]


async def with_a_history(shared: Database) -> Team:
    """Max came by invitation, signed in, wrote a draft, has a key's answer, and is invited elsewhere."""
    team = await gathered(shared, ann="ADMIN")
    await team.invite(team.email("max").upper(), "ADMIN")
    async with shared.sessions() as sessions:
        signed = await signing_in.sign_in(sessions, team.identity("max"))
        (invitation,) = signed.invitations
        team.people["max"] = signed.user_id
        await signing_in.accept(sessions, team.identity("max"), invitation.id)
        async with sessions.open(team.claims("max")) as session:
            me = {"org": team.org, "me": signed.user_id}
            await session.execute(text(DRAFT), {**me, "project": team.project})
            await session.execute(text(ANSWER), me)
    await team.grant("max", "EDITOR")
    other = await gathered(shared, bob="ADMIN")
    await other.invite(team.email("max"))
    return team


@pytest.mark.parametrize("way", ["the operator's", "one's own"])
async def test_the_address_is_nowhere_and_the_history_is_whole(shared: Database, way: str):
    team = await with_a_history(shared)
    me, address = team.people["max"], team.email("max")
    assert {"app_user.email", "invitation.email"} <= set(await places(team, address))
    assert await places(team, f"max of {team.slug}")
    log = "SELECT count(*) FROM audit_log WHERE org_id = $1"
    (before,) = await team.fetch(log, team.org)
    assert await whole(team)
    if way == "one's own":
        async with shared.sessions() as sessions:
            with pytest.raises(StaleError):
                async with sessions.open(Farewell(me, team.org)) as session:
                    await erase(session, me, frozenset({99}))
            async with sessions.open(Farewell(me, team.org)) as session:
                await erase(session, me, None)
    else:
        await by_operator(team, "max")
    assert await whole(team), "the chain holds without what is gone"
    assert await places(team, address) == {}
    assert await places(team, f"max of {team.slug}") == {}
    (row,) = await team.fetch(USER, me)
    assert row == (f"erased-{me}@invalid.invalid", "Erased user", None, None, True)
    assert await team.fetch("SELECT created_by FROM artifact WHERE org_id = $1", team.org) == [(me,)]
    assert await team.fetch("SELECT 1 FROM project_access WHERE user_id = $1", me) == []
    assert await team.fetch("SELECT 1 FROM idempotency_key WHERE actor_id = $1", me) == []
    assert await team.roles() == {"ann": "ADMIN"}
    pending = "SELECT 1 FROM invitation WHERE email LIKE $1 AND accepted_at IS NULL AND revoked_at IS NULL"
    assert await team.fetch(pending, f"%{me}%") == []
    (after,) = await team.fetch(log, team.org)
    assert after > before, "nothing is taken from the log, and the erasure is told in it"


async def test_nobody_signs_in_as_who_was_erased(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    await by_operator(team, "max")
    pseudonym = f"erased-{team.people['max']}@invalid.invalid"
    async with shared.sessions() as sessions:
        for email in (pseudonym, team.email("max")):
            with pytest.raises(IdentityRefusedError):
                await signing_in.sign_in(sessions, team.identity("max", email=email))
        # Who comes back with the address is somebody new.
        await team.invite(team.email("max"))
        signed = await signing_in.sign_in(sessions, team.identity("max"))
    assert signed.user_id != team.people["max"]
    async with shared.superuser() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="ck_app_user_erased"):
            await connection.execute(
                "UPDATE app_user SET auth_provider_id = 'x' WHERE id = $1", team.people["max"]
            )


async def test_who_is_being_erased_accepts_nothing(shared: Database):
    """Max is invited by the address that their provider has now: the erasure does not know it."""
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    other = await gathered(shared, bob="ADMIN")
    async with shared.sessions() as sessions:
        await signing_in.sign_in(sessions, team.identity("max"))
        newer = team.identity("max", email=f"newer.{team.email('max')}")
        invitation = await other.invite(newer.email)
        async with operator(shared.owner_url, SECRET) as acting:
            async with acting.acting(Erasure(team.people["max"])) as erasing:
                await erasing.execute("SELECT auth.erase_user()")
                accepting = asyncio.create_task(signing_in.accept(sessions, newer, invitation))
                await asyncio.sleep(0.3)
                assert not accepting.done()
            with pytest.raises(IdentityRefusedError):
                await accepting
    standing = "SELECT 1 FROM organization_members WHERE user_id = $1 AND removed_at IS NULL"
    assert await team.fetch(standing, team.people["max"]) == []


async def test_the_last_admin_is_not_erased(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="ADMIN")
    await by_operator(team, "max")
    with pytest.raises(asyncpg.PostgresError) as refused:
        await by_operator(team, "ann")
    assert refused.value.sqlstate == "AG002"
    assert await places(team, team.email("ann")) != {}
    assert await team.roles() == {"ann": "ADMIN"}


async def test_nobody_erases_but_themselves(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    strangers = (
        # What else a person asks for erases nobody, whatever SQL is slipped into it.
        team.claims("max"),
        Farewell(team.people["max"], team.org, team.workspace),
        KeyClaims(team.people["max"], team.org),
        team.identity("max"),
        Operation(team.org),
        None,
    )
    for claims in strangers:
        with pytest.raises(DBAPIError) as refused:
            async with asking(shared, claims) as session:
                await session.execute(text("SELECT auth.erase_user()"))
        assert sqlstate(refused.value) == DENIED, claims
    # A deletion meets somebody who belongs somewhere, and leaves them.
    async with operator(shared.owner_url, SECRET) as acting:
        assert await acting.erase(Operation(team.org, team.people["max"])) is None
    async with asking(shared, Farewell(team.people["max"], team.org)) as session:
        assert await session.scalar(text("SELECT auth.erase_user()")) == team.people["max"]
    assert await team.roles() == {"ann": "ADMIN", "max": "MEMBER"}
