"""The chain of the audit log while many write: no gap, no fork, no deadlock, and nobody else's hand in it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from governance.records import export_of
from governance.verify import Verdict, verify
from storage import chain
from storage.database import engine
from storage.entities import operator
from storage.secrets import claims_signature
from storage.tenancy import About, TenantSessions, explained
from tests.databases import SECRET, Database
from tests.teams import Team, gathered
from tests.tenancy.asking import DENIED, asking, fields, posing, sqlstate

RENAME = text("UPDATE project SET name = :name WHERE org_id = :org AND id = :id")
CHAIN = "SELECT sequence, prev_hash, hash FROM audit_link WHERE org_id = $1 ORDER BY sequence"


async def links(team: Team) -> list[Any]:
    return await team.fetch(CHAIN, team.org)


async def verdict(team: Team) -> Verdict:
    mighty = engine(team.database.superuser_url, pool_size=1)
    async with AsyncSession(mighty) as session:
        lines = [json.dumps(line) async for line in chain.export(session, team.org, None)]
    await mighty.dispose()
    return verify(export_of(lines), None, None)


@asynccontextmanager
async def working(database: Database, many: int) -> AsyncIterator[TenantSessions]:
    api = engine(database.api_url, pool_size=many)
    yield TenantSessions(api, SECRET)
    await api.dispose()


async def test_two_transactions_that_lock_in_opposite_order_do_not_meet_in_the_log(shared: Database):
    """Each tells of something, then locks what the other holds: with the chain locked they would stop."""
    team = await gathered(shared, ann="ADMIN")
    first, second = asyncio.Event(), asyncio.Event()

    async def one(sessions: TenantSessions) -> None:
        async with sessions.open(team.claims("ann")) as session:
            await session.execute(
                text("UPDATE project SET description = 'one' WHERE org_id = :o"), {"o": team.org}
            )
            first.set()
            await second.wait()
            await session.execute(
                text("UPDATE organization SET name = 'The one' WHERE id = :o"), {"o": team.org}
            )

    async def other(sessions: TenantSessions) -> None:
        async with sessions.open(team.claims("ann")) as session:
            await session.execute(
                text("UPDATE workspace SET name = 'Other' WHERE org_id = :o"), {"o": team.org}
            )
            second.set()
            await first.wait()
            # Waits for whoever has the project, who has told of it before.
            await session.execute(
                text("UPDATE project SET description = 'two' WHERE org_id = :o"), {"o": team.org}
            )

    async with working(shared, 2) as sessions, asyncio.timeout(10):
        await asyncio.gather(one(sessions), other(sessions))
    assert (await verdict(team)).whole


async def test_transactions_of_two_organisations_in_opposite_order_do_not_deadlock(shared: Database):
    """A worker's chunk is of many organisations: their chains are locked in the order of their ids."""
    teams = [await gathered(shared, ann="ADMIN") for _ in range(2)]

    async def told(turn: int, order: list[Team]) -> None:
        async with shared.superuser() as connection, connection.transaction():
            for team in order:
                name = f"Turn {turn} {time.monotonic()}"
                await connection.execute(
                    """INSERT INTO workspace (org_id, id, name, created_by)
                       VALUES ($1, gen_random_uuid(), $2, $3)""",
                    team.org,
                    name[:50],
                    team.people["ann"],
                )

    async with asyncio.timeout(30):
        await asyncio.gather(*(told(turn, teams[:: 1 if turn % 2 else -1]) for turn in range(20)))
    for team in teams:
        assert (await verdict(team)).whole


async def test_twenty_at_once_make_one_chain_without_a_gap(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    before = len(await links(team))

    async def write(sessions: TenantSessions, number: int) -> None:
        for turn in range(3):
            async with sessions.open(team.claims("ann")) as session:
                for what in ("a", "b"):
                    made = {"o": team.org, "n": f"{what} {number} {turn}", "who": team.people["ann"]}
                    await session.execute(
                        text(
                            "INSERT INTO workspace (org_id, id, name, created_by)"
                            " VALUES (:o, gen_random_uuid(), :n, :who)"
                        ),
                        made,
                    )

    async with working(shared, 20) as sessions:
        await asyncio.gather(*(write(sessions, number) for number in range(20)))
    found = await links(team)
    assert [row[0] for row in found] == list(range(1, before + 20 * 3 * 2 + 1))
    assert [row[1] for row in found[1:]] == [row[2] for row in found[:-1]]
    assert (await verdict(team)).whole
    assert await team.fetch("SELECT count(*) FROM audit_pending") == [(0,)]


async def test_what_is_rolled_back_is_in_no_link_and_what_follows_goes_on(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    before = await links(team)
    async with shared.superuser() as connection:
        undone = connection.transaction()
        await undone.start()
        await connection.execute("UPDATE organization SET name = 'New name' WHERE id = $1", team.org)
        await undone.rollback()
        async with connection.transaction():
            await connection.execute("UPDATE organization SET name = 'First' WHERE id = $1", team.org)
            nested = connection.transaction()
            await nested.start()
            await connection.execute("UPDATE organization SET name = 'Second' WHERE id = $1", team.org)
            await nested.rollback()
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            await connection.execute("UPDATE organization SET name = 'Third' WHERE id = $1", team.org)
    assert len(await links(team)) == len(before) + 2
    assert (await verdict(team)).whole


async def test_a_transaction_that_sees_an_older_end_is_told_to_try_again(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    rename = "UPDATE organization SET alarms_per_year = alarms_per_year + 1 WHERE id = $1"
    async with shared.superuser() as old, shared.superuser() as quick:
        late = old.transaction(isolation="repeatable_read")
        await late.start()
        await old.execute("UPDATE workspace SET name = 'Old' WHERE org_id = $1", team.org)
        await quick.execute(rename, team.org)
        with pytest.raises(asyncpg.SerializationError):
            await late.commit()
    assert (await verdict(team)).whole


NEWEST = "FROM audit_log WHERE org_id = $1 ORDER BY timestamp DESC LIMIT 1"
ENTRY = f"SELECT ip_address, user_agent, rationale {NEWEST}"


async def test_why_and_from_where_are_what_was_signed(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    about = About("typo", "203.0.113.7", "curl/8")
    async with shared.sessions() as sessions, sessions.open(team.claims("ann"), about=about) as session:
        await session.execute(RENAME, {"name": "Signed", "org": team.org, "id": team.project})
    assert await team.fetch(ENTRY, team.org) == [("203.0.113.7", "curl/8", "typo")]
    # As injected SQL could: the signature of other claims, and one's own settings.
    claims = team.claims("ann").text(time.time() + 60)
    lie = {**json.loads(claims), "client": {"ip": "192.0.2.1", "rationale": "all is well"}}
    async with posing(shared, lie, claims_signature(SECRET, claims)) as session:
        changed: Any = await session.execute(RENAME, {"name": "Lie", "org": team.org, "id": team.project})
        assert changed.rowcount == 0, "claims that are not signed are nobody's"
    for statement in (
        "UPDATE audit_log SET rationale = 'all is well'",
        "INSERT INTO audit_pending DEFAULT VALUES",
        "DELETE FROM audit_link",
        "SELECT FROM audit_chain FOR UPDATE",
        "SELECT FROM audit_head",
        "SELECT auth.drop_audit_links()",
        f"SELECT auth.erase_personal('{team.people['ann']}')",
    ):
        async with asking(shared, team.claims("ann")) as session:
            with pytest.raises(DBAPIError) as caught:
                await session.execute(text(statement))
            assert sqlstate(caught.value) == DENIED, statement


async def test_an_operator_says_why_without_being_anybody(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    why = explained(SECRET, About("they have paid"), time.time())
    assert await operator.set_tier(shared.owner_url, team.slug, "PRO", why) == team.org
    query = f"SELECT actor_kind, actor_name, rationale {NEWEST}"
    assert await team.fetch(query, team.org) == [("role", shared.owner, "they have paid")]
    assert await operator.set_tier(shared.owner_url, team.slug, "BASIC") == team.org
    assert (await team.fetch(query, team.org))[0][2] is None
    assert "client" not in fields(team.claims("ann"))


async def test_the_chain_is_for_admins_who_see_all_of_the_organisation(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    other = await gathered(shared, bob="ADMIN")
    count = text("SELECT count(*) FROM audit_link")
    for claims, sees in (
        (team.claims("ann"), True),
        (team.claims("ann", confined=True), False),
        (team.claims("max"), False),
        (other.claims("bob"), True),
    ):
        async with asking(shared, claims) as session:
            assert bool(await session.scalar(count)) == sees
            foreign = text("SELECT count(*) FROM audit_link WHERE org_id <> :org")
            assert await session.scalar(foreign, {"org": claims.org_id}) == 0
