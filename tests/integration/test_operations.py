"""A worker under load: what it tells of itself, how fast it ends, and that its peer goes on."""

import asyncio
import json
import socket
import time
from uuid import uuid4

import httpx
from prometheus_client.parser import text_string_to_metric_families

from streams.worker import READ_TOPICS
from tests.reference import traffic
from tests.streaming import PARTITIONS, RAW, System, eventually, sample

SECRET = "user-whom-no-log-may-name"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def figures(port: int) -> dict[str, float]:
    """Return each figure of a worker, summed over its labels."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            found[each.name] = found.get(each.name, 0) + each.value
    return found


async def test_a_worker_under_load_ends_within_five_seconds_and_its_peer_goes_on(system: System):
    project = await system.organisation()
    made = traffic(project, seed=5, batches=400)
    port = free_port()
    json_logs = {"AUGENTIS_METRICS_PORT": str(port), "AUGENTIS_LOG_FORMAT": "json"}
    # Without a name: its partitions are its peer's as soon as it has left.
    with system.process("worker", **json_logs) as worker, system.process("worker") as peer:
        await worker.says("worker is up")
        await peer.says("worker is up")
        async with system.producer() as producer:
            for partition in range(PARTITIONS):
                await producer.send(RAW, f'{{"user_id": "{SECRET}"'.encode(), partition=partition)
                await producer.send(RAW, project.batch([sample(SECRET, user_id=SECRET)]), partition=partition)
            for partition, message in made.messages[: len(made.messages) // 2]:
                await producer.send(RAW, message, partition=partition)

        async def counting() -> bool:
            told = await figures(port)
            return told.get("augentis_samples_total", 0) > 0 and told.get("augentis_open_windows", 0) > 0

        await eventually(counting)
        sending = asyncio.create_task(_send(system, made.messages[len(made.messages) // 2 :]))
        told = await figures(port)
        began = time.monotonic()
        worker.popen.terminate()
        assert worker.wait(10) == 0
        assert time.monotonic() - began < 5
        await sending
        await peer.says(f"claimed {len(READ_TOPICS) * PARTITIONS} partitions", 8)
        await system.read()
        assert await system.count(project) == len(made.samples)
        logs = worker.log, peer.log
    assert told["augentis_transactions_total"] > 0
    assert told["augentis_messages_total"] <= told["augentis_samples_total"]
    assert {"augentis_lag", "augentis_open_windows_bytes", "augentis_close_seconds_count"} <= told.keys()
    lines = [json.loads(line) for line in logs[0].splitlines()]
    assert {"at", "level", "logger", "message"} <= lines[0].keys()
    refused = [json.loads(line) for line in logs[0].splitlines() if '"reason"' in line]
    text = "".join(logs)
    # What another test has left unread may be refused for reasons of its own.
    assert {"not_json", "bad_value"} <= {line["reason"] for line in refused if line["topic"] == RAW}
    assert all({"topic", "partition", "offset", "count"} <= line.keys() for line in refused)
    assert SECRET not in text


async def _send(system: System, messages: list[tuple[int, bytes]]) -> None:
    async with system.producer(client_id=str(uuid4())) as producer:
        for partition, message in messages:
            await producer.send(RAW, message, partition=partition)
