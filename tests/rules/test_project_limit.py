"""DataModel.md 1: BASIC 3 projects, PRO 20, ENTERPRISE unlimited; archived ones do not count."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.entities import operator, projects, workspaces
from storage.entities.founding import found
from storage.tenancy import Claims, TenantSessions
from tests.databases import Database
from tests.tenancy.asking import sqlstate

PROBLEM = "It takes too long to pay."


class Org:
    """An organisation of the test's own, with an ADMIN and one project."""

    def __init__(self, sessions: TenantSessions, database: Database, claims: Claims) -> None:
        self.sessions, self.database, self.claims = sessions, database, claims

    async def create(self, name: str) -> str | None:
        """Create a project, and return the SQLSTATE that refused it."""
        try:
            async with self.sessions.open(self.claims) as session:
                workspace = await workspaces.ensure(session, self.claims, "Main")
                await projects.create(session, self.claims, workspace, name=name, problem_statement=PROBLEM)
        except DBAPIError as error:
            return sqlstate(error)
        return None

    async def archive(self, name: str, *, archived: bool) -> str | None:
        try:
            async with self.sessions.open(self.claims) as session:
                await session.execute(
                    text("UPDATE project SET is_archived = :archived WHERE org_id = :org AND name = :name"),
                    {"archived": archived, "org": self.claims.org_id, "name": name},
                )
        except DBAPIError as error:
            return sqlstate(error)
        return None

    async def live(self) -> int:
        async with self.database.superuser() as connection:
            count = "SELECT count(*) FROM project WHERE org_id = $1 AND NOT is_archived"
            return int(await connection.fetchval(count, self.claims.org_id))

    async def tier(self, tier: str) -> UUID | None:
        return await operator.set_tier(self.database.owner_url, "acme", tier)


@pytest.fixture
async def org(database: Database) -> AsyncIterator[Org]:
    async with database.sessions() as sessions:
        founded = await found(
            database.owner_url, sessions, slug="acme", email="ada@acme.example", project="First"
        )
        yield Org(sessions, database, Claims(founded.user_id, founded.org_id))


@pytest.mark.parametrize(("tier", "most"), [("BASIC", 3), ("PRO", 20)])
async def test_a_tier_allows_so_many_projects_and_no_more(org: Org, tier: str, most: int):
    await org.tier(tier)
    refusals = [await org.create(f"Project {n}") for n in range(2, most + 2)]
    assert refusals == [None] * (most - 1) + ["AG001"]
    assert await org.live() == most


async def test_an_enterprise_is_unlimited(org: Org):
    await org.tier("ENTERPRISE")
    assert {await org.create(f"Project {n}") for n in range(2, 24)} == {None}
    assert await org.live() == 23


async def test_twenty_at_once_leave_exactly_three(org: Org):
    async with org.sessions.open(org.claims) as session:
        await workspaces.ensure(session, org.claims, "Main")
    refusals = await asyncio.gather(*(org.create(f"Project {n}") for n in range(20)))
    assert sorted(refusals, key=str) == ["AG001"] * 18 + [None] * 2
    assert await org.live() == 3


async def test_a_downgrade_keeps_what_is_there_and_blocks_what_is_new(org: Org):
    await org.tier("PRO")
    for n in range(2, 6):
        assert await org.create(f"Project {n}") is None
    await org.tier("BASIC")
    assert await org.live() == 5
    assert await org.create("One more") == "AG001"
    async with org.sessions.open(org.claims) as session:
        renamed = text("UPDATE project SET description = 'still ours' WHERE org_id = :org RETURNING id")
        assert len((await session.execute(renamed, {"org": org.claims.org_id})).all()) == 5
    await org.tier("PRO")
    assert await org.create("One more") is None


async def test_archived_projects_do_not_count_and_unarchiving_is_a_create(org: Org):
    assert [await org.create("Second"), await org.create("Third")] == [None, None]
    assert await org.create("Fourth") == "AG001"
    assert await org.archive("Third", archived=True) is None
    assert await org.create("Fourth") is None
    assert await org.archive("Third", archived=False) == "AG001"
    assert await org.archive("Fourth", archived=True) is None
    assert await org.archive("Third", archived=False) is None
    assert await org.live() == 3


async def test_a_full_organisation_is_told_to_its_own_alone(org: Org):
    """The refusal of a foreign insert is that of the policies, however full the other organisation is."""
    assert [await org.create("Second"), await org.create("Third")] == [None, None]
    async with org.database.sessions() as sessions:
        other = await found(
            org.database.owner_url, sessions, slug="beta", email="bob@beta.example", project="His"
        )
        stranger = Claims(other.user_id, other.org_id)
        insert = text(
            "INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)"
            " VALUES (:org, gen_random_uuid(), :workspace, 'Smuggled', :problem, :user)"
        )
        with pytest.raises(DBAPIError) as refused:
            async with sessions.open(stranger) as session:
                await session.execute(
                    insert,
                    {
                        "org": org.claims.org_id,
                        "workspace": other.workspace_id,
                        "problem": PROBLEM,
                        "user": other.user_id,
                    },
                )
    assert sqlstate(refused.value) == "42501"


async def test_only_the_operator_says_what_tier_an_organisation_has(org: Org):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with org.sessions.open(org.claims) as session:
            await session.execute(text("UPDATE organization SET subscription_tier = 'ENTERPRISE'"))
    assert await operator.set_tier(org.database.owner_url, "nobody", "PRO") is None
