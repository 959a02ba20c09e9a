"""Deliveries from lanes to a receiver, by relays that share the work."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from settings import Settings
from storage import deliveries, delivering
from storage.delivering import Standing
from streams import deliveries as relays
from streams.backoff import TRIES
from tests.databases import Database
from tests.lanes import SIGNING, Team, relaying, team_of
from tests.receivers import Receiver
from tests.streaming import eventually

SECOND, ZERO = timedelta(seconds=1), timedelta(0)


@pytest.fixture
async def team(database: Database) -> AsyncIterator[Team]:
    async with team_of(database) as team:
        yield team


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as receiver:
        yield receiver


@pytest.fixture
def settings(database: Database, home: Path) -> Settings:
    return database.settings(home, AUGENTIS_WEBHOOK_ALLOW="127.0.0.0/8", AUGENTIS_DELIVERY_TIMEOUT="5s")


def said(receiver: Receiver, path: str | None = None) -> list[str]:
    return [each.json["say"] for each in receiver.accepted(path)]


async def ends(team: Team) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in await team.rows("status, last_error")]


async def test_two_relays_send_each_once_and_each_thread_in_its_order(team, receiver, settings):
    receiver.trust("/team", SIGNING)
    receiver.always("/team", "slow:0.02")
    channels = [await team.channel(receiver.url("/team")) for _ in range(3)]
    threads = [uuid4() for _ in range(10)]
    async with relaying(team.pool, settings, count=2):
        for place in range(6):
            await team.put(
                *(
                    team.new(channel, thread, f"{channel}/{thread}/{place}")
                    for channel in channels
                    for thread in threads
                )
            )
        await team.none_waits()
    came = [each.json["say"] for each in receiver.received()]
    assert len(came) == len(set(came)) == 180
    for channel in channels:
        for thread in threads:
            own = [say for say in came if say.startswith(f"{channel}/{thread}")]
            assert own == [f"{channel}/{thread}/{place}" for place in range(6)]
    rows = await team.rows("id, status, attempts, body, sent_at")
    assert {(row["status"], row["attempts"], row["body"]) for row in rows} == {("SENT", 1, None)}
    assert {str(row["id"]) for row in rows} == {each.id for each in receiver.received()}


async def test_what_fails_holds_its_thread_back_and_no_other(team, receiver, settings):
    channel, failing = await team.channel(receiver.url("/team")), uuid4()
    receiver.script("/team", "503", "500", "reset")
    await team.put(team.new(channel, failing, "first"))
    async with relaying(team.pool, settings):
        await eventually(lambda: bool(receiver.received()))
        await team.put(team.new(channel, failing, "second"))
        await team.none_waits()
    assert said(receiver) == ["first", "second"]
    first = [each for each in receiver.received() if each.json["say"] == "first"]
    assert len(first) == 4
    assert len({each.id for each in first}) == 1, "a receiver knows it again"
    assert [row["attempts"] for row in await team.rows()] == [4, 1]


async def test_a_dead_head_lets_the_next_go_on_and_is_sent_again_before_it(team, receiver, settings):
    channel, thread = await team.channel(receiver.url("/team")), uuid4()
    receiver.always("/team", "400")
    await team.put(*(team.new(channel, thread, text) for text in ("first", "second")))
    hasty = settings.model_copy(update={"delivery_give_up": ZERO})
    async with relaying(team.pool, hasty):
        await team.none_waits()
    assert await ends(team) == [("DEAD", "given up after 1 attempts: status 400")] * 2
    ids = [row["id"] for row in await team.rows()]
    async with team.pool.acquire() as connection:
        assert await deliveries.revive(connection, team.org, [ids[1]]) == 1
        assert await deliveries.revive(connection, team.org, ids) == 1
        assert await deliveries.revive(connection, team.org, ids) == 0
    assert [bool(row["next_attempt_at"]) for row in await team.rows()] == [True, False]
    receiver.always("/team", None)
    async with relaying(team.pool, settings):
        await team.none_waits()
    assert said(receiver) == ["first", "second"]


async def test_a_receiver_that_is_gone_disables_its_channel_and_ends_what_waits(team, receiver, settings):
    channel, other = await team.channel(receiver.url("/gone")), await team.channel(receiver.url("/team"))
    receiver.script("/gone", "410")
    one = uuid4()
    await team.put(*(team.new(channel, one, str(place)) for place in range(3)), team.new(other, one, "here"))
    async with relaying(team.pool, settings):
        await team.none_waits()
        gone = ("DEAD", "the channel is disabled: status 410")
        assert sorted(map(str, await ends(team))) == sorted(map(str, [gone, gone, gone, ("SENT", None)]))
        reason = "SELECT disabled_reason FROM alert_channel WHERE id = $1"
        assert await team.pool.fetchval(reason, channel) == "status 410"
        await team.put(team.new(channel, uuid4(), "to a channel that is disabled"))
        await team.none_waits()
        assert len(receiver.received("/gone")) == 1
        # Enabled again it gets what is new; what was given up waits for somebody to ask for it.
        async with team.database.superuser() as connection:
            await connection.execute("UPDATE alert_channel SET disabled_at = NULL, disabled_reason = NULL")
        await team.put(team.new(channel, one, "new"))
        await team.none_waits()
        assert said(receiver, "/gone") == ["new"]


async def test_what_waits_for_a_channel_that_is_removed_ends(team, receiver, settings):
    channel = await team.channel(receiver.url("/team"))
    receiver.always("/team", "503")
    await team.put(*(team.new(channel, uuid4(), str(place)) for place in range(9)))
    async with relaying(team.pool, settings):
        await eventually(lambda: len(receiver.received()) == 9)
        async with team.database.superuser() as connection:
            await connection.execute("UPDATE alert_channel SET removed_at = now()")
        await team.none_waits()
    assert set(await ends(team)) == {("DEAD", "the channel was deleted")}
    assert (await team.lane(channel))["due_at"] is None


async def test_an_open_circuit_lets_nothing_through_and_a_change_of_the_channel_closes_it(
    team, receiver, settings
):
    channel = await team.channel(receiver.url("/team"))
    receiver.always("/team", "503")
    await team.put(*(team.new(channel, uuid4(), str(place)) for place in range(TRIES)))
    async with relaying(team.pool, settings) as running:
        await eventually(lambda: len(receiver.received()) == TRIES)

        async def is_open() -> bool:
            lane = await team.lane(channel)
            return lane["lease"] is None and lane["open_until"] is not None

        await eventually(is_open)
        await team.put(team.new(channel, uuid4(), "new"))
        await asyncio.sleep(1)
        assert len(receiver.received()) == TRIES, "nothing was tried, old or new"
        circuits, oldest = await running[0]._waiting()
        assert (circuits, oldest > SECOND) == (1, True)
        async with team.database.superuser() as connection:
            await connection.execute(
                "UPDATE alert_channel SET settings = jsonb_build_object('url', $1::text)",
                receiver.url("/elsewhere"),
            )
            await connection.execute(
                "UPDATE alert_delivery SET next_attempt_at = now() WHERE status = 'PENDING'"
            )
        await team.none_waits()
    assert sorted(said(receiver, "/elsewhere")) == sorted(["new", *map(str, range(TRIES))])
    assert (await team.lane(channel))["failures"] == 0


async def test_after_a_while_one_is_tried_and_where_it_is_taken_all_follow(team, receiver, settings):
    channel = await team.channel(receiver.url("/team"))
    await team.put(*(team.new(channel, uuid4(), str(place)) for place in range(4)))
    async with team.pool.acquire() as connection:
        [lane] = await delivering.take(connection, 9, SECOND)
        tired = Standing(TRIES, ZERO, 9.0, lane.at, ZERO)
        assert await delivering.settle(connection, lane, [], tired) == 0
    receiver.script("/team", "503")
    async with relaying(team.pool, settings):
        await eventually(lambda: len(receiver.received()) == 1)
        await asyncio.sleep(0.3)
        assert len(receiver.received()) == 1, "one alone, to see"
        await team.pool.execute("UPDATE alert_lane SET open_until = now(), due_at = now()")
        await team.none_waits()
    assert len(said(receiver)) == 4


async def test_what_a_receiver_asks_for_is_kept_to(team, receiver, settings):
    channel = await team.channel(receiver.url("/team"))
    receiver.script("/team", "429:2")
    await team.put(team.new(channel, uuid4(), "slowly"))
    async with relaying(team.pool, settings):
        await team.none_waits()
    first, second = receiver.received()
    assert second.at - first.at >= 2


async def test_what_is_put_meanwhile_waits_as_long_as_the_receiver_asked_for(team, receiver, settings):
    channel = await team.channel(receiver.url("/team"))
    receiver.script("/team", "429:2")
    await team.put(team.new(channel, uuid4(), "slowly"))
    async with relaying(team.pool, settings):

        async def noted() -> bool:
            [head] = await team.rows("attempts")
            return bool(head["attempts"])

        await eventually(noted)
        await team.put(team.new(channel, uuid4(), "another thread"))
        await team.none_waits()
    first, *others = receiver.received()
    assert len(others) == 2
    assert min(each.at for each in others) - first.at >= 2


async def test_an_organisation_whose_receivers_hang_holds_up_nobody_elses(database, receiver, settings):
    async with team_of(database) as slow, team_of(database) as other:
        for place in range(relays.LANES + 4):
            receiver.always(f"/{place}", "slow:9")
            await slow.put(slow.new(await slow.channel(receiver.url(f"/{place}")), uuid4(), "hangs"))
        async with relaying(slow.pool, settings):
            await eventually(lambda: len(receiver.received()) >= delivering.OF_ONE)
            await asyncio.sleep(0.5)
            assert len(receiver.received()) == delivering.OF_ONE
            began = time.monotonic()
            await other.put(other.new(await other.channel(receiver.url("/other")), uuid4(), "quick"))
            await eventually(lambda: said(receiver, "/other") == ["quick"])
            assert time.monotonic() - began < 2


async def test_a_rate_is_kept(team, receiver, settings):
    channel = await team.channel(receiver.url("/team"), rate=120)
    await team.put(*(team.new(channel, uuid4(), str(place)) for place in range(23)))
    async with relaying(team.pool, settings):
        await team.none_waits()
    times = [each.at for each in receiver.received()]
    assert times[19] - times[0] < 1 < times[22] - times[0] < 5, "a burst of twenty, then two a second"


async def test_what_is_on_its_way_as_a_relay_ends_is_finished_or_left_to_its_lease(
    team, receiver, settings, monkeypatch
):
    monkeypatch.setattr(relays, "FINISH_SECONDS", 1.0)
    channel = await team.channel(receiver.url("/team"))
    receiver.script("/team", "slow:0.5", "slow:4")
    await team.put(team.new(channel, uuid4(), "soon"))
    async with relaying(team.pool, settings):
        await eventually(lambda: len(receiver.received()) == 1)
    assert await ends(team) == [("SENT", None)]
    assert (await team.lane(channel))["lease"] is None
    await team.put(team.new(channel, uuid4(), "late"), team.new(channel, uuid4(), "at once"))
    begun = time.monotonic()
    async with relaying(team.pool, settings):
        await eventually(lambda: len(receiver.received()) == 3)
    assert time.monotonic() - begun < 5
    assert {row["status"] for row in await team.rows("status", "kind = 'detected'")} == {"SENT", "PENDING"}
    assert [row["attempts"] for row in await team.rows("attempts", "status = 'PENDING'")] == [0]
    lane = await team.lane(channel)
    assert lane["lease"] is not None
    assert lane["due_at"] == lane["leased_until"]


async def test_a_test_goes_before_all_that_waits_and_is_tried_once(team, receiver, settings):
    channel = await team.channel(receiver.url("/team"))
    await team.put(*(team.new(channel, uuid4(), str(place)) for place in range(3)))
    async with team.pool.acquire() as connection:
        [lane] = await delivering.take(connection, 9, SECOND)
        left_alone = Standing(TRIES, timedelta(hours=1), 9.0, lane.at, ZERO)
        await delivering.settle(connection, lane, [], left_alone)
    receiver.script("/team", "503")
    async with team.database.superuser() as connection:
        # As `test_channel` leaves it, which asks for claims (tests/rules/test_delivery_rights.py).
        await connection.execute(
            """INSERT INTO alert_delivery (org_id, id, channel_id, thread_id, sequence, kind, next_attempt_at)
               VALUES ($1, $2, $3, $2, 99, 'test', to_timestamp(0))""",
            team.org,
            uuid4(),
            channel,
        )
        await connection.execute("UPDATE alert_lane SET open_until = NULL, due_at = now()")
    async with relaying(team.pool, settings):
        await eventually(lambda: len(receiver.received()) == 1)
        await asyncio.sleep(0.3)
    assert [each.json["type"] for each in receiver.received()] == ["channel.test"]
    told = await team.rows("status, last_error, attempts", "kind = 'test'")
    assert [tuple(row) for row in told] == [("DEAD", "status 503", 1)]
    assert (await team.lane(channel))["open_until"] is not None


async def _fill(team: Team, channel: UUID, count: int) -> None:
    async with team.database.superuser() as connection:
        await connection.execute(
            """INSERT INTO alert_delivery
                   (org_id, id, channel_id, thread_id, sequence, kind, body, next_attempt_at)
               SELECT $1, gen_random_uuid(), $2, md5((n % ($3 / 2))::text)::uuid, n, 'detected', '{}',
                      CASE WHEN n < $3 / 2 THEN now() END
               FROM generate_series(1, $3) AS n WHERE n <> $3 / 2""",
            team.org,
            channel,
            count,
        )
        await connection.execute(
            "INSERT INTO alert_lane (org_id, channel_id, sequences, due_at) VALUES ($1, $2, $3, now())",
            team.org,
            channel,
            count,
        )
        await connection.execute("ANALYZE alert_delivery, alert_lane")


async def test_a_hundred_thousand_that_wait_for_a_dead_channel_cost_others_nothing(team, receiver, settings):
    dead, well = await team.channel(receiver.url("/dead")), await team.channel(receiver.url("/team"))
    receiver.always("/dead", "500")
    await _fill(team, dead, 100_000)
    async with relaying(team.pool, settings):

        async def is_open() -> bool:
            return (await team.lane(dead))["open_until"] is not None

        await eventually(is_open)
        for place in range(20):
            await team.put(team.new(well, uuid4(), str(place)))
        await eventually(lambda: len(said(receiver, "/team")) == 20)
    assert len(receiver.received("/dead")) <= 50
    read = """SELECT sum(pg_stat_get_xact_tuples_returned(c) + pg_stat_get_xact_tuples_fetched(c))
              FROM unnest(ARRAY['alert_delivery', 'alert_lane']::regclass[]) AS c"""
    async with team.pool.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE alert_lane SET due_at = now(), leased_until = NULL, lease = NULL")
        before = await connection.fetchval(read)
        lanes = await delivering.take(connection, 9, SECOND)
        found = await delivering.heads(connection, lanes, [50 for _ in lanes])
        assert sorted(map(len, found)) == [0, 50]
        for lane in lanes:
            stands = Standing(
                9, SECOND, 1.0, lane.at, ZERO, given_up_before=lane.at - timedelta(days=1), why="late"
            )
            assert await delivering.settle(connection, lane, [], stands) == 0
        await deliveries.put(connection, [team.new(dead, UUID(bytes=bytes(16)), "one more")])
        await delivering.waiting(connection)
        assert await connection.fetchval(read) - before < 300
