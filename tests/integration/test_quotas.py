"""Quotas of keys: spent in the transaction of a chunk, what is over them parked, settled when they allow."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from settings.model import IngestAuth
from storage import machine_keys, quotas
from storage.ledger import Claim, Place
from storage.outbox import Letter
from storage.quotas import KeyName, Quota
from storage.secrets import seal
from streams import stamps
from streams.directory import SnapshotDirectory
from streams.key_uses import KeyUses
from streams.settling import Settled, Settler
from tests.databases import SECRET, Database
from tests.members import FAR, Member
from tests.unit.streams.messages import Record, batch, sample
from tests.world import Place as WorldPlace
from tests.world import World, build

HOUR = Quota(100, 3600)
PARKED = Place("augentis-parked", "raw_metrics.parked", 0)
COUNTED = "SELECT coalesce(sum(sample_count), 0)::int FROM partial WHERE project_id = $1"


@dataclass
class Town:
    """Two projects of two organisations, each with a key, in a database of the test's own."""

    database: Database
    world: World
    pool: asyncpg.Pool
    keys: dict[str, str]

    def place(self, name: str) -> WorldPlace:
        return self.world.places[name]

    def name(self, name: str) -> KeyName:
        return (self.place(name).org, self.place(name).key)

    async def limit(self, name: str, quota: str | None) -> None:
        await self.run("UPDATE machine_key SET quota = $2 WHERE id = $1", self.place(name).key, quota)

    async def run(self, sql: str, *arguments: object) -> None:
        async with self.database.superuser() as connection:
            await connection.execute(sql, *arguments)

    async def next_period(self) -> None:
        await self.run("UPDATE key_usage SET period_start = period_start - interval '2 days'")

    async def counted(self, name: str) -> int:
        found: int = await self.pool.fetchval(COUNTED, self.place(name).project)
        return found

    async def letters(self, topic: str) -> list[Letter]:
        rows = await self.pool.fetch("SELECT * FROM outbox WHERE topic = $1 ORDER BY id", topic)
        return [
            Letter(
                r["org_id"], r["topic"], r["value"], r["key"], json.loads(r["headers"]), sealed=r["sealed"]
            )
            for r in rows
        ]

    def message(self, name: str, samples: int, batch_id: UUID | None = None) -> tuple[bytes, str]:
        """A message of so many samples of 1, and the key that it comes with."""
        place, more = self.place(name), {"batch_id": str(batch_id)} if batch_id else {}
        value = batch([sample(1)] * samples, org=place.org, project=place.project, **more)
        return value, self.keys[name]


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    world = await build(database)
    async with asyncpg.create_pool(database.worker_url, min_size=4) as pool:
        town = Town(database, world, pool, {})
        await town.run("DELETE FROM partial")
        await town.run("DELETE FROM outbox")
        await town.run("DELETE FROM key_usage")
        for name, place in world.places.items():
            secret = f"agk_{place.key.hex}_{'s' * 43}"
            await town.run(
                "UPDATE machine_key SET secret_sha256 = $2 WHERE id = $1",
                place.key,
                machine_keys.digest(secret),
            )
            town.keys[name] = secret
        yield town


async def spent(town: Town, samples: int, quota: Quota = HOUR) -> float:
    async with town.pool.acquire() as connection, connection.transaction():
        return await quotas.spend(connection, town.name("a1"), quota, samples)


async def test_a_quota_is_spent_in_its_period_and_whole_again_in_the_next(town: Town):
    assert [await spent(town, 60), await spent(town, 40)] == [0, 0]
    assert 0 < await spent(town, 1) <= 3600
    assert math.isinf(await spent(town, 101))
    await town.next_period()
    assert await spent(town, 100) == 0
    assert await town.pool.fetchval("SELECT used FROM key_usage") == 100


async def test_what_does_not_fit_leaves_room_for_what_does(town: Town):
    async with town.pool.acquire() as connection, connection.transaction():
        found = await quotas.spend_each(
            connection, {town.name("a1"): (HOUR, [70, 40, 101, 30, 1]), town.name("b1"): (HOUR, [100])}
        )
    waits = found[town.name("a1")]
    assert [wait > 0 for wait in waits] == [False, True, True, False, True]
    assert math.isinf(waits[2])
    assert found[town.name("b1")] == [0]


async def test_what_was_not_committed_was_not_spent(town: Town):
    async with town.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        assert await quotas.spend(connection, town.name("a1"), HOUR, 100) == 0
        await transaction.rollback()
    assert await spent(town, 100) == 0


async def test_at_once_no_more_is_spent_than_there_is_and_a_spent_quota_makes_nobody_wait(town: Town):
    waits = await asyncio.gather(*(spent(town, 30) for _ in range(8)))
    assert sum(wait == 0 for wait in waits) == 3
    assert await spent(town, 10) == 0
    async with town.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM key_usage FOR UPDATE")
        async with asyncio.timeout(2):
            assert await spent(town, 1) > 0


def test_a_quota_is_samples_in_a_unit_of_time():
    assert quotas.parse("1000000/hour") == Quota(1_000_000, 3600)
    assert [quotas.parse(f"1/{unit}").seconds for unit in ("second", "minute", "day")] == [1, 60, 86400]
    for text in ("", "0/hour", "1000", "1/week", "1/hour\n", "-1/hour", "1e6/hour", "1 /hour"):
        with pytest.raises(ValueError, match="is no quota"):
            quotas.parse(text)


# in the transaction of a chunk


async def worker(town: Town, auth: IngestAuth = "key", partition: int = 0) -> Member:
    directory = SnapshotDirectory(auth, SECRET, KeyUses())
    made = Member(town.pool, f"worker-{partition}", partition=partition, directory=directory)
    await made.claim()
    return made


async def take(member: Member, messages: Sequence[tuple[bytes, str]], start: int = 0) -> None:
    records = [
        Record(start + n, value, FAR, headers=[("augentis-key", key.encode())])
        for n, (value, key) in enumerate(messages)
    ]
    await count(member, records)


async def count(member: Member, records: Sequence[Record]) -> None:
    chunk = member.of([], records[0].offset)
    await member.count(replace(chunk, end=chunk.start + len(records), records=records))


def stored(letters: Sequence[Letter], start: int = 0) -> list[Record]:
    """What Kafka has of letters once they are relayed."""
    cipher = seal(SECRET)
    return [
        Record(
            start + offset,
            cipher.decrypt(letter.value),
            FAR,
            letter.key,
            [(name, text.encode()) for name, text in letter.headers.items()],
            letter.topic,
        )
        for offset, letter in enumerate(letters)
    ]


async def settled(town: Town, records: Sequence[Any], at: int = 0) -> Settled | None:
    """One step over the parked partition, which the ledger has at `at`."""
    await town.pool.execute(
        """INSERT INTO partition_ledger
               (consumer, topic, partition, next_offset, epoch, owner, topic_id, fresh_at)
           VALUES ($1, $2, $3, $4, 1, 'w', 'id', now()) ON CONFLICT DO NOTHING""",
        *(PARKED.consumer, PARKED.topic, PARKED.partition, at),
    )
    settler = Settler(stamps.key(SECRET), seal(SECRET))
    behind = settler.payers(records)
    async with town.pool.acquire() as connection:
        return await settler.settle(connection, PARKED, Claim(at, 1), records, at + len(records), behind)


async def test_a_key_far_over_its_quota_waits_and_its_neighbour_does_not(town: Town):
    await town.limit("a1", "100/hour")
    noisy = [town.message("a1", 10) for _ in range(300)]
    quiet = [town.message("b1", 1) for _ in range(50)]
    member = await worker(town)
    await take(member, [*noisy[:150], *quiet, *noisy[150:]])
    assert (await town.counted("a1"), await town.counted("b1")) == (100, 50)
    parked = await town.letters("raw_metrics.parked")
    assert len(parked) == member.ingest.tally.parked == 290
    told = str([letter.headers for letter in parked]) + str(parked[0].value)
    assert town.keys["a1"] not in told, "a key is kept nowhere"
    assert noisy[10][0].decode() not in told, "it waits sealed"
    assert await town.letters("raw_metrics.dlq") == []

    # As many as the quota allows go back in each period; the others stay where they are, not parked anew.
    records, at, rounds = stored(parked), 0, 0
    await town.run("DELETE FROM outbox")
    while at < len(records):
        await town.next_period()
        step = await settled(town, records[at : at + 200], at)
        assert step
        assert step.upto - at <= 10
        at, rounds = step.upto, rounds + 1
    assert rounds == 29
    assert await town.letters("raw_metrics.parked") == []
    back = stored(await town.letters("raw_metrics"), 350)
    await count(member, back)
    assert (await town.counted("a1"), await town.counted("b1")) == (3000, 50)
    await count(member, [replace(each, offset=each.offset + len(back)) for each in back])
    assert await town.counted("a1") == 3000, "a relay that sends twice counts nothing twice"
    assert await town.letters("raw_metrics.dlq") == []


async def test_a_batch_that_was_parked_keeps_its_id(town: Town):
    await town.limit("a1", "1/day")
    known_by = UUID(int=7)
    member = await worker(town)
    await take(
        member, [town.message("a1", 1), town.message("a1", 1, known_by), town.message("a1", 1, known_by)]
    )
    parked = stored(await town.letters("raw_metrics.parked"))
    assert len(parked) == 2
    await town.next_period()
    await town.limit("a1", None)
    assert await settled(town, parked) == Settled(2, {})
    await count(member, stored(await town.letters("raw_metrics"), 3))
    assert await town.counted("a1") == 2
    await take(member, [town.message("a1", 1, known_by)], 5)
    assert await town.counted("a1") == 2


async def test_what_never_fits_is_a_dead_letter(town: Town):
    await town.limit("a1", "5/day")
    await take(await worker(town), [town.message("a1", 6), town.message("a1", 5)])
    (letter,) = await town.letters("raw_metrics.dlq")
    assert (letter.headers["augentis-reason"], letter.headers["augentis-offset"]) == ("over_quota", "0")
    assert await town.counted("a1") == 5
    assert await town.letters("raw_metrics.parked") == []


async def test_without_keys_or_quotas_nothing_is_asked_of_them(town: Town):
    await town.limit("a1", "1/day")
    await take(await worker(town, "open"), [town.message("a1", 9)])
    await town.limit("a1", None)
    await take(await worker(town, partition=1), [town.message("a1", 9)])
    assert await town.counted("a1") == 18
    assert await town.pool.fetchval("SELECT count(*) FROM key_usage") == 0


async def test_another_key_behind_goes_on_and_who_waits_is_parked_again(town: Town):
    await town.limit("a1", "1/day")
    await town.limit("b1", "1/day")
    member = await worker(town)
    await take(member, [town.message(name, 1) for name in ("a1", "b1", "a1", "a1", "b1")])
    records = stored(await town.letters("raw_metrics.parked"))
    assert len(records) == 3
    await town.run("DELETE FROM outbox")
    await town.limit("b1", "2/day")
    step = await settled(town, records)
    assert step
    assert step.upto == 3
    assert step.waits.keys() == {town.name("a1")}
    again, back = stored(await town.letters("raw_metrics.parked"), 3), await town.letters("raw_metrics")
    assert [each.value for each in again] == [each.value for each in records[:2]]
    assert [letter.org_id for letter in back] == [town.place("b1").org]
    step = await settled(town, again, 3)
    assert step
    assert (step.upto, set(step.waits)) == (3, {town.name("a1")}), "nobody can go on: nothing moves"


async def test_two_that_settle_the_same_records_send_them_once(town: Town):
    await town.limit("a1", "1/day")
    await take(await worker(town), [town.message("a1", 1), town.message("a1", 1)])
    records = stored(await town.letters("raw_metrics.parked"))
    await town.next_period()
    assert await settled(town, records) == Settled(1, {})
    assert await settled(town, records) is None
    assert len(await town.letters("raw_metrics")) == 1


async def test_a_record_that_was_not_parked_here_is_left_out(town: Town):
    await town.limit("a1", "1/day")
    await take(await worker(town), [town.message("a1", 1), town.message("a1", 1)])
    (record,) = stored(await town.letters("raw_metrics.parked"))
    forged = [
        replace(record, offset=0, value=(record.value or b"") + b" "),
        replace(record, offset=1, headers=[]),
        replace(record, offset=2, headers=[each for each in record.headers if each[0] != "augentis-parked"]),
        replace(record, offset=3, topic="otlp_metrics.parked"),
    ]
    assert await settled(town, forged) == Settled(4, {})
    assert await town.letters("raw_metrics") == []
