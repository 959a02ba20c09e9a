"""History through a worker that also counts what comes live: it is right, and in nobody's way."""

import asyncio
import random
from datetime import timedelta
from uuid import uuid4

from tests.streaming import NOW, PARTITIONS, System, eventually, sample

HISTORY = "backfill_metrics"
YEAR_AGO = NOW - timedelta(days=365)
MESSAGES, SAMPLES = 120, 1000


async def test_live_hours_close_and_stay_right_while_years_of_history_run(system: System):
    """Both of one project: a backlog of history is read, and an hour that came behind it closes at once."""
    project = await system.organisation()
    chosen = random.Random(7)
    hours = [(YEAR_AGO + timedelta(hours=n)).timestamp() for n in range(2000)]
    messages = [
        project.batch(
            [
                {"metric_name": "feature_usage", "value": 1, "timestamp": at, "cohort": cohort}
                for at, cohort in zip(
                    chosen.choices(hours, k=SAMPLES), chosen.choices("abcdefghij", k=SAMPLES), strict=True
                )
            ],
            uuid4(),
        )
        for _ in range(MESSAGES)
    ]  # fmt: skip
    async with system.producer(linger_ms=5) as producer:
        await asyncio.gather(
            *[await producer.send(HISTORY, m, partition=n % PARTITIONS) for n, m in enumerate(messages)]
        )
    live = NOW - timedelta(hours=2)
    with system.worker() as worker:
        await worker.says("worker is up")
        await system.send(project.batch([sample(5, live), sample(2, live)], uuid4()))

        async def told() -> bool:
            return [
                row["metric_value"] for row in await system.telemetry(project) if row["timestamp"] >= live
            ] == [7]

        await eventually(told, 15)
        waits = await system.value(
            "SELECT count(*) FROM partial WHERE org_id = $1 AND dirty AND hour < $2", project.org_id, live
        )
        unread = (await system.ends(HISTORY)) != (await system.positions(HISTORY))
        assert unread or waits, "history was done before: nothing was shown"
        await system.read(HISTORY)
        await system.closed(project)
    rows = await system.telemetry(project)
    assert [(row["timestamp"], row["metric_value"]) for row in rows if row["timestamp"] >= live] == [
        (live, 7)
    ]
    assert sum(row["metric_value"] for row in rows if row["timestamp"] < live) == MESSAGES * SAMPLES
