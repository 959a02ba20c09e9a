"""Rows of lanes and deliveries as relays and the notifier write them; nothing is sent."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from storage import delivering
from storage.delivering import Fate, Standing
from streams.forgetting import forget_deliveries
from tests.databases import Database
from tests.lanes import Team, team_of

SECOND, ZERO = timedelta(seconds=1), timedelta(0)


@pytest.fixture
async def team(database: Database) -> AsyncIterator[Team]:
    async with team_of(database) as team:
        yield team


async def ends(team: Team) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in await team.rows("status, last_error")]


async def test_the_lease_that_was_lost_notes_nothing(team):
    channel, thread = await team.channel("http://nowhere.example/"), uuid4()
    await team.put(team.new(channel, thread, "first"))
    async with team.pool.acquire() as connection:
        [lost] = await delivering.take(connection, 9, timedelta(milliseconds=50))
        [[head]] = await delivering.heads(connection, [lost], [9])
        assert await delivering.take(connection, 9, SECOND) == [], "while it holds"
        await asyncio.sleep(0.1)
        [held] = await delivering.take(connection, 9, timedelta(minutes=1))
        sent, stands = [Fate(head.id, "SENT")], Standing(0, None, 1.0, held.at, ZERO)
        assert await delivering.settle(connection, lost, sent, stands) is None
        assert await ends(team) == [("PENDING", None)]
        assert (await team.lane(channel))["lease"] == held.lease
        gone = Standing(0, None, 1.0, held.at, ZERO, gone="status 410")
        assert await delivering.settle(connection, lost, [], gone) is None
        assert not await team.pool.fetchval(
            "SELECT count(*) FROM alert_channel WHERE disabled_at IS NOT NULL"
        )
        assert await delivering.settle(connection, held, sent, stands) == 0
    assert await ends(team) == [("SENT", None)]


async def test_what_a_receiver_says_is_noted_whatever_it_is(team):
    channel = await team.channel("http://nowhere.example/")
    said_ = ["\0", "", "\ud800" + "x" * 9000]
    await team.put(*(team.new(channel, uuid4(), "") for _ in said_))
    async with team.pool.acquire() as connection:
        [lane] = await delivering.take(connection, 9, SECOND)
        [heads] = await delivering.heads(connection, [lane], [9])
        fates = [Fate(head.id, "DEAD", text) for head, text in zip(heads, said_, strict=True)]
        await delivering.settle(connection, lane, fates, Standing(0, None, 1.0, lane.at, ZERO))
    assert {error and len(error) for _, error in await ends(team)} == {len("it did not say why"), 500}


async def test_one_that_waits_is_replaced_where_the_newest_says_all(team):
    channel, thread = await team.channel("http://nowhere.example/"), uuid4()
    for kind in ("refresh", "refresh", "heartbeat", "detected", "refresh", "detected"):
        await team.put(team.new(channel, thread, kind, kind))
    await team.put(*(team.new(channel, thread, "refresh", "refresh") for _ in range(2)))
    rows = await team.rows("kind, next_attempt_at IS NOT NULL AS head, id")
    assert [(row["kind"], row["head"]) for row in rows] == [
        ("heartbeat", True),
        ("detected", False),
        ("detected", False),
        ("refresh", False),
    ]


async def test_two_who_put_at_once_get_different_places(team):
    channel, thread = await team.channel("http://nowhere.example/"), uuid4()
    await asyncio.gather(*(team.put(team.new(channel, thread, str(place))) for place in range(10)))
    rows = await team.rows("sequence, next_attempt_at IS NOT NULL AS head")
    assert [row["sequence"] for row in rows] == list(range(1, 11))
    assert [row["head"] for row in rows] == [True, *[False] * 9]


async def test_what_ended_is_forgotten_and_what_waits_is_not(team, database, home):
    channel, thread = await team.channel("http://nowhere.example/"), uuid4()
    await team.put(*(team.new(channel, thread, str(place)) for place in range(3)))
    await team.pool.execute(
        "UPDATE alert_delivery SET status = 'DEAD', last_error = 'why', next_attempt_at = NULL"
        " WHERE sequence < 3"
    )
    now, kept = datetime.now(UTC), database.settings(home)
    await forget_deliveries(team.pool, kept, now + timedelta(days=89))
    assert len(await team.rows()) == 3
    await forget_deliveries(team.pool, kept, now + timedelta(days=91))
    assert [row["sequence"] for row in await team.rows()] == [3]
    await team.put(team.new(channel, thread, "later"))
    assert [row["sequence"] for row in await team.rows()] == [3, 4], "no id is given twice"
