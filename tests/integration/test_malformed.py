"""Some thousand malformed messages between good ones (`python -m benchmarks.malformed` sends a million)."""

from random import Random

import pytest

from storage import database as databases
from tests import malformed
from tests.databases import Database
from tests.members import Member
from tests.unit.streams.messages import LAST_HOUR, ORG, PROJECT, batch, sample

COUNT, EVERY, AT_ONCE = 4000, 20, 1000


@pytest.mark.parametrize("seed", [1])
async def test_each_is_a_dead_letter_and_what_is_good_between_them_counts(database: Database, seed: int):
    random = Random(seed)
    base = malformed.valid(str(ORG), str(PROJECT), LAST_HOUR, random)
    bad = malformed.messages(random, base)
    log = [batch([sample(1)]) if at % EVERY == 0 else next(bad) for at in range(COUNT)]
    pool = await databases.worker_pool(database.worker_url, name="malformed")
    try:
        member = Member(pool, "only")
        await member.claim()
        for start in range(0, COUNT, AT_ONCE):
            await member.count(member.of(log[start : start + AT_ONCE], start))
        refused = await pool.fetch("SELECT DISTINCT record_offset FROM dead_letter ORDER BY 1")
        counted = await pool.fetchval("SELECT sum(sample_count)::bigint FROM partial")
        waiting = await pool.fetchval("SELECT count(*) FROM outbox WHERE topic = 'raw_metrics.dlq'")
        letters = await pool.fetchval("SELECT count(*) FROM dead_letter")
    finally:
        await pool.close()
    assert [row[0] for row in refused] == [at for at in range(COUNT) if at % EVERY]
    assert counted == COUNT // EVERY
    assert waiting == letters
