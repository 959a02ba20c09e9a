"""ADR 0025: what data say of a report and what people do with it stand beside each other."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import handling
from storage.errors import StaleError
from tests.databases import Database
from tests.rules.desk import (
    ACK,
    REOPEN,
    RESOLVE,
    SNOOZE,
    SOON,
    UNACK,
    WAKE,
    Change,
    Desk,
    Event,
    desk,
    outcome,
)
from tests.tenancy.asking import asking, rows, sqlstate
from tests.world import HOUR, World

ENDED = HOUR + timedelta(days=2)


def ended(status: str, resolution: str) -> Change:
    return {"status": status, "resolution": resolution, "resolved_at": ENDED}


AGAIN: Change = {"status": "OPEN", "resolution": None, "resolved_at": None}
BY_DATA, SUPERSEDED = ended("RESOLVED", "data"), ended("SUPERSEDED", "corrected")
# How a report comes to stand as it does, and what is shown of it then.
STANDS: dict[str, tuple[list[Change], str]] = {
    "open": ([], "OPEN"),
    "acknowledged": ([ACK], "ACKNOWLEDGED"),
    "snoozed": ([SNOOZE], "OPEN"),
    "closed": ([ACK, RESOLVE], "RESOLVED"),
    "reopened": ([ACK, RESOLVE, REOPEN], "OPEN"),
    "resolved": ([BY_DATA], "RESOLVED"),
    "replaced": ([ACK, ended("RESOLVED", "superseded")], "RESOLVED"),
    "superseded": ([SUPERSEDED], "SUPERSEDED"),
    "closed, then resolved": ([RESOLVE, BY_DATA], "RESOLVED"),
    "closed, then superseded": ([RESOLVE, SUPERSEDED], "SUPERSEDED"),
}
ACTIONS = "acknowledge unacknowledge assign snooze wake resolve reopen"
TELLS = "ACKNOWLEDGED UNACKNOWLEDGED ASSIGNED SNOOZED WOKEN RESOLVED REOPENED"
# What follows, action by action: the state that is shown then, a refusal, or `=`: it is so, nothing is told.
FOLLOWS = {
    "open": "ACKNOWLEDGED = OPEN OPEN = RESOLVED AG030",
    "acknowledged": "= OPEN ACKNOWLEDGED ACKNOWLEDGED = RESOLVED AG030",
    "snoozed": "ACKNOWLEDGED = OPEN = OPEN RESOLVED AG030",
    "closed": "AG030 AG030 AG030 AG030 = = OPEN",
    "reopened": "ACKNOWLEDGED = OPEN OPEN = RESOLVED =",
    "resolved": "AG031 = AG031 AG031 = AG031 AG031",
    "replaced": "AG031 AG031 AG031 AG031 = AG031 AG031",
    "superseded": "AG030 = AG030 AG030 = AG030 AG030",
    "closed, then resolved": "AG031 = AG031 AG031 = = AG031",
    "closed, then superseded": "AG030 = AG030 AG030 = = AG030",
}


async def stand(here: Desk, stands: str) -> None:
    for step in STANDS[stands][0]:
        await (here.data(**step) if "status" in step else here.act("ann", step))


async def follows(session: AsyncSession, here: Desk, change: Change) -> tuple[str, list[str]]:
    """Return what is shown after a change, or its refusal, and what is told; it is undone."""
    named = {"id": here.place.report}
    timeline = "SELECT kind FROM report_event WHERE report_id = :id ORDER BY sequence"
    before = len(await rows(session, timeline, **named))
    tried = await session.begin_nested()
    try:
        await handling.handle(session, here.team.org, here.place.report, None, change)
        [(state,)] = await rows(session, "SELECT state FROM divergence_report WHERE id = :id", **named)
        told = [row[0] for row in await rows(session, timeline, **named)][before:]
    except DBAPIError as error:
        state, told = sqlstate(error), []
    await tried.rollback()
    return (state if told or str(state).startswith("AG") else "="), told


@pytest.mark.parametrize("stands", STANDS)
async def test_what_follows_from_what(shared: Database, stands: str):
    async with desk(shared) as here:
        await stand(here, stands)
        assert (await here.row())["state"] == STANDS[stands][1]
        assign = handling.assigned(here.team.people["vic"])
        changes = (ACK, UNACK, assign, SNOOZE, WAKE, RESOLVE, REOPEN)
        async with here.sessions.open(here.team.claims("max")) as session:
            found = [await follows(session, here, change) for change in changes]
    expected = FOLLOWS[stands].split()
    assert dict(zip(ACTIONS.split(), (state for state, _ in found), strict=True)) == dict(
        zip(ACTIONS.split(), expected, strict=True)
    )
    done = [[tells] if state.isalpha() else [] for state, tells in zip(expected, TELLS.split(), strict=True)]
    assert [told for _, told in found] == done


async def test_the_database_says_who_and_when(shared: Database):
    async with desk(shared) as here:
        people = here.team.people
        await here.act("cem", {"acknowledged_at": HOUR - timedelta(days=900)})
        await here.act("ann", ACK)
        row = await here.row()
        assert (row["acknowledged_by"], row["handling_version"]) == (people["cem"], 2), "the first stands"
        assert row["acknowledged_at"] > SOON - timedelta(days=2)
        await here.act("max", SNOOZE)
        await here.act("max", RESOLVE)
        row = await here.row()
        assert (row["closed_by"], row["closed_as"], row["snoozed_until"]) == (people["max"], "MINOR", None)
        assert row["closed_at"] > row["acknowledged_at"]
        await here.act("ann", {**REOPEN, **ACK})
        row = await here.row()
        gone = ("acknowledged_at", "acknowledged_by", "closed_at", "closed_by", "close_reason", "closed_as")
        assert [row[name] for name in gone] == [None] * 6, "as on its first day"
        assert (row["state"], row["reopen_reason"]) == ("OPEN", "not as planned")


@pytest.mark.parametrize(
    ("until", "refused"),
    [
        ("clock_timestamp() + interval '1 second'", ""),
        ("clock_timestamp() + interval '89 days 23:59'", ""),
        ("clock_timestamp() + interval '90 days 1 minute'", "AG033"),
        ("clock_timestamp()", "AG033"),
        ("'infinity'", "AG033"),
        ("'-infinity'", "AG033"),
    ],
)
async def test_a_snooze_ends_within_90_days(world: World, until: str, refused: str):
    async with asking(world.database, world.claims("ann")) as session:
        attempt = session.execute(text(f"UPDATE divergence_report SET snoozed_until = {until}"))
        assert await outcome(attempt) == refused


async def test_only_who_is_a_member_now_is_assigned(world: World):
    nobody = uuid4()
    people = {"vic": world.vic, "fay, who has left": world.fay, "bob, of B": world.bob, "nobody": nobody}
    found = {}
    async with asking(world.database, world.claims("ann")) as session:
        for who, user in people.items():
            tried = await session.begin_nested()
            found[who] = await outcome(
                handling.handle(session, world.a, world.places["a1"].report, None, handling.assigned(user))
            )
            await tried.rollback()
    assert found == {"vic": "", **dict.fromkeys(list(people)[1:], "AG032")}


async def test_a_reason_is_asked_for(shared: Database):
    async with desk(shared) as here:
        for short in ("", "no"):
            assert await outcome(here.act("ann", handling.resolved(short))) == "23514"
        await here.act("ann", RESOLVE)
        assert await outcome(here.act("ann", {"close_reason": None})) == "AG034"
        assert await outcome(here.act("ann", handling.reopened("no"))) == "23514"
        assert await outcome(here.act("ann", handling.resolved("another reason"))) == "AG030"
        await here.act("ann", REOPEN)
        assert await outcome(here.act("ann", handling.reopened("once more"))) == "AG030"


async def test_what_became_worse_than_it_was_when_closed_is_open_again(shared: Database):
    """Detection's own column stays its own: `OPEN` all the while."""
    async with desk(shared) as here:
        await here.act("max", ACK)
        await here.act("ann", RESOLVE)
        for classification in ("COSMETIC", "MINOR"):
            await here.data(classification=classification)
            assert (await here.row())["state"] == "RESOLVED", "no worse than it was"
        await here.data(classification="MAJOR", summary="much worse")
        row = await here.row()
        assert (row["state"], row["status"], row["acknowledged_at"]) == ("OPEN", "OPEN", None)
        assert row["reopen_reason"] == "closed as MINOR, it is MAJOR now"
        *_, told, reopened = await here.timeline()
        assert told == Event("RECLASSIFIED", None, {"from": "MINOR", "to": "MAJOR"})
        assert reopened == Event(
            "REOPENED",
            None,
            {"by": "reclassification", "reason": row["reopen_reason"], "status": "OPEN"},
        )
        await here.act("ann", RESOLVE)
        await here.data(classification="MINOR")
        await here.data(classification="MAJOR")
        assert (await here.row())["state"] == "RESOLVED", "closed as MAJOR"


async def test_what_became_worse_is_awake(shared: Database):
    async with desk(shared) as here:
        await here.act("ann", SNOOZE)
        await here.data(classification="COSMETIC")
        assert (await here.row())["snoozed_until"] is not None
        await here.data(classification="MAJOR")
        assert (await here.row())["snoozed_until"] is None
        assert (await here.timeline())[-1] == Event("WOKEN", None, {"by": "reclassification"})


async def test_data_end_and_open_what_nobody_closed(shared: Database):
    async with desk(shared) as here:
        await here.act("max", ACK)
        for said, state in ((BY_DATA, "RESOLVED"), (AGAIN, "ACKNOWLEDGED"), (SUPERSEDED, "SUPERSEDED")):
            await here.data(**said)
            assert (await here.row())["state"] == state
        await here.data(**AGAIN)
        await here.act("max", RESOLVE)
        for said in (BY_DATA, AGAIN):
            await here.data(**said)
            assert (await here.row())["state"] == "RESOLVED", "what a person closed stays so"
        assert await here.kinds() == [
            *("DETECTED", "ACKNOWLEDGED", "RESOLVED", "REOPENED", "SUPERSEDED", "REOPENED"),
            *("RESOLVED", "RESOLVED", "REOPENED"),
        ]
        last = (await here.timeline())[-1]
        assert last == Event("REOPENED", None, {"by": "data", "status": "RESOLVED"})


async def test_an_edit_of_what_was_not_read_is_refused(shared: Database):
    async with desk(shared) as here:
        await here.act("max", ACK, frozenset({1}))
        with pytest.raises(StaleError):
            await here.act("ann", RESOLVE, frozenset({1}))
        await here.data(summary="new numbers")
        await here.act("ann", RESOLVE, frozenset({2}))
