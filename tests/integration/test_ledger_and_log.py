"""Where the ledger and Kafka's log no longer agree: noticed, said, and mended by the documented command."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from cli import ledger as command
from migrations.topics import KafkaUnreachableError
from streams import kafka_watch
from streams.errors import LedgerMismatchError
from streams.kafka_watch import KafkaWatch
from tests.streaming import PARTITIONS, RAW, Project, System, eventually, sample

OWN = "made-for-one-test"


@asynccontextmanager
async def admin(system: System) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(bootstrap_servers=system.servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def make(system: System, topic: str, partitions: int) -> None:
    async with admin(system) as client:
        await client.create_topics([NewTopic(topic, partitions, 1)])


async def make_again(system: System, topic: str, partitions: int) -> None:
    async with admin(system) as client:
        await client.delete_topics([topic])

        async def made() -> bool:
            answer = await client.create_topics([NewTopic(topic, partitions, 1)])
            return not answer.topic_errors[0][1]  # 36 while the old one goes

        await eventually(made)
        if topic == RAW:
            # Its offsets begin anew: a letter of before would pass for one of what comes now.
            dead = [TopicPartition(f"{RAW}.dlq", partition) for partition in range(system.partitions)]
            await client.delete_records({place: RecordsToDelete(-1) for place in dead})


async def add_partitions(system: System, topic: str, total: int) -> None:
    async with admin(system) as client:
        await client.create_partitions({topic: NewPartitions(total)})


async def delete_records(system: System, partition: int, before: int) -> None:
    async with admin(system) as client:
        await client.delete_records({TopicPartition(RAW, partition): RecordsToDelete(before)})


@pytest.fixture
def reset(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    """`augentis ledger reset`, without a process of its own."""
    for name, value in system.environment().items():
        monkeypatch.setenv(name, value)

    async def run(*partitions: int) -> list[dict[str, Any]]:
        capsys.readouterr()
        await command.reset(
            RAW, "earliest", "a test made it again", [*partitions] or None, yes=True, json_=True
        )
        return list(json.loads(capsys.readouterr().out))

    return run


async def counts(system: System, project: Project, samples: int) -> None:
    async def counted() -> bool:
        return await system.count(project) == samples

    await eventually(counted)


async def test_a_watch_notices_added_partitions_and_a_topic_that_was_made_again(
    system: System, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kafka_watch, "EVERY_SECONDS", 0.2)
    await make(system, OWN, 1)
    watch = KafkaWatch(system.settings, [OWN])

    async def started() -> bool:
        with suppress(KafkaUnreachableError):  # the broker makes it, and knows it a moment later
            await watch.start()
        return OWN in watch.ids

    await eventually(started)
    first = watch.ids[OWN]

    class Told(Exception):  # noqa: N818  # it ends the watch, and is no error
        """Somebody was told of partitions."""

    async def tell() -> None:
        raise Told

    watch.on_added = tell
    await add_partitions(system, OWN, 3)
    with pytest.raises(Told):
        await watch.run()
    await make_again(system, OWN, 3)
    with pytest.raises(LedgerMismatchError, match=f"{OWN} was deleted .* reset {OWN} --to earliest"):
        await watch.run()
    assert watch.ids[OWN] != first


async def test_what_the_ledger_and_the_log_disagree_on_stops_the_worker_and_is_mended_by_the_command(
    system: System, reset: Callable[..., Awaitable[list[dict[str, Any]]]]
):
    project = await system.organisation()
    try:
        with system.worker() as worker:
            await worker.says("worker is up")
            # Partitions are added: read within seconds, from their first message.
            await add_partitions(system, RAW, PARTITIONS + 1)
            await system.send(project.batch([sample(1)]), partition=PARTITIONS)
            await counts(system, project, 1)
            # The topic is made again, with fewer: a worker that runs ends by itself, by the topic's id or,
            # where Kafka has it claim anew before it looks, by its offsets.
            await make_again(system, RAW, PARTITIONS)
            assert worker.wait() == 1
            assert f"`augentis ledger reset {RAW} --to earliest" in worker.log
        with system.worker() as worker:  # and so does one that was away meanwhile
            assert worker.wait() == 1
            assert f"`augentis ledger reset {RAW} --to earliest" in worker.log
        changes = await reset()
        assert [change["to"] for change in changes] == [0] * PARTITIONS + [None]
        assert "the topic was made again" in changes[0]["costs"][0]
        assert set(await system.positions(RAW)) == set(range(PARTITIONS))

        # Retention was faster in one partition, and another's log has lost what was counted.
        await system.send(*[project.batch([sample(1)])] * 10, partition=0)
        await delete_records(system, 0, 4)
        async with system.superuser() as connection:
            await connection.execute(
                "UPDATE partition_ledger SET next_offset = 7 WHERE topic = $1 AND partition = 1", RAW
            )
        with system.worker() as worker:
            assert worker.wait() == 1
            assert f"{RAW}[0]: offsets 0 to 3 were deleted before they were read" in worker.log
            assert f"{RAW}[1]: the ledger stands at 7, and the log ends at 0" in worker.log
        by_number = {change["partition"]: change for change in await reset()}
        assert by_number[0]["costs"] == ["offsets 0 to 3 were deleted unread: they are lost"]
        assert by_number[1]["costs"] == ["the log ends 7 offsets before what was counted"]

        with system.worker() as worker:
            await counts(system, project, 1 + 6)
            # A reset under a worker that reads: it is fenced, though nothing comes to that partition.
            changes = await reset(0)
            assert "offsets 4 to 9 are read again" in changes[0]["costs"][0]
            assert worker.wait() == 74
            assert f"{RAW}[0]: its ledger was reset by an operator" in worker.log
        assert (await system.positions(RAW))[0] == 4
    except (AssertionError, KafkaError):
        await make_again(system, RAW, PARTITIONS)
        await reset()
        raise
