"""A million malformed messages between good ones, fifty of them of 20 MB: `make malformed`.

One worker and one relay read a log that is there already. Exit code 1 if a process ended, a malformed
message has no dead letter, a good one is not counted, or a dead letter is missing in Kafka.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import psutil
from aiokafka import AIOKafkaProducer

from cli.stack import running_stack
from tests import malformed
from tests.streaming import AUGENTIS, NOW, RAW, Project, System, sample

LARGE_BYTES = 20_000_000
ROOM = 25_000_000
EVERY = 100
"""One message in so many is good, with `SAMPLES` samples."""
SAMPLES = 10
PARTITIONS = 8
BATCH_BYTES = 500_000


def log(project: Project, bad: Iterator[bytes], count: int) -> Iterator[tuple[bytes, bool]]:
    """Yield `count` malformed messages with good ones between them, and whether each is good."""
    for number in range(count):
        yield next(bad), False
        if number % EVERY == EVERY - 1:
            yield project.batch([sample(1)] * SAMPLES), True


async def publish(system: System, project: Project, seed: int, count: int, large: int) -> tuple[int, int]:
    """Send all, and return how many messages are bad and how many good."""
    random, sent = Random(seed), {True: 0, False: 0}
    base = malformed.valid(str(project.org_id), str(project.id), NOW.timestamp() - 7200, random)
    async with system.producer(max_request_size=ROOM, max_batch_size=BATCH_BYTES, acks=1) as producer:
        builder, partition = producer.create_batch(), 0
        for value, good in log(project, malformed.messages(random, base), count):
            sent[good] += 1
            if builder.append(key=None, value=value, timestamp=None) is None:
                partition = await _flush(producer, builder, partition)
                builder = producer.create_batch()
                builder.append(key=None, value=value, timestamp=None)
        await _flush(producer, builder, partition)
        for number, value in enumerate(islice(malformed.large(base, LARGE_BYTES), large)):
            sent[False] += 1
            await producer.send_and_wait(RAW, value, partition=number % PARTITIONS)
    return sent[False], sent[True]


async def _flush(producer: AIOKafkaProducer, builder: object, partition: int) -> int:
    await producer.send_batch(builder, RAW, partition=partition)
    return (partition + 1) % PARTITIONS


class Watched:
    """A process of ours, and the most memory that it had."""

    def __init__(self, system: System, name: str) -> None:
        self.name, self.log = name, system.home / f"{name}.log"
        with self.log.open("wb") as out:
            self.popen = subprocess.Popen([*AUGENTIS, name], env=_environment(system), stderr=out)
        self._process, self.peak = psutil.Process(self.popen.pid), 0.0

    def look(self) -> None:
        if self.popen.poll() is not None:
            sys.exit(f"{self.name} ended with {self.popen.returncode}:\n{self.log.read_text()[-3000:]}")
        self.peak = max(self.peak, self._process.memory_info().rss / 2**20)


def _environment(system: System) -> dict[str, str]:
    return system.environment(AUGENTIS_MAX_MESSAGE_BYTES=str(ROOM))


async def until(watched: list[Watched], system: System, told: str, sql: str, *arguments: object) -> float:
    """Wait until `sql` is true; return the seconds."""
    began = time.monotonic()
    while not await system.value(sql, *arguments):
        for each in watched:
            each.look()
        await asyncio.sleep(0.5)
    seconds = time.monotonic() - began
    print(f"{told} after {seconds:.0f} s; peak MiB: {', '.join(f'{w.name} {w.peak:.0f}' for w in watched)}")
    return seconds


async def run(system: System, seed: int, count: int, large: int) -> bool:
    project = await system.organisation()
    bad, good = await publish(system, project, seed, count, large)
    total = sum((await system.ends(RAW)).values())
    print(f"{total:,} messages in the log, {bad:,} of them malformed, {large} of {LARGE_BYTES:,} bytes")
    watched = [Watched(system, "worker"), Watched(system, "relay")]
    try:
        read = "SELECT sum(next_offset) >= $1 FROM partition_ledger WHERE topic = $2"
        seconds = await until(watched, system, "all was read", read, total, RAW)
        relayed = "SELECT count(*) = 0 FROM outbox WHERE topic = $1"
        more = await until(watched, system, "all dead letters were in Kafka", relayed, f"{RAW}.dlq")
    finally:
        for each in watched:
            each.popen.terminate()
    print(
        f"{total / seconds:,.0f} messages/s read, {total / (seconds + more):,.0f} with their letters in Kafka"
    )
    return await accounted(system, project, bad, good)


async def accounted(system: System, project: Project, bad: int, good: int) -> bool:
    records = await system.value("SELECT count(DISTINCT (partition, record_offset)) FROM dead_letter")
    letters = await system.value("SELECT count(*) FROM dead_letter")
    in_kafka = sum((await system.ends(f"{RAW}.dlq")).values())
    counted = await system.count(project)
    print(f"{records:,} of {bad:,} malformed messages are dead letters ({letters:,}, {in_kafka:,} in Kafka)")
    print(f"{counted:,} of {good * SAMPLES:,} good samples are counted")
    return bool(records == bad and letters == in_kafka and counted == good * SAMPLES)


async def main(seed: int, count: int, large: int) -> bool:
    with tempfile.TemporaryDirectory() as home, running_stack(Path(home)) as provided:
        system = System(Path(home), provided, PARTITIONS)
        subprocess.run(
            [*AUGENTIS, "migrate"], env=_environment(system), check=True, stdout=subprocess.DEVNULL
        )
        held = await run(system, seed, count, large)
    print("all accounted for" if held else "NOT all accounted for")
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "1")))
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=50)
    given = parser.parse_args()
    sys.exit(0 if asyncio.run(main(given.seed, given.count, given.large)) else 1)
