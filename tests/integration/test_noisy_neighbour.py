"""A key a hundred times over its quota: its neighbour's hours close and are right, and its own are later."""

from uuid import UUID

import pytest

from storage import machine_keys
from tests.streaming import PARTITIONS, RAW, Project, System, eventually, sample

MESSAGES, SAMPLES = 100, 100
COUNTED = "SELECT coalesce(sum(sample_count), 0)::int FROM telemetry WHERE org_id = $1 AND project_id = $2"


@pytest.mark.long
async def test_a_noisy_neighbour_waits_alone(system: System):
    noisy, quiet = await system.organisation(), await system.organisation()
    key = machine_keys.parse(noisy.ingest_key or "")
    assert key
    await _limit(system, key, f"{SAMPLES}/day")
    with system.process("relay"), system.worker(AUGENTIS_INGEST_AUTH="key"):
        async with system.producer() as producer:
            for number in range(MESSAGES):
                await _send(producer, noisy, number, [sample(1)] * SAMPLES)
                if number % 5 == 0:
                    await _send(producer, quiet, number, [sample(2)])
        await system.closed(quiet)
        (row,) = await system.telemetry(quiet)
        assert (row["sample_count"], row["metric_value"]) == (20, 40)
        await system.closed(noisy)
        assert await system.value(COUNTED, noisy.org_id, noisy.id) == SAMPLES
        parked = [each for each in await system.records(f"{RAW}.parked") if _is_of(each.headers, noisy)]
        assert len(parked) >= MESSAGES - 1
        assert (noisy.ingest_key or "").encode() not in b"".join(
            text for p in parked for _, text in p.headers
        )

        await _limit(system, key, f"{SAMPLES * MESSAGES}/day")

        async def all_is_counted() -> bool:
            return bool(await system.value(COUNTED, noisy.org_id, noisy.id) == MESSAGES * SAMPLES)

        await eventually(all_is_counted)
        (row,) = await system.telemetry(noisy)
        assert row["metric_value"] == MESSAGES * SAMPLES
        (row,) = await system.telemetry(quiet)
        assert row["revision"] == 1, "what its neighbour sent later did not touch its hour"


def _is_of(headers: list[tuple[str, bytes]], project: Project) -> bool:
    return str(project.id).encode() in dict(headers)["augentis-stamp"]


async def _send(producer: object, project: Project, number: int, samples: list[dict[str, object]]) -> None:
    headers = [("augentis-key", (project.ingest_key or "").encode())]
    value, partition = project.batch(samples), number % PARTITIONS
    await producer.send(RAW, value, partition=partition, headers=headers)  # type: ignore[attr-defined]


async def _limit(system: System, key: UUID, quota: str) -> None:
    async with system.superuser() as connection:
        await connection.execute("UPDATE machine_key SET quota = $2 WHERE id = $1", key, quota)
