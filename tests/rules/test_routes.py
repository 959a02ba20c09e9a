"""Routes of alerts: what the database holds, whoever asks and with whatever SQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from routing.matchers import Matchers
from routing.routes import Route
from storage import routing
from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import DENIED, sqlstate

MADE = """INSERT INTO alert_route (org_id, id, name, matchers, created_by, position)
          VALUES (:org, :id, :name, CAST(:matchers AS jsonb), :author, :position)"""
TELLS = """INSERT INTO alert_route_channel (org_id, route_id, channel_id, role)
           VALUES (:org, :id, :channel, 'notify')"""
CHANNEL = """INSERT INTO alert_channel (org_id, id, name, kind, settings, created_by)
             VALUES ($1, $2, $3, 'kafka', '{}', $4)"""
DEFAULT = "SELECT id FROM alert_route WHERE org_id = $1 AND is_default"


class Desk:
    """An organisation of the test's own, and statements of the API's role in it."""

    def __init__(self, team: Team, sessions: TenantSessions) -> None:
        self.team, self.sessions = team, sessions

    async def run(self, who: str, statement: str, *, confined: bool = False, **values: Any) -> str:
        """Return the SQLSTATE of what refused it, 'nothing' where it touched no row, '' where it did."""
        try:
            async with self.sessions.open(self.team.claims(who, confined=confined)) as session:
                result: Any = await session.execute(text(statement), {"org": self.team.org, **values})
                return "" if result.rowcount else "nothing"
        except DBAPIError as error:
            return str(sqlstate(error))

    async def make(self, name: str, matchers: Any = None, who: str = "ann", **more: Any) -> str:
        values = {"id": uuid4(), "position": None, "author": self.team.people[who], **more}
        return await self.run(who, MADE, name=name, matchers=json.dumps(matchers or {}), **values)

    async def channel(self, name: str = "first") -> UUID:
        channel = uuid4()
        await self.team.fetch(CHANNEL, self.team.org, channel, name, self.team.people["ann"])
        return channel

    async def default(self) -> UUID:
        [(found,)] = await self.team.fetch(DEFAULT, self.team.org)
        assert isinstance(found, UUID)
        return found

    async def as_worker(self) -> list[Route]:
        worker = await asyncpg.connect(self.team.database.worker_url)
        try:
            return await routing.routes(worker, self.team.org)
        finally:
            await worker.close()


@pytest.fixture
async def desk(shared: Database) -> AsyncIterator[Desk]:
    team = await gathered(shared, ann="ADMIN", max="MEMBER", vic="VIEWER")
    async with shared.sessions() as sessions:
        yield Desk(team, sessions)


async def test_an_organisation_begins_with_a_route_that_tells_nobody(desk: Desk):
    [route] = await desk.as_worker()
    assert (route.name, route.is_default, route.notify, route.matchers) == ("Default", True, (), Matchers())
    told = "SELECT action, resource_id FROM audit_log WHERE org_id = $1 AND resource_type = 'AlertRoute'"
    assert await desk.team.fetch(told, desk.team.org) == [("CREATE", route.id)]


async def test_the_default_route_stays_as_what_it_is(desk: Desk):
    default = await desk.default()
    channel = await desk.channel()
    assert await desk.run("ann", TELLS, id=default, channel=channel) == ""
    assert (
        await desk.run("ann", "UPDATE alert_route SET cosmetic = 'at_once' WHERE id = :id", id=default) == ""
    )
    changes = {
        'matchers = \'{"tag": ["a"]}\'': "23514",
        "continues = true": "23514",
        "position = 1": "23514",
        "is_default = false": DENIED,
        "created_by = auth.uid()": DENIED,
    }
    for change, refused in changes.items():
        assert await desk.run("ann", f"UPDATE alert_route SET {change} WHERE id = :id", id=default) == refused
    assert await desk.run("ann", "DELETE FROM alert_route WHERE id = :id", id=default) == "nothing"
    assert (await desk.as_worker())[0].notify == (channel,)
    # Nobody makes a second one.
    columns = "org_id, id, name, position, is_default"
    second = f"INSERT INTO alert_route ({columns}) VALUES (:org, :id, 'Another', 1000000, true)"
    assert await desk.run("ann", second, id=uuid4()) == DENIED
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_alert_route_default"):
        await desk.team.fetch(second.replace(":org", "$1").replace(":id", "$2"), desk.team.org, uuid4())


async def test_admins_write_and_members_read(desk: Desk):
    route = uuid4()
    channel = await desk.channel()
    for who in ("max", "vic"):
        assert await desk.make("theirs", who=who) == DENIED
    assert await desk.make("ours", who="ann", confined=True) == DENIED
    assert await desk.make("ours", id=route) == ""
    assert await desk.run("ann", TELLS, id=route, channel=channel) == ""
    for who, confined in (("max", False), ("vic", False), ("ann", True)):
        for table, column in (("alert_route", "id"), ("alert_route_channel", "route_id")):
            refused = await desk.run(
                who, f"DELETE FROM {table} WHERE {column} = :id", id=route, confined=confined
            )
            assert refused == "nothing"
        named = "UPDATE alert_route SET name = 'x' WHERE id = :id"
        assert await desk.run(who, named, id=route, confined=confined) == "nothing"
        assert await desk.run(who, TELLS, id=route, channel=channel, confined=confined) == DENIED
        assert (
            await desk.run(who, "SELECT FROM alert_route WHERE id = :id", id=route, confined=confined) == ""
        )
    assert await desk.run("ann", "DELETE FROM alert_route WHERE id = :id", id=route) == ""
    assert (
        await desk.run("max", "SELECT FROM alert_route_channel WHERE route_id = :id", id=route) == "nothing"
    )


async def test_nobody_writes_in_somebody_elses_name(desk: Desk):
    assert await desk.make("ours", who="ann") == ""
    ours: dict[str, Any] = {"id": uuid4(), "name": "x", "matchers": "{}", "position": None}
    assert await desk.run("ann", MADE, **ours, author=desk.team.people["max"]) == DENIED
    assert await desk.run("ann", MADE.replace(":author", "NULL"), **ours) == DENIED


async def test_what_is_another_organisations_is_out_of_reach(desk: Desk, shared: Database):
    async with shared.sessions() as sessions:
        theirs = Desk(await gathered(shared, bob="ADMIN"), sessions)
        await theirs.team.fetch(CHANNEL, theirs.team.org, channel := uuid4(), "x", theirs.team.people["bob"])
        route = uuid4()
        matched = {"project_id": [str(desk.team.project)]}
        assert await desk.make("ours", matched, id=route) == ""
        assert await theirs.make("theirs", matched, who="bob") == "AG038"
        assert await theirs.make("theirs", who="bob", org=desk.team.org) == DENIED
        assert await theirs.run("bob", TELLS, org=desk.team.org, id=route, channel=channel) == DENIED
        # A channel of theirs on a route of ours, whoever tries.
        assert await desk.run("ann", TELLS, id=route, channel=channel) == "23503"
        assert await theirs.run("bob", TELLS, id=route, channel=channel) == DENIED
        seen = "SELECT FROM alert_route WHERE id = :id"
        assert await theirs.run("bob", seen, id=route) == "nothing"
        assert await desk.run("vic", seen, id=route) == ""


async def test_a_route_of_other_workspaces_projects_is_hidden_from_a_token_of_one(desk: Desk):
    elsewhere, other = uuid4(), uuid4()
    await desk.team.fetch(
        "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $2, 'Other', $3)",
        desk.team.org,
        elsewhere,
        desk.team.people["ann"],
    )
    await desk.team.fetch(
        """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
           VALUES ($1, $2, $3, 'Other', 'It takes too long to pay.', $4)""",
        *(desk.team.org, other, elsewhere, desk.team.people["ann"]),
    )
    here = str(desk.team.project)
    named = {"all": [], "here": [here], "both": [here, str(other)], "there": [str(other)]}
    channel = await desk.channel()
    for name, projects in named.items():
        route = uuid4()
        assert await desk.make(name, {"project_id": projects}, id=route) == ""
        assert await desk.run("ann", TELLS, id=route, channel=channel) == ""
        for table, column in (("alert_route", "id"), ("alert_route_channel", "route_id")):
            query = f"SELECT FROM {table} WHERE {column} = :id"
            assert await desk.run("max", query, id=route) == ""
            seen = await desk.run("max", query, id=route, confined=True)
            assert seen == ("nothing" if name == "there" else "")


async def test_projects_that_are_not_there_are_refused_at_every_change(desk: Desk):
    route = uuid4()
    assert await desk.make("ours", {"project_id": [str(uuid4())]}) == "AG038"
    assert await desk.make("ours", {"project_id": [str(desk.team.project)]}, id=route) == ""
    change = "UPDATE alert_route SET matchers = CAST(:matchers AS jsonb) WHERE id = :id"
    unknown = json.dumps({"project_id": [str(desk.team.project), str(uuid4())]})
    assert await desk.run("ann", change, id=route, matchers=unknown) == "AG038"
    assert await desk.run("ann", change, id=route, matchers="{}") == ""


async def test_routes_come_one_behind_the_other_and_no_two_of_one_name(desk: Desk):
    names = [f"route {number}" for number in range(6)]
    assert await asyncio.gather(*(desk.make(name) for name in names)) == [""] * 6
    assert sorted(route.position for route in await desk.as_worker()) == [10, 20, 30, 40, 50, 60, 1_000_000]
    assert sorted(await asyncio.gather(*(desk.make(name) for name in ("One", "ONE", "one")))) == [
        *("", "23505", "23505")
    ]
    assert await desk.make("first", position=5) == ""
    assert (await desk.as_worker())[0].name == "first"


async def test_an_organisation_has_at_most_200_routes_also_at_once(desk: Desk):
    await desk.team.fetch(
        """INSERT INTO alert_route (org_id, id, name, position, created_by)
           SELECT $1, gen_random_uuid(), 'r' || n, n, $2 FROM generate_series(1, 197) AS n""",
        desk.team.org,
        desk.team.people["ann"],
    )
    found = await asyncio.gather(*(desk.make(f"last {number}") for number in range(4)))
    assert sorted(found) == ["", "", "AG037", "AG037"]
    many = """INSERT INTO alert_route (org_id, id, name, created_by, position)
              SELECT :org, gen_random_uuid(), 'm' || n, auth.uid(), 5 FROM generate_series(1, 2) AS n"""
    assert await desk.run("ann", many) == "AG037"
    assert await desk.run("ann", "DELETE FROM alert_route WHERE name = 'r1'") == ""
    assert await desk.make("again") == ""


async def test_the_worker_is_told_of_channels_that_can_be_told(desk: Desk):
    names = ("used", "gone", "disabled")
    channels = {name: await desk.channel(name) for name in names}
    route = uuid4()
    assert await desk.make("ours", {"tag": ["a"], "cohort": [""]}, id=route) == ""
    await desk.team.fetch("UPDATE alert_channel SET removed_at = now() WHERE id = $1", channels["gone"])
    for name, channel in channels.items():
        refused = "AG036" if name == "gone" else ""
        assert await desk.run("ann", TELLS, id=route, channel=channel) == refused
    escalates = TELLS.replace("notify", "escalate")
    assert await desk.run("ann", escalates, id=route, channel=channels["used"]) == ""
    disabled = "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'gone' WHERE id = $1"
    await desk.team.fetch(disabled, channels["disabled"])
    ours, _ = await desk.as_worker()
    assert (ours.id, ours.notify, ours.escalate) == (route, (channels["used"],), (channels["used"],))
    assert ours.matchers == Matchers(tag=("a",), cohort=("",))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
WORDS = st.sampled_from(
    [
        "",
        "a",
        "a" * 100,
        "a" * 101,
        "MAJOR",
        "major",
        "retention",
        "LATENCY_MISS",
        "DEAD_LETTERS",
        str(UUID(int=7)),
        "ä",
    ]
)
LISTS = st.lists(WORDS | JSON, max_size=3) | st.just(["a"] * 50) | st.just(["a"] * 51) | JSON
NAMES = st.sampled_from([*Matchers.model_fields, "other"])


async def test_the_database_takes_what_the_code_reads_and_nothing_else(shared: Database):
    """A row that the notifier could not read would stop all that an organisation is told."""
    connection = await asyncpg.connect(shared.superuser_url)
    loop = asyncio.get_running_loop()

    @settings(max_examples=300, deadline=None)
    @given(st.dictionaries(NAMES, LISTS, max_size=2) | JSON)
    def agree(value: Any) -> None:
        try:
            Matchers.model_validate_json(json.dumps(value), strict=True)
            read = True
        except ValidationError:
            read = False
        asked = connection.fetchval("SELECT are_matchers($1)", json.dumps(value))
        assert asyncio.run_coroutine_threadsafe(asked, loop).result() is read, value

    try:
        await asyncio.to_thread(agree)
        assert await connection.fetchval("SELECT are_matchers(NULL)") is None
    finally:
        await connection.close()
