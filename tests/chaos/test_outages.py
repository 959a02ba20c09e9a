"""Kafka or PostgreSQL away: said, waited out for a bounded time, and nothing lost."""

import asyncio
import socket
import time

import pytest

from tests.streaming import RAW, Process, System, sample

GAVE_UP = 75
UNAVAILABLE = 69


async def ends(worker: Process, seconds: float) -> int:
    return await asyncio.to_thread(worker.wait, seconds)


@pytest.mark.parametrize(("part", "name"), [("postgres", "PostgreSQL"), ("kafka", "Kafka")])
async def test_an_outage_is_named_waited_out_and_survived(system: System, part: str, name: str):
    project = await system.organisation()
    with system.worker(AUGENTIS_RETRY_FOR="6s") as worker:
        await system.send(project.batch([sample(1)]))
        await system.read()
        await system.send(project.batch([sample(2)]))
        with system.frozen(part):
            began = time.monotonic()
            assert await ends(worker, 40) == GAVE_UP
            assert time.monotonic() - began > 4
        (said,) = [line for line in worker.log.splitlines() if " ERROR streams.errors: " in line]
        assert name in said
        assert any(" WARNING " in line and name in line for line in worker.log.splitlines())
        assert "Traceback" not in worker.log
    with system.worker():
        await system.send(project.batch([sample(4)]))
        await system.closed(project)
    (row,) = await system.telemetry(project)
    assert (row["metric_value"], row["sample_count"]) == (7, 3)


async def test_a_short_outage_is_waited_out(system: System):
    project = await system.organisation()
    with system.worker(AUGENTIS_RETRY_FOR="30s") as worker:
        await worker.says("worker is up")
        for part in ("postgres", "kafka"):
            with system.frozen(part):
                await asyncio.sleep(2)
        await system.send(project.batch([sample(1)]))
        await system.closed(project)
        assert worker.popen.poll() is None
    assert [row["metric_value"] for row in await system.telemetry(project)] == [1]


@pytest.mark.parametrize("part", ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL_WORKER"])
@pytest.mark.parametrize("command", ["worker", "relay"])
def test_what_is_away_at_the_start_is_one_line_and_69(system: System, command: str, part: str):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        url = address if part.startswith("KAFKA") else f"postgresql://somebody:secret@{address}/augentis"
        done = system.augentis(command, **{part: url})
    assert done.returncode == UNAVAILABLE, done.stderr
    (line,) = done.stderr.splitlines()
    assert address in line
    assert "secret" not in line
    assert done.stdout == ""
    assert RAW not in line
