"""A membership ends at the next request, and an organisation keeps at least one ADMIN."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.entities import access, members
from storage.errors import NotAllowedError, NotThereError, StaleError
from storage.reading import people
from storage.tenancy import Claims, TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import sqlstate

Outcome = str | None


async def attempt(sessions: TenantSessions, claims: Claims, work: str, team: Team, whom: str) -> Outcome:
    """Demote or remove `whom`, and return what refused it."""
    try:
        async with sessions.open(claims) as session:
            named = (session, team.org, team.people[whom], None)
            if work == "remove":
                await members.remove(*named)
            else:
                await members.change_role(*named, work)
    except DBAPIError as error:
        return sqlstate(error)
    except (NotAllowedError, NotThereError) as error:
        return type(error).__name__
    return None


@pytest.mark.parametrize("work", ["MEMBER", "VIEWER", "remove"])
async def test_the_last_admin_stays(shared: Database, work: str):
    team = await gathered(shared, ann="ADMIN", sam="ADMIN", max="MEMBER")
    async with shared.sessions() as sessions:
        assert await attempt(sessions, team.claims("ann"), work, team, "sam") is None
        assert await attempt(sessions, team.claims("ann"), work, team, "ann") == "AG002"
        # One who may take over makes it possible.
        assert await attempt(sessions, team.claims("ann"), "ADMIN", team, "max") is None
        assert await attempt(sessions, team.claims("ann"), work, team, "ann") is None
    assert {who for who, role in (await team.roles()).items() if role == "ADMIN"} == {"max"}


async def test_an_admin_who_was_removed_counts_for_none(shared: Database):
    team = await gathered(shared, ann="ADMIN", sam="ADMIN")
    async with shared.sessions() as sessions:
        assert await attempt(sessions, team.claims("ann"), "remove", team, "sam") is None
        assert await attempt(sessions, team.claims("ann"), "MEMBER", team, "ann") == "AG002"
        assert await attempt(sessions, team.claims("ann"), "remove", team, "ann") == "AG002"


@pytest.mark.parametrize(
    ("work", "others"), [("MEMBER", "remove"), ("remove", "remove"), ("VIEWER", "MEMBER")]
)
async def test_two_admins_who_end_each_other_at_once_leave_one(shared: Database, work: str, others: str):
    team = await gathered(shared, ann="ADMIN", sam="ADMIN")
    ready = asyncio.Barrier(2)

    async def end(sessions: TenantSessions, who: str, what: str, whom: str) -> Outcome:
        try:
            async with sessions.open(team.claims(who)) as session:
                # Both have begun, and neither sees what the other does.
                assert (await people.standing(session, team.claims(who))).role == "ADMIN"
                await ready.wait()
                named = (session, team.org, team.people[whom], None)
                if what == "remove":
                    await members.remove(*named)
                else:
                    await members.change_role(*named, what)
                # The other's change is made, and not committed, when the first commits.
                await asyncio.sleep(0.2)
        except DBAPIError as error:
            return sqlstate(error)
        except (NotAllowedError, NotThereError) as error:
            return type(error).__name__
        return None

    async with shared.sessions() as sessions:
        outcomes = await asyncio.gather(
            end(sessions, "ann", work, "sam"), end(sessions, "sam", others, "ann")
        )
    assert sorted(outcomes, key=str) == ["AG002", None]
    assert list((await team.roles()).values()).count("ADMIN") == 1


async def test_ten_admins_who_leave_at_once_leave_one(shared: Database):
    names = [f"admin{n}" for n in range(10)]
    team = await gathered(shared, **dict.fromkeys(names, "ADMIN"))
    async with shared.sessions() as sessions:
        outcomes = await asyncio.gather(
            *(attempt(sessions, team.claims(who), "remove", team, who) for who in names)
        )
    assert sorted(outcomes, key=str) == ["AG002"] + [None] * 9
    assert list((await team.roles()).values()) == ["ADMIN"]


async def test_a_removal_holds_from_the_next_request_on(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    me = team.claims("max")

    async def sees(sessions: TenantSessions) -> tuple[str | None, int]:
        async with sessions.open(me, read_only=True) as session:
            projects = await session.scalars(text("SELECT count(*) FROM project"))
            return (await people.standing(session, me)).role, projects.one()

    async with shared.sessions() as sessions:
        assert await sees(sessions) == ("MEMBER", 1)
        assert await attempt(sessions, team.claims("ann"), "VIEWER", team, "max") is None
        assert await sees(sessions) == ("VIEWER", 1)
        assert await attempt(sessions, team.claims("ann"), "remove", team, "max") is None
        assert await sees(sessions) == (None, 0)


async def test_roles_in_projects_end_with_the_membership(shared: Database):
    team = await gathered(shared, ann="ADMIN", sam="ADMIN", max="MEMBER")
    for who in ("ann", "sam", "max"):
        await team.grant(who, "EDITOR")
    query = "SELECT user_id FROM project_access WHERE org_id = $1"
    async with shared.sessions() as sessions:
        # A refused removal takes nothing with it.
        assert await attempt(sessions, team.claims("max"), "remove", team, "sam") == "NotAllowedError"
        assert len(await team.fetch(query, team.org)) == 3
        assert await attempt(sessions, team.claims("ann"), "remove", team, "max") is None
        assert await team.fetch(query + " AND user_id = $2", team.org, team.people["max"]) == []
        # One's own as well, though the right to end them ends with it.
        assert await attempt(sessions, team.claims("ann"), "remove", team, "ann") is None
    assert await team.fetch(query, team.org) == [(team.people["sam"],)]


async def test_a_role_that_is_given_during_a_removal_waits_for_it(shared: Database):
    team = await gathered(shared, ann="ADMIN", sam="ADMIN", max="MEMBER")
    grant = text(
        "INSERT INTO project_access (org_id, project_id, user_id, role) VALUES (:o, :p, :u, 'EDITOR')"
    )
    named = {"o": team.org, "p": team.project, "u": team.people["max"]}
    async with shared.sessions() as sessions, sessions.open(team.claims("sam")) as giving:
        await giving.execute(grant, named)
        removal = asyncio.create_task(attempt(sessions, team.claims("ann"), "remove", team, "max"))
        await asyncio.sleep(0.2)
        assert not removal.done()
        await giving.commit()
        assert await removal is None
    assert await team.fetch("SELECT 1 FROM project_access WHERE org_id = $1", team.org) == []


async def test_a_role_that_is_given_after_a_removal_is_refused(shared: Database):
    team = await gathered(shared, ann="ADMIN", sam="ADMIN", max="MEMBER")
    named = (team.org, team.project, team.people["max"], "EDITOR")

    async def give(sessions: TenantSessions) -> None:
        async with sessions.open(team.claims("sam")) as session:
            await access.put(session, *named)

    async with shared.sessions() as sessions:
        async with sessions.open(team.claims("ann")) as removing:
            await members.remove(removing, team.org, team.people["max"], None)
            # Whoever gives the role still sees a member.
            giving = asyncio.create_task(give(sessions))
            await asyncio.sleep(0.2)
            assert not giving.done()
        with pytest.raises(NotThereError, match="no such member"):
            await giving
    assert await team.fetch("SELECT 1 FROM project_access WHERE org_id = $1", team.org) == []


async def test_who_may_end_a_membership(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER", vic="VIEWER")
    other = await gathered(shared, bob="ADMIN")
    async with shared.sessions() as sessions:
        for claims in (team.claims("max"), team.claims("vic"), team.claims("ann", confined=True)):
            for work in ("ADMIN", "remove"):
                assert await attempt(sessions, claims, work, team, "vic") == "NotAllowedError"
        assert await attempt(sessions, other.claims("bob"), "remove", team, "vic") == "NotThereError"
        assert await attempt(sessions, team.claims("ann"), "remove", other, "bob") == "NotThereError"
        assert await attempt(sessions, team.claims("ann"), "remove", team, "vic") is None
        # It ends once.
        assert await attempt(sessions, team.claims("ann"), "remove", team, "vic") == "NotThereError"
        assert await attempt(sessions, team.claims("ann"), "ADMIN", team, "vic") == "NotThereError"


async def test_no_update_is_lost(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    named = (team.org, team.people["max"])
    async with shared.sessions() as sessions:
        async with sessions.open(team.claims("ann")) as session:
            await members.change_role(session, *named, frozenset({1}), "VIEWER")
        with pytest.raises(StaleError, match="the current version is 2"):
            async with sessions.open(team.claims("ann")) as session:
                await members.change_role(session, *named, frozenset({1}), "MEMBER")
        with pytest.raises(StaleError, match="the current version is 2"):
            async with sessions.open(team.claims("ann")) as session:
                await members.remove(session, *named, frozenset({1}))
    assert await team.roles() == {"ann": "ADMIN", "max": "VIEWER"}
