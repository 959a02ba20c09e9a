"""What is kept of the chain elsewhere: heads in Kafka, and signed checkpoints of months that were dropped."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy.ext.asyncio import AsyncSession

from cli.exits import Exit
from governance.records import Export, Head, export_of, head_of, heads_of
from governance.signing import is_signed, public_key
from governance.verify import verify
from migrations import topics
from storage import chain, partitions
from storage import database as databases
from storage.database import engine
from streams import heads
from streams.months import Months
from tests.databases import SECRET, Database
from tests.integration.conftest import Augentis
from tests.integration.test_audit_verify import REWRITE
from tests.teams import Team, gathered

NOW = datetime.now(UTC)
KEPT = timedelta(days=35)
KEY = public_key(chain.seed(SECRET))


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="audit")
    yield pool
    await pool.close()


async def exported(team: Team) -> Export:
    mighty = engine(team.database.superuser_url, pool_size=1)
    async with AsyncSession(mighty) as session:
        lines = [json.dumps(line) async for line in chain.export(session, team.org, None)]
    await mighty.dispose()
    return export_of(lines)


def months_back(count: int) -> date:
    months = NOW.year * 12 + NOW.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


async def aged(database: Database, months: dict[int, int]) -> Team:
    """Return an organisation whose first links began months ago, in a chain that is made of that."""
    team = await gathered(database, ann="ADMIN")
    async with database.superuser() as connection:
        for count in months:
            await connection.execute("SELECT ensure_partitions($1, $2)", ["audit_log"], [months_back(count)])
        for sequence, count in enumerate(months.values(), 1):
            back = NOW.replace(year=months_back(count).year, month=months_back(count).month, day=9)
            moved = "UPDATE {} SET {} = $3 WHERE org_id = $1 AND link_id = (SELECT link_id FROM audit_link"
            for table, column in (("audit_log", "timestamp"), ("audit_link", "began")):
                where = moved.format(table, column) + " WHERE org_id = $1 AND sequence = $2)"
                await connection.execute(where, team.org, sequence, back)
        await connection.execute(REWRITE.format(org=team.org))
    return team


async def test_months_go_after_a_signed_checkpoint_and_the_chain_goes_on_from_it(
    database: Database, pool: asyncpg.Pool
):
    # The second was told of before the first, and linked after it; the fourth is after one that stays.
    team = await aged(database, {4: 4, 5: 5, 0: 0, 3: 3})
    before = await exported(team)
    assert verify(before, None, KEY).whole
    months = Months(pool, None, KEPT, SECRET)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="after its checkpoint"):
        async with pool.acquire() as connection:
            await partitions.drop(connection, partitions.AUDIT, months_back(2))
    await months.keep()
    for _ in range(2):
        after = await exported(team)
        [checkpoint] = after.checkpoints
        assert (checkpoint.sequence, checkpoint.entries) == (2, 2)
        assert is_signed(KEY, checkpoint.signature, checkpoint.text)
        assert [link.sequence for link in after.links] == [link.sequence for link in before.links][1:]
        assert len(after.entries) == len(before.entries) - 3
        verdict = verify(after, None, KEY)
        assert verdict.findings == []
        await months.keep()
    await team.fetch("UPDATE organization SET name = 'Later' WHERE id = $1", team.org)
    assert verify(await exported(team), None, KEY).whole
    other = public_key(bytes(32))
    assert {each.kind for each in verify(after, None, other).findings} >= {"forged", "removed"}


async def test_a_chain_all_of_whose_months_are_gone_goes_on(database: Database, pool: asyncpg.Pool):
    team = await aged(database, {4: 4, 5: 5, 6: 6, 3: 3, 7: 7})
    links = len((await exported(team)).links)
    assert links == 5
    await Months(pool, None, KEPT, SECRET).keep()
    gone = await exported(team)
    assert (len(gone.links), len(gone.entries)) == (1, 0)
    assert verify(gone, None, KEY).whole
    await team.fetch("UPDATE organization SET name = 'Later' WHERE id = $1", team.org)
    assert [link.sequence for link in (await exported(team)).links] == [links, links + 1]
    assert verify(await exported(team), None, KEY).whole


async def told(pool: asyncpg.Pool) -> list[tuple[bytes, bytes]]:
    rows = await pool.fetch("DELETE FROM outbox WHERE topic = 'audit_heads' RETURNING key, value")
    return [(row["key"], row["value"]) for row in rows]


async def test_a_chain_that_has_grown_is_told_once_and_signed(
    database: Database, pool: asyncpg.Pool, home: Path
):
    settings = database.settings(home)
    first, second = [await gathered(database, ann="ADMIN") for _ in range(2)]
    await asyncio.gather(*(heads.tell(pool, settings, NOW) for _ in range(3)))
    letters = await told(pool)
    assert {key for key, _ in letters} == {str(team.org).encode() for team in (first, second)}
    assert len(letters) == 2
    for key, value in letters:
        head = head_of(json.loads(value))
        assert is_signed(KEY, head.signature, head.text)
        assert head.org_id.encode() == key
    await heads.tell(pool, settings, NOW)
    assert await told(pool) == []
    await first.fetch("UPDATE organization SET name = 'Later' WHERE id = $1", first.org)
    await heads.tell(pool, settings, NOW)
    [(_, value)] = await told(pool)
    head = head_of(json.loads(value))
    assert verify(await exported(first), [head], KEY).unchecked == []
    assert head.sequence == (await exported(first)).links[-1].sequence


def test_the_heads_are_read_back_from_kafka(
    augentis: Augentis, database: Database, home: Path, kafka: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in (database.environment(home) | {"KAFKA_BOOTSTRAP_SERVERS": kafka}).items():
        monkeypatch.setenv(name, value)
    settings = database.settings(home, kafka_bootstrap_servers=kafka)
    sent = [Head(f"org {n}", n, bytes(32), "2026-11-23T12:00:00.000000Z", bytes(64)) for n in range(5)]

    async def send() -> None:
        await topics.make_topic(settings, heads.TOPIC)
        producer = AIOKafkaProducer(bootstrap_servers=kafka)
        await producer.start()
        for head in sent:
            await producer.send_and_wait(
                heads.TOPIC, json.dumps(head.fields()).encode(), head.org_id.encode()
            )
        await producer.stop()

    async def forget() -> None:
        """Leave the broker without a topic, as others expect it."""
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.delete_topics([heads.TOPIC])
        while heads.TOPIC in await admin.list_topics():  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.1)
        await admin.close()

    asyncio.run(send())
    out = home.parent / "heads.jsonl"
    assert augentis("audit", "heads", "--out", out) == Exit.DONE, augentis.err
    read = heads_of(out.read_text().splitlines())
    assert [
        head for head in sorted(read, key=lambda head: head.sequence) if head.org_id.startswith("org ")
    ] == sent
    asyncio.run(forget())
