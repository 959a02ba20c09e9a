"""What `augentis lag` says of partitions that are behind, read, idle, or nobody's yet."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from cli.lag import lag
from tests.streaming import OURS, RAW, System

# No worker reads it: these ledger rows are the test's alone.
TOPIC = "divergence_alerts"
OWNER = f"test-{uuid4().hex[:6]}"


@pytest.fixture
async def ledger(system: System) -> AsyncIterator[System]:
    await system.send(b"1", b"2", b"3", topic=TOPIC, partition=1)
    ends = await system.ends(TOPIC)
    organization, project = uuid4(), uuid4()
    async with system.superuser() as connection:
        insert = """INSERT INTO partition_ledger
                        (consumer, topic, partition, next_offset, epoch, owner, topic_id, caught_up_at,
                         fresh_at)
                    VALUES ($1, $2, $3, $4, 7, $1, '', {}, now() - interval '90 s')"""
        await connection.execute(insert.format("now() - interval '100 s'"), OWNER, TOPIC, 1, ends[1] - 2)
        await connection.execute(insert.format("now()"), OWNER, TOPIC, 0, ends[0])
        await connection.execute(insert.format("now()"), OWNER, TOPIC, 2, ends[2])
        await connection.execute(insert.format("now()"), OWNER, "gone", 0, 5)
        seen = """INSERT INTO project_watermark
                      (org_id, project_id, topic, partition, first_event, event_time, seen_at)
                  VALUES ($1, $2, $3, $4, now() - interval '2 h', now() - interval '1 h', now())"""
        await connection.execute(seen, organization, project, TOPIC, 1)
        await connection.execute(seen, organization, project, TOPIC, 2)
        yield system
        await connection.execute("DELETE FROM partition_ledger WHERE consumer = $1", OWNER)
        await connection.execute("DELETE FROM project_watermark WHERE topic = $1", TOPIC)


async def _shown(system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    for name, value in system.environment().items():
        if name.startswith(OURS):
            monkeypatch.setenv(name, value)
    await lag(json_=False)
    table = capsys.readouterr().out
    await lag(json_=True)
    return json.loads(capsys.readouterr().out), table


async def test_each_partition_is_told_apart(
    ledger: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    rows, table = await _shown(ledger, monkeypatch, capsys)
    ours = {(row["topic"], row["partition"]): row for row in rows if row["consumer"] == OWNER}
    behind, idle, busy = (ours[TOPIC, number] for number in (1, 0, 2))
    assert (behind["offset_lag"], behind["idle"], behind["epoch"]) == (2, False, 7)
    assert behind["end_offset"] - behind["next_offset"] == 2
    assert 3600 <= behind["event_time_lag_seconds"] < 3700
    assert 90 <= behind["fresh_seconds"] < 190
    assert (idle["offset_lag"], idle["idle"], idle["watermark"]) == (0, True, None)
    assert (busy["offset_lag"], busy["idle"]) == (0, False), "something came in just now"
    assert (ours["gone", 0]["end_offset"], ours["gone", 0]["offset_lag"]) == (None, None)
    shown = {(row["topic"], row["partition"]) for row in rows}
    assert {(RAW, number) for number in range(ledger.partitions)} <= shown, "claimed or not"
    assert sum(OWNER in line for line in table.splitlines()) == len(ours) == 4
