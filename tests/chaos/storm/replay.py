"""The same log again, from zero, with 1, 2 and 4 workers: the same rows, by a hash of the table."""

from collections.abc import Callable, Sequence

from tests.chaos.storm import verdict
from tests.chaos.storm.fleet import fleet
from tests.chaos.storm.flow import Flow
from tests.chaos.storm.run import settled
from tests.streaming import RAW, System

WORKERS = (1, 2, 4)
COUNTED = """partial, telemetry, batch_seen, project_watermark, project_clock, outbox, dead_letter, series,
    series_count, key_usage"""
FROM_ZERO = f"TRUNCATE {COUNTED}; UPDATE partition_ledger SET next_offset = 0 WHERE topic = '{RAW}'"


async def same(system: System, flows: Sequence[Flow], say: Callable[[str], None]) -> bool:
    found = [await verdict.fingerprint(system, flows)]
    say(f"rows of the storm: {found[0]}")
    for workers in WORKERS:
        async with system.superuser() as connection:
            await connection.execute(FROM_ZERO)
        async with fleet(system, workers, hooks=""):
            await settled(system, flows)
        found.append(await verdict.fingerprint(system, flows))
        say(f"replayed from zero by {workers}: {found[-1]}")
    return len(set(found)) == 1
