"""Bad input of all kinds, at the finest level of logs: no user id, value, key or other payload is named."""

import json
import logging
from collections.abc import AsyncIterator

import asyncpg
import pytest

from storage import database as databases
from streams.chunks import Chunk
from streams.logs import Json
from tests.databases import Database
from tests.members import FAR, LIMITS, Member
from tests.unit.streams.messages import Record, batch, sample

SECRET = "user-whom-no-log-may-name"
KEY = b"agk_no_log_may_name_me"
BAD = [
    SECRET.encode(),
    f'{{"user_id": "{SECRET}"'.encode(),
    f'{{"samples": "{SECRET}"}}'.encode(),
    f'["{SECRET}", \xff]'.encode("latin-1"),
    (f'{{"{SECRET}":' * 5000).encode(),
    batch([sample(1, user_id=SECRET)], org_id=SECRET),
    batch([sample(1, user_id=SECRET)], batch_id=SECRET),
    batch([sample(SECRET, user_id=SECRET)]),
    batch([sample(1, metric_name=SECRET)]),
    batch([sample(1, timestamp=SECRET)]),
    batch([sample(1, cohort=SECRET + "\x00", feature=SECRET * 10)]),
    batch([sample(1, unit=SECRET)]),
    batch([sample(1e300, user_id=SECRET), sample(1, user_id=SECRET * 20)]),
    batch([sample(1, metric_name="retention", user_id=SECRET, of=SECRET)]),
    batch([sample(1, user_id=SECRET)] * 11_000),
]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="logs")
    yield pool
    await pool.close()


async def test_no_log_names_what_was_sent(pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    member = Member(pool, "only", limits=LIMITS)
    await member.claim()
    headers = [("augentis-key", KEY)]
    records = [
        Record(offset, value, FAR, key=SECRET.encode(), headers=headers)
        for offset, value in enumerate([*BAD, batch([sample(1, metric_name="retention", user_id=SECRET)])])
    ]
    await member.count(Chunk(member.partition, 0, len(records), records, member.consumer.token, 0.0))
    lines = "\n".join(Json().format(record) for record in caplog.records)
    assert member.ingest.tally.samples >= 1
    refused = {record.__dict__["reason"] for record in caplog.records if "reason" in record.__dict__}
    assert {"not_json", "bad_schema", "bad_value", "unknown_metric", "bad_timestamp", "too_large"} <= refused
    told = [json.loads(line) for line in lines.splitlines()]
    assert all(each["topic"] == "raw_metrics" for each in told if each.get("reason"))
    assert SECRET not in lines
    assert KEY.decode() not in lines
