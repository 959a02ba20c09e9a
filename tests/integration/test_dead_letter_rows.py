"""What the database keeps of a dead letter, and what it never stops at."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from storage import dead_letters, machine_keys
from storage.dead_letters import Wanted
from storage.ledger import Place
from storage.outbox import OPERATOR
from storage.secrets import seal
from streams.dead_letters import put
from streams.fold import Refusal, Tenant
from streams.wire import Reason
from tests.databases import SECRET
from tests.undone import undone
from tests.unit.streams.messages import Record
from tests.world import World

PLACE = Place("augentis", "raw_metrics", 3)
HERE = "topic = 'raw_metrics' AND partition = 3"


@pytest.fixture
async def connection(world: World) -> AsyncIterator[asyncpg.Connection]:
    async with undone(world) as connection:
        yield connection


async def written(connection: asyncpg.Connection, *refusals: Refusal) -> list[asyncpg.Record]:
    await put(connection, PLACE, refusals, seal(SECRET))
    return await connection.fetch(f"SELECT * FROM dead_letter WHERE {HERE} ORDER BY record_offset, reason")


async def sent(connection: asyncpg.Connection) -> list[tuple[dict[str, str], bytes]]:
    rows = await connection.fetch(
        "SELECT headers, value FROM outbox WHERE topic = 'raw_metrics.dlq' ORDER BY id"
    )
    return [(json.loads(row["headers"]), seal(SECRET).decrypt(row["value"])) for row in rows]


async def test_a_letter_a_record_and_reason(connection: asyncpg.Connection, world: World):
    tenant = Tenant(world.a, world.places["a1"].project, b"")
    record = Record(7, b"bytes")
    rows = await written(
        connection,
        Refusal(record, Reason.FUTURE, (5, 2), tenant),
        Refusal(record, Reason.FUTURE, (3,), tenant),
        Refusal(record, Reason.BAD_VALUE, (1,), tenant),
        Refusal(Record(8, None), Reason.NOT_JSON),
    )
    assert [(row["reason"], json.loads(row["indices"]), row["sample_count"]) for row in rows] == [
        ("bad_value", [1], 1),
        ("future", [2, 3, 5], 3),
        ("not_json", [], 0),
    ]
    assert [(row["org_id"], row["project_id"]) for row in rows] == [tenant.project] * 2 + [(OPERATOR, None)]
    letters = await sent(connection)
    assert {headers["augentis-letter"] for headers, _ in letters} == {str(row["id"]) for row in rows}
    assert [value for _, value in letters] == [b"bytes", b"bytes", b""]


async def test_a_key_goes_nowhere_but_its_id_does(connection: asyncpg.Connection):
    key_id, text, _ = machine_keys.make()
    batch = uuid4()
    headers = [("augentis-key", text.encode()), ("augentis-batch-id", str(batch).encode())]
    (row,) = await written(connection, Refusal(Record(1, b"", headers=headers), Reason.BAD_KEY))
    assert row["key_id"] == key_id
    ((told, _),) = await sent(connection)
    assert (told["augentis-key-id"], told["augentis-batch-id"]) == (str(key_id), str(batch))
    assert text not in json.dumps(told)


@pytest.mark.parametrize("timestamp", [-1, 0, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("content", [b"\0", b"\xff", b"", b"agk_", b"x" * 10_000])
async def test_nothing_that_a_producer_sends_stops_a_letter(
    connection: asyncpg.Connection, timestamp: int, content: bytes
):
    headers = [("augentis-key", content), ("augentis-batch-id", content), ("\0", content)]
    refused = Refusal(Record(1, content, timestamp, content, headers), Reason.NOT_JSON)
    (row,) = await written(connection, refused)
    assert row["key_id"] is None
    ((told, value),) = await sent(connection)
    assert value == content
    assert told["augentis-timestamp"] == str(timestamp)
    assert "augentis-batch-id" not in told


async def _make(connection: asyncpg.Connection, **more: Any) -> UUID:
    made = uuid4()
    fields = {"org_id": OPERATOR, "project_id": None, "reason": "future", "topic": "t", "samples": 1, **more}
    await connection.execute(
        """INSERT INTO dead_letter (org_id, id, project_id, topic, partition, record_offset, record_at,
                                    reason, indices, sample_count, refused_at)
           VALUES ($1, $2, $3, $4, 0, 9, now(), $5, '[]', $6, $7)""",
        fields["org_id"],
        made,
        fields["project_id"],
        fields["topic"],
        fields["reason"],
        fields["samples"],
        fields.get("at", datetime.now(UTC)),
    )
    return made


async def test_letters_are_counted_by_topic_reason_and_project(connection: asyncpg.Connection, world: World):
    of_a1 = {"org_id": world.a, "project_id": world.places["a1"].project}
    old = datetime.now(UTC) - timedelta(days=1)
    for more in ({"samples": 2}, {"samples": 0, "at": old}, {**of_a1, "reason": "bad_unit"}, of_a1):
        await _make(connection, **more)
    await _make(connection, topic="u")
    found = await dead_letters.counted(connection, Wanted(topic="t"))
    counts = {
        (row["reason"], row["project_id"]): (row["letters"], row["samples"], row["whole_records"])
        for row in found
    }
    assert counts == {
        ("future", None): (2, 2, 1),
        ("future", of_a1["project_id"]): (1, 1, 0),
        ("bad_unit", of_a1["project_id"]): (1, 1, 0),
    }
    (nobodys,) = [row for row in found if row["letters"] == 2]
    assert (nobodys["org_id"], nobodys["oldest"]) == (None, old)
    assert nobodys["newest"] > old
    for wanted, letters in (
        (Wanted("future", topic="t"), 3),
        (Wanted(since=old + timedelta(hours=1), topic="t"), 3),
        (Wanted(project_id=of_a1["project_id"], topic="t"), 2),
        (Wanted(topic="u"), 1),
    ):
        assert sum(row["letters"] for row in await dead_letters.counted(connection, wanted)) == letters
    vouched = Wanted("future", topic="t", project_id=of_a1["project_id"])
    assert await dead_letters.waiting(connection, vouched) == (3, old), "nobody's may turn out to be its"


async def test_what_was_replayed_waits_no_more(connection: asyncpg.Connection):
    first, second = [(OPERATOR, await _make(connection)) for _ in range(2)]
    stranger = (OPERATOR, uuid4())
    assert await dead_letters.not_replayed(connection, [first, second, stranger], None) == {first, second}
    batch = uuid4()
    await dead_letters.replayed(connection, {first: batch})
    assert await dead_letters.not_replayed(connection, [first, second], None) == {second}
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await dead_letters.not_replayed(connection, [second], later) == set()
    assert (await dead_letters.waiting(connection, Wanted(topic="t")))[0] == 1
    ((row,),) = [await dead_letters.by_id(connection, first[1])]
    assert row["replayed_as"] == batch
    assert len(await dead_letters.at(connection, "t", 0, 9)) == 2


async def test_old_letters_are_forgotten_some_at_a_time(connection: asyncpg.Connection):
    now = datetime.now(UTC)
    for days in (1, 2, 3, 20):
        await _make(connection, at=now - timedelta(days=days))
    before = now - timedelta(days=1, hours=1)
    assert await dead_letters.forget(connection, before, most=2) == 2
    assert await dead_letters.forget(connection, before, most=2) == 1
    assert await dead_letters.forget(connection, before, most=2) == 0
    assert len(await dead_letters.at(connection, "t", 0, 9)) == 1
