"""Two who handle a report at once, and the worker meanwhile: nothing is lost, and nobody waits for ever."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from detectors.course import Breach, Evidence
from storage import findings
from storage.detection import Watched
from storage.entities import handling
from tests.databases import Database
from tests.rules.desk import ACK, REOPEN, RESOLVE, Desk, desk, outcome
from tests.world import HOUR

BRIEFLY = 0.3


async def waits(task: "asyncio.Task[object]") -> bool:
    done, _ = await asyncio.wait({task}, timeout=BRIEFLY)
    return not done


async def test_who_acknowledges_what_is_being_resolved_waits_and_is_told(shared: Database):
    async with desk(shared) as here:
        async with here.sessions.open(here.team.claims("ann")) as session:
            await _handle(here, session, RESOLVE)
            late = asyncio.create_task(outcome(here.act("max", ACK)))
            assert await waits(late)
        assert await late == "AG030"
        assert await here.kinds() == ["DETECTED", "RESOLVED"]


async def test_one_of_two_resolves_and_the_other_is_told(shared: Database):
    async with desk(shared) as here:
        both = [
            here.act("ann", {"close_reason": "as planned"}),
            here.act("max", {"close_reason": "a holiday"}),
        ]
        assert sorted(await asyncio.gather(*map(outcome, both))) == ["", "AG030"]
        assert await here.kinds() == ["DETECTED", "RESOLVED"]


async def test_many_at_once_leave_a_timeline_without_gaps(shared: Database):
    async with desk(shared) as here:
        people = ("ann", "max", "eve", "cem", "zoe")
        comments = [here.comment(who, "we know") for who in people for _ in range(3)]
        data = [here.data(classification=word) for word in ("COSMETIC",)]
        acts = [outcome(here.act(who, change)) for who in people[:3] for change in (ACK, RESOLVE, REOPEN)]
        await asyncio.gather(*comments, *data, *acts)
        kinds = await here.kinds()
        assert kinds.count("COMMENTED") == 15
        assert kinds.count("RESOLVED") - kinds.count("REOPENED") in {0, 1}
        assert kinds.count("RECLASSIFIED") == 1


@pytest.mark.parametrize("first", ["worker", "person"])
async def test_the_data_resolve_what_a_person_resolves(shared: Database, first: str):
    """Through the statements that detection runs; the one that comes second waits for the other's end."""
    async with desk(shared) as here:
        if first == "person":
            async with here.sessions.open(here.team.claims("ann")) as session:
                await _handle(here, session, RESOLVE)
                late = asyncio.create_task(settle(here))
                assert await waits(late)
            await late
            expected = ["DETECTED", "RESOLVED", "RESOLVED"]
        else:
            async with here.worker.transaction():
                await settle(here)
                told = asyncio.create_task(outcome(here.act("ann", RESOLVE)))
                assert await waits(told)
            assert await told == "AG031"
            expected = ["DETECTED", "RESOLVED"]
        row = await here.row()
        assert (row["status"], row["state"], row["resolution"]) == ("RESOLVED", "RESOLVED", "data")
        assert (row["closed_by"] is not None) == (first == "person")
        assert await here.kinds() == expected


async def test_what_becomes_worse_while_it_is_closed_is_open(shared: Database):
    """It was closed as what it was: the worker finds it closed, and opens it."""
    async with desk(shared) as here:
        async with here.sessions.open(here.team.claims("ann")) as session:
            await _handle(here, session, RESOLVE)
            late = asyncio.create_task(here.data(classification="MAJOR"))
            assert await waits(late)
        await late
        assert (await here.row())["state"] == "OPEN"
        async with here.worker.transaction():
            await here.data(classification="COSMETIC")
            closing = asyncio.create_task(here.act("ann", RESOLVE))
            assert await waits(closing)
        await closing
        assert (await here.row())["closed_as"] == "COSMETIC", "closed as what it says by then"


async def test_workers_and_people_do_not_wait_in_a_circle(shared: Database):
    async with desk(shared) as here:
        others = [await asyncpg.connect(shared.worker_url) for _ in range(2)]
        try:

            async def detect(worker: asyncpg.Connection) -> None:
                for word in ("MAJOR", "MINOR", "COSMETIC", "MAJOR"):
                    async with worker.transaction():
                        statement = "UPDATE divergence_report SET classification = $2 WHERE id = $1"
                        await worker.execute(statement, here.place.report, word)

            acts = [
                here.act(who, {"acknowledged_at": HOUR}) for who in ("ann", "max", "cem") for _ in range(4)
            ]
            said = [here.comment("zoe", "we know") for _ in range(4)]
            refused = await asyncio.gather(*map(outcome, acts), *map(detect, others), *said)
        finally:
            for other in others:
                await other.close()
        assert {each for each in refused if each} <= {"AG030"}
        assert (await here.kinds()).count("COMMENTED") == 4


async def _handle(here: Desk, session: AsyncSession, change: dict[str, object]) -> None:
    await handling.handle(session, here.team.org, here.place.report, None, change)


async def settle(here: Desk) -> None:
    """Let the breach of the report have ended, by the statement of detection."""
    item = cast("Watched", SimpleNamespace(org_id=here.place.org, id=here.place.assumption))
    later = HOUR + timedelta(days=1)
    breach = Breach(HOUR.date(), HOUR, cast("Evidence", None), ended_at=later, resolution="data")
    await findings.settle(here.worker, item, breach)
