"""Silences and windows: what the database holds, whoever asks and with whatever SQL (ADR 0029)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import DENIED, sqlstate

SILENCE = """INSERT INTO alert_silence (org_id, id, matchers, starts_at, ends_at, reason, created_by)
             VALUES (:org, :id, CAST(:matchers AS jsonb), now() + CAST(:begins AS text)::interval,
                     now() + CAST(:ends AS text)::interval, 'as we like it', :author)"""
WINDOW = """INSERT INTO alert_window (org_id, id, name, kind, matchers, timezone, weekdays, from_time,
                                      to_time, created_by)
            VALUES (:org, :id, :name, 'MAINTENANCE', CAST(:matchers AS jsonb), 'UTC', '{1}', '01:00', '02:00',
                    :author)"""
END = "UPDATE alert_silence SET ended_at = :at WHERE id = :id"
SEEN = "SELECT FROM alert_silence WHERE id = :id"
FILLED = """INSERT INTO alert_silence (org_id, id, matchers, starts_at, ends_at, reason, created_by)
            SELECT $1, gen_random_uuid(), '{}', now(), now() + interval '1 day', 'as we like it', $2
            FROM generate_series(1, 499)"""


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

    async def silence(self, who: str, *projects: UUID, confined: bool = False, **more: Any) -> str:
        matched = json.dumps({"project_id": [str(each) for each in projects]})
        values = {"id": uuid4(), "begins": "0", "ends": "1 hour", "author": self.team.people[who], **more}
        return await self.run(who, SILENCE, confined=confined, matchers=matched, **values)

    async def window(self, who: str, name: str = "Nights", matchers: str = "{}", **more: Any) -> str:
        values = {"id": uuid4(), "author": self.team.people[who], **more}
        return await self.run(who, WINDOW, name=name, matchers=matchers, **values)


@pytest.fixture
async def desk(shared: Database) -> AsyncIterator[Desk]:
    team = await gathered(shared, ann="ADMIN", max="MEMBER", vic="VIEWER", eve="VIEWER")
    await team.fetch(
        "INSERT INTO project_access (org_id, project_id, user_id, role) VALUES ($1, $2, $3, 'EDITOR')",
        *(team.org, team.project, team.people["eve"]),
    )
    async with shared.sessions() as sessions:
        yield Desk(team, sessions)


async def other_project(desk: Desk) -> UUID:
    """Return a project in a workspace of its own."""
    elsewhere, other, ann = uuid4(), uuid4(), desk.team.people["ann"]
    await desk.team.fetch(
        "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $2, 'Other', $3)",
        *(desk.team.org, elsewhere, ann),
    )
    await desk.team.fetch(
        """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
           VALUES ($1, $2, $3, 'Other', 'It takes too long to pay.', $4)""",
        *(desk.team.org, other, elsewhere, ann),
    )
    return other


async def test_who_edits_each_project_silences_it_and_all_is_an_admins(desk: Desk):
    here, there = desk.team.project, await other_project(desk)
    may = {
        (): {"ann"},
        (here,): {"ann", "max", "eve"},
        (here, there): {"ann", "max"},
        (there,): {"ann", "max"},
    }
    for projects, allowed in may.items():
        for who in ("ann", "max", "vic", "eve"):
            assert (who, await desk.silence(who, *projects)) == (who, "" if who in allowed else DENIED)
    # A token of one workspace silences that one's projects alone, and sees what holds them.
    for who in ("ann", "max"):
        assert await desk.silence(who, here, confined=True) == ""
        for projects in ((), (here, there), (there,)):
            assert await desk.silence(who, *projects, confined=True) == DENIED
    assert await desk.silence("ann", author=desk.team.people["max"]) == DENIED


async def test_who_may_make_it_ends_it_once_and_everybody_reads_it(desk: Desk):
    here, there = desk.team.project, await other_project(desk)
    of_all, ours, elsewhere = uuid4(), uuid4(), uuid4()
    assert await desk.silence("ann", id=of_all) == ""
    assert await desk.silence("ann", here, id=ours) == ""
    assert await desk.silence("ann", there, id=elsewhere) == ""
    for silence in (of_all, ours, elsewhere):
        assert await desk.run("vic", SEEN, id=silence) == ""
        expected = "nothing" if silence == elsewhere else ""
        assert await desk.run("max", SEEN, id=silence, confined=True) == expected
    for who, silence in (("vic", ours), ("max", of_all), ("eve", elsewhere)):
        assert await desk.run(who, END, id=silence, at=None) == "nothing"
    assert await desk.run("eve", END, id=ours, at=None) == ""
    read = "SELECT ended_by, ended_at, ended_at <= clock_timestamp() FROM alert_silence WHERE id = $1"
    [(by, at, passed)] = await desk.team.fetch(read, ours)
    assert (by, passed) == (desk.team.people["eve"], True)
    # What has ended stays as it ended, and nothing else of it changes.
    assert await desk.run("ann", END, id=ours, at=None) == ""
    assert await desk.team.fetch(read, ours) == [(by, at, True)]
    for change in ("ends_at = now()", "reason = 'another'", "matchers = '{}'", "ended_by = auth.uid()"):
        assert await desk.run("ann", f"UPDATE alert_silence SET {change} WHERE id = :id", id=ours) == DENIED
    assert await desk.run("ann", "DELETE FROM alert_silence WHERE id = :id", id=ours) == DENIED


async def test_a_silence_has_not_ended_already_and_does_not_begin_in_years(desk: Desk):
    assert await desk.silence("ann", begins="-2 hours", ends="-1 hour") == "AG040"
    assert await desk.silence("ann", begins="367 days", ends="368 days") == "23514"
    assert await desk.silence("ann", begins="-1 hour", ends="367 days") == "23514"
    assert await desk.silence("ann", begins="-1 hour", ends="1 hour") == ""


async def test_windows_are_an_admins_of_all_and_do_not_come_again(desk: Desk):
    window = uuid4()
    assert await desk.window("ann", id=window) == ""
    changed = "UPDATE alert_window SET from_time = '03:00' WHERE id = :id"
    for who, confined in (("max", False), ("vic", False), ("ann", True)):
        assert await desk.window(who, "theirs", confined=confined) == DENIED
        assert await desk.run(who, changed, id=window, confined=confined) == "nothing"
        seen = "SELECT FROM alert_window WHERE id = :id"
        assert await desk.run(who, seen, id=window, confined=confined) == ""
    assert await desk.run("ann", changed, id=window) == ""
    assert await desk.window("ann", "NIGHTS") == "23505"
    removed = "UPDATE alert_window SET removed_at = {} WHERE id = :id"
    assert await desk.run("ann", removed.format("now()"), id=window) == ""
    assert await desk.run("ann", removed.format("NULL"), id=window) == "nothing"
    assert await desk.window("ann", "NIGHTS") == ""


async def test_what_is_another_organisations_is_out_of_reach(desk: Desk, shared: Database):
    async with shared.sessions() as sessions:
        theirs = Desk(await gathered(shared, bob="ADMIN"), sessions)
        silence, window = uuid4(), uuid4()
        assert await desk.silence("ann", id=silence) == ""
        assert await theirs.run("bob", SEEN, id=silence) == "nothing"
        assert await theirs.run("bob", END, id=silence, at=None) == "nothing"
        assert await theirs.silence("bob", org=desk.team.org) == DENIED
        assert await theirs.window("bob", org=desk.team.org) == DENIED
        # Nor does anybody learn which projects there are.
        unknown = json.dumps({"project_id": [str(desk.team.project)]})
        for project in (desk.team.project, uuid4()):
            assert await theirs.silence("bob", project) == "AG038"
        assert await theirs.window("bob", matchers=unknown) == "AG038"
        assert await theirs.window("bob", id=window) == ""
        change = "UPDATE alert_window SET matchers = CAST(:matchers AS jsonb) WHERE id = :id"
        assert await theirs.run("bob", change, id=window, matchers=unknown) == "AG038"


async def test_of_two_at_once_one_is_too_many(desk: Desk):
    await desk.team.fetch(FILLED, desk.team.org, desk.team.people["ann"])
    here = desk.team.project
    found = await asyncio.gather(*(desk.silence(who, here) for who in ("ann", "max", "eve")))
    assert sorted(found) == ["", "AG039", "AG039"]
    # What has ended makes room.
    any_one = (
        "UPDATE alert_silence SET ended_at = now() WHERE id = (SELECT min(id::text)::uuid FROM alert_silence)"
    )
    assert await desk.run("ann", any_one) == ""
    assert await desk.silence("ann", here) == ""
    windows = await asyncio.gather(*(desk.window("ann", str(number)) for number in range(101)))
    assert sorted(windows)[-2:] == ["", "AG039"]
