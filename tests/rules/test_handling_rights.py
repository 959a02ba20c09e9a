"""ADR 0025: who may handle a report, and what somebody gets who runs any SQL as the API's role."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from storage import findings
from storage.entities import handling
from tests.databases import Database
from tests.rules.desk import (
    ACK,
    REOPEN,
    RESOLVE,
    SNOOZE,
    UNACK,
    desk,
    outcome,
)
from tests.tenancy.asking import asking, changed, rows
from tests.world import World

EDITORS, COMMENTERS, LOOKERS = ("ann", "max", "eve"), ("cem", "zoe"), ("vic", "max2")
# Who may, of a report that cem has acknowledged and ann has closed, if it is to be reopened.
MAY: dict[str, set[str]] = {
    "acknowledge": {*EDITORS, *COMMENTERS},
    "comment": {*EDITORS, *COMMENTERS},
    "unacknowledge cem's": {*EDITORS, "cem"},
    "assign": {*EDITORS},
    "snooze": {*EDITORS},
    "resolve": {*EDITORS},
    "reopen": {*EDITORS},
    "both": {*EDITORS},
}


@pytest.mark.parametrize("action", MAY)
async def test_who_may_what(shared: Database, action: str):
    async with desk(shared) as here:
        if action == "unacknowledge cem's":
            await here.act("cem", ACK)
        if action == "reopen":
            await here.act("ann", RESOLVE)
        change = {
            "acknowledge": ACK,
            "unacknowledge cem's": UNACK,
            "assign": handling.assigned(here.team.people["cem"]),
            "snooze": SNOOZE,
            "resolve": RESOLVE,
            "reopen": REOPEN,
            "both": {**ACK, **RESOLVE},
        }.get(action)
        may = {}
        for who in (*EDITORS, *COMMENTERS, *LOOKERS):
            async with here.sessions.open(here.team.claims(who)) as session:
                tried = await session.begin_nested()
                org, place = here.team.org, here.place
                attempt: Any = (
                    handling.handle(session, org, place.report, None, change)
                    if change
                    else handling.comment(session, org, place.project, place.report, "we know")
                )
                may[who] = await outcome(attempt)
                await tried.rollback()
    assert {who for who, refused in may.items() if refused == ""} == MAY[action]
    assert set(may.values()) <= {"", "denied"}


COMMENT = """INSERT INTO report_event (org_id, project_id, report_id, body{more})
             VALUES (:org, :project, :report, '{body}'{values})"""
FORGED = {
    "as it should be": ({}, 1),
    "with an id": ({"more": ", id", "values": ", gen_random_uuid()"}, 1),
    "no text": ({"body": "{}"}, "23514"),
    "more than a text": ({"body": '{"text": "x", "by": "data"}'}, "23514"),
    "of another kind": ({"more": ", kind", "values": ", 'RESOLVED'"}, -1),
    "in another's name": ({"more": ", actor_id", "values": ", gen_random_uuid()"}, -1),
    "of the system": ({"more": ", actor_kind", "values": ", 'system'"}, -1),
    "at another time": ({"more": ", at", "values": ", '2020-01-01Z'"}, -1),
    "in another place": ({"more": ", sequence", "values": ", 1"}, -1),
}


@pytest.mark.parametrize("what", FORGED)
async def test_what_sql_as_the_apis_role_may_tell(world: World, what: str):
    place, (changes, expected) = world.places["a1"], FORGED[what]
    filled = {"more": "", "body": '{"text": "we know"}', "values": "", **changes}
    statement = COMMENT.format(**filled).replace('": "', '"\\: "')
    named = {"org": place.org, "project": place.project, "report": place.report}
    async with asking(world.database, world.claims("max")) as session:
        if isinstance(expected, str):
            assert await outcome(session.execute(text(statement), named)) == expected
        else:
            assert await changed(session, statement, **named) == expected


async def test_a_comment_is_of_a_report_of_its_project(world: World):
    here, there = world.places["a1"], world.places["a2"]
    named = {"org": here.org, "project": here.project, "report": there.report}
    statement = COMMENT.format(more="", values="", body='{"text"\\: "x"}')
    for who in ("max", "cem"):
        async with asking(world.database, world.claims(who)) as session:
            assert await outcome(session.execute(text(statement), named)) == "23503", who


WRITABLE = {"acknowledged_at", "assignee_id", "snoozed_until", "close_reason", "reopen_reason"}


async def test_the_apis_role_changes_nothing_else_of_a_report(world: World):
    query = "SELECT attname FROM pg_attribute WHERE attrelid = 'divergence_report'::regclass AND attnum > 0"
    async with world.database.superuser() as connection:
        columns = {row[0] for row in await connection.fetch(f"{query} AND NOT attisdropped")}
    may = set()
    async with asking(world.database, world.claims("ann")) as session:
        for column in sorted(columns - {"state"}):
            if await changed(session, f"UPDATE divergence_report SET {column} = {column}") > 0:
                may.add(column)
        for statement in ("UPDATE report_event SET body = body", "DELETE FROM report_event"):
            assert await changed(session, statement) == -1, statement
        assert await rows(session, "SELECT 1 FROM report_event LIMIT 1") == [(1,)]
    assert may == WRITABLE


async def test_the_worker_writes_what_a_report_is_and_no_more(world: World):
    query = """SELECT attname FROM pg_attribute WHERE attrelid = 'divergence_report'::regclass AND attnum > 0
               AND has_column_privilege('augentis_worker', attrelid, attnum, $1)"""
    async with world.database.superuser() as connection:
        inserts, updates = [
            {row[0] for row in await connection.fetch(query, command)} for command in ("INSERT", "UPDATE")
        ]
    assert inserts == set(findings.Report.__slots__)
    became = {"status", "resolution", "resolved_at", "incident_id", "updated_at"}
    assert updates == {*findings._NUMBERS, *became}


async def test_the_worker_writes_nothing_of_people(shared: Database):
    async with desk(shared) as here:
        await here.data(summary="new numbers")
        for column in sorted(WRITABLE | {"closed_at", "closed_by", "closed_as", "handling_version"}):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await here.data(**{column: None})
        for statement in ("INSERT INTO report_event DEFAULT VALUES", "SELECT * FROM report_event"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await here.worker.execute(statement)
