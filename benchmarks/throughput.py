"""Samples a second, ours beside the limit, in one run: `make bench`.

The limit is the least that anybody has to do in one Python process: aiokafka's getmany, a typed decode,
a sum in a dict, COPY at the end; no rules, no users counted, no repeats dropped. Ours is one worker with all
of it: from the first record read to the last commit. Both read the same log, in turn; quote the ratio.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from cli.stack import running_stack
from cli.stack.layout import Layout

METRICS = ("feature_usage", "retention", "crash_rate", "latency_p50", "error_rate", "user_adoption")
COHORTS = ("early_adopter", "mainstream", "enterprise")
TOPIC = "raw_metrics"
PARTITIONS = 4
POSITION = "SELECT coalesce(sum(next_offset), 0)::bigint FROM partition_ledger WHERE topic = $1"


class Sample(msgspec.Struct, gc=False):
    metric_name: str
    value: float
    timestamp: str
    cohort: str = ""
    feature: str = ""
    of: float | None = None


class Envelope(msgspec.Struct):
    project_id: str
    samples: list[Sample] | None = None
    metric_name: str | None = None
    value: float | None = None
    timestamp: str | None = None
    cohort: str = ""
    feature: str = ""
    of: float | None = None


@dataclass(frozen=True)
class Case:
    """A log to read: `size` samples a message, a third of which name one of `users`."""

    samples: int
    size: int
    users: int = 0
    goal: float = 0.0

    def __str__(self) -> str:
        named = f", a third of the samples name one of {self.users:,} users" if self.users else ""
        return f"{self.size}-sample messages, {self.samples:,} samples{named}"


CASES = (
    Case(4_000_000, 500, goal=0.8),
    Case(800_000, 1, goal=0.6),
    Case(4_000_000, 500, 10_000, goal=0.6),
    Case(800_000, 1, 10_000, goal=0.45),
)


@dataclass
class Run:
    """`cpu` is of the reading alone; a process's start is told apart."""

    samples: int
    seconds: float
    cpu: float
    peak_mib: float
    start: float

    @property
    def speed(self) -> float:
        return self.samples / self.seconds / 1000


def samples(count: int, users: int = 0) -> Iterator[dict[str, object]]:
    """Six metrics equally; with `users`, a third of the samples name one of so many."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
    for number in range(count):
        metric = METRICS[number % 6]
        at = start + timedelta(seconds=number * 5 * 3600 / count)
        sample: dict[str, object] = {
            "metric_name": metric,
            "value": number * 7919 % 50,
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "cohort": COHORTS[number // 6 % 3],
            "feature": "F12",
        }
        if metric not in ("feature_usage", "latency_p50"):
            sample["of"] = 50
        if users and number // 18 % 2 and metric not in ("crash_rate", "error_rate"):
            sample.pop("of", None)
            sample |= {"user_id": f"user-{number * 7919 % users}", "value": number % 2}
        yield sample


async def publish(env: dict[str, str], org: str, project: str, case: "Case") -> None:
    count, size = case.samples, case.size
    producer = AIOKafkaProducer(
        bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], linger_ms=20, max_batch_size=1 << 19, acks=1
    )
    await producer.start()
    head: dict[str, object] = {"org_id": org, "project_id": project}
    batch: list[dict[str, object]] = []
    sent: list[asyncio.Future[object]] = []
    for sample in samples(count, case.users):
        batch.append(sample)
        if len(batch) < size:
            continue
        body = head | sample if size == 1 else head | {"batch_id": str(uuid4()), "samples": batch}
        sent.append(await producer.send(TOPIC, json.dumps(body).encode(), partition=len(sent) % PARTITIONS))
        batch = []
    await asyncio.gather(*sent)
    await producer.stop()


async def limit(
    servers: str, ends: dict[int, tuple[int, int]], database: str
) -> tuple[int, float, float, float]:
    """Return samples, seconds, CPU seconds of the reading, CPU seconds before it."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, max_partition_fetch_bytes=4 << 20, enable_auto_commit=False
    )
    await consumer.start()
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE TEMP TABLE summed (key text, value double precision)")
    partitions = {TopicPartition(TOPIC, number): span for number, span in ends.items()}
    consumer.assign(list(partitions))
    for partition, (start, _) in partitions.items():
        consumer.seek(partition, start)
    decode = msgspec.json.Decoder(Envelope).decode
    sums: dict[tuple[str, str, str, str, str], float] = {}
    left = sum(end - start for start, end in partitions.values())
    count, began, cpu = 0, 0.0, 0.0
    while left:
        records = await consumer.getmany(timeout_ms=1000, max_records=50_000)
        if not began:
            began, cpu = time.monotonic(), time.process_time()
        for batch in records.values():
            left -= len(batch)
            for record in batch:
                envelope = decode(record.value)
                for sample in envelope.samples or (envelope,):
                    key = (
                        envelope.project_id,
                        sample.timestamp[:13],  # type: ignore[index]
                        sample.metric_name or "",
                        sample.cohort,
                        sample.feature,
                    )
                    sums[key] = sums.get(key, 0.0) + (sample.value or 0.0)
                    count += 1
    rows = [("|".join(key), value) for key, value in sums.items()]
    await connection.copy_records_to_table("summed", records=rows)
    seconds, used = time.monotonic() - began, time.process_time() - cpu
    await connection.close()
    await consumer.stop()
    return count, seconds, used, cpu


def limit_run(env: dict[str, str], spans: dict[int, tuple[int, int]]) -> Run:
    arguments = [sys.executable, "-m", "benchmarks.throughput", "--limit", json.dumps(spans)]
    process = subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{arguments} failed")
    count, seconds, cpu, start = out.split()
    return Run(int(count), float(seconds), float(cpu), usage.ru_maxrss / 1024, float(start))


def worker(env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("w") as out:
        return subprocess.Popen([sys.executable, "-m", "cli.main", "worker"], env=env, stderr=out)


async def ours(env: dict[str, str], first: int, last: int, log: Path) -> Run:
    process = worker(env, log)
    seen = psutil.Process(process.pid)
    connection = await asyncpg.connect(env["DATABASE_URL_WORKER"])
    start, position = 0.0, first
    while position < last:
        if process.poll() is not None:
            sys.exit(log.read_text())
        used = sum(seen.cpu_times()[:2])
        position = await connection.fetchval(POSITION, TOPIC)
        if position == first:
            start = used
        else:
            await asyncio.sleep(0.05)
    used = sum(seen.cpu_times()[:2])
    await connection.close()
    process.terminate()
    _, _, usage = os.wait4(process.pid, 0)
    found = re.search(r"raw_metrics: (\d+) samples .* in ([\d.]+) s", log.read_text())
    if not found:
        sys.exit(log.read_text())
    return Run(int(found[1]), float(found[2]), used - start, usage.ru_maxrss / 1024, start)


async def together(env: dict[str, str], first: int, last: int, log: Path) -> float:
    """Return the seconds of two workers, from the first commit seen to the last."""
    processes = [worker(env, log.with_name(f"worker{number}.log")) for number in (1, 2)]
    connection = await asyncpg.connect(env["DATABASE_URL_WORKER"])
    began, position = 0.0, first
    while position < last:
        position = await connection.fetchval(POSITION, TOPIC)
        if position == first or not began:
            began = time.monotonic()
        await asyncio.sleep(0.02)
    seconds = time.monotonic() - began
    await connection.close()
    for process in processes:
        process.terminate()
        process.wait()
    return seconds


async def reset(env: dict[str, str], starts: dict[int, int]) -> None:
    """Forget what was counted, and stand again where the log of this case begins."""
    connection = await asyncpg.connect(env["DATABASE_URL_WORKER"])
    superuser = await asyncpg.connect(_superuser_url(Layout(Path(env["AUGENTIS_HOME"]))))
    await superuser.execute(
        "TRUNCATE partial, batch_seen, project_watermark, project_clock, telemetry, outbox"
    )
    for number, start in starts.items():
        await connection.execute(
            "UPDATE partition_ledger SET next_offset = $1 WHERE topic = $2 AND partition = $3",
            start,
            TOPIC,
            number,
        )
    await connection.close()
    await superuser.close()


def _superuser_url(layout: Layout) -> str:
    """The tables that are partitioned are nobody's to empty who logs in."""
    memory = json.loads((layout.root / "memory.json").read_text())
    secret, port = memory["superuser_password"], memory["postgres_port"]
    return f"postgresql://postgres:{secret}@127.0.0.1:{port}/augentis"


async def ends(env: dict[str, str]) -> dict[int, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"])
    await consumer.start()
    found = await consumer.end_offsets([TopicPartition(TOPIC, number) for number in range(PARTITIONS)])
    await consumer.stop()
    return {partition.partition: offset for partition, offset in found.items()}


async def case(env: dict[str, str], ids: dict[str, str], case: Case, rounds: int) -> None:
    starts = await ends(env)
    # In a process of its own: the peak memory of a child counts what its parent had when it forked.
    given = json.dumps([ids["org_id"], ids["project_id"], vars(case)])
    subprocess.run([sys.executable, "-m", "benchmarks.throughput", "--publish", given], env=env, check=True)
    stops = await ends(env)
    spans = {number: (starts[number], stops[number]) for number in starts}
    span, log = (sum(starts.values()), sum(stops.values())), Path(env["AUGENTIS_HOME"]) / "worker.log"
    theirs: list[Run] = []
    mine: list[Run] = []
    for _ in range(rounds):
        theirs.append(limit_run(env, spans))
        await reset(env, starts)
        mine.append(await ours(env, *span, log))
        assert mine[-1].samples == case.samples == theirs[-1].samples
    show(case, theirs, mine)
    if case == CASES[0]:
        await reset(env, starts)
        two = await together(env, *span, log)
        one = statistics.median(run.seconds for run in mine)
        print(f"two workers: {one / two:.2f} of one (they share the machine with Kafka and PostgreSQL)")


def show(case: Case, theirs: list[Run], mine: list[Run]) -> None:
    print(f"\n{case}; median of {len(mine)}")
    print(f"{'':24}{'k samples/s':>12}{'CPU us/sample':>15}{'peak MiB':>10}{'CPU s to start':>16}")
    speeds, costs = [], []
    for name, runs in (("limit (no rules)", theirs), ("one worker, committed", mine)):
        speeds.append(statistics.median(run.speed for run in runs))
        costs.append(statistics.median(run.cpu / run.samples * 1e6 for run in runs))
        peak, start = max(run.peak_mib for run in runs), statistics.median(run.start for run in runs)
        print(f"{name:24}{speeds[-1]:>12,.0f}{costs[-1]:>15.2f}{peak:>10.0f}{start:>16.1f}")
    goals = f"(goals {case.goal:.2f} and 1.40)"
    print(f"{'ratio':24}{speeds[1] / speeds[0]:>12.2f}{costs[1] / costs[0]:>15.2f}  {goals}", flush=True)


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as home, running_stack(Path(home)) as stack:
        env = os.environ | stack | {"AUGENTIS_HOME": home, "AUGENTIS_TOPIC_PARTITIONS": str(PARTITIONS)}
        augentis = [sys.executable, "-m", "cli.main"]
        subprocess.run([*augentis, "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
        init = ["init", "--org", "bench", "--admin", "b@bench.example", "--project", "Bench", "--json"]
        said = subprocess.run([*augentis, *init], env=env, check=True, capture_output=True, text=True)
        for one in CASES:
            await case(env, json.loads(said.stdout), one, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", help=argparse.SUPPRESS)
    parser.add_argument("--publish", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.limit:
        spans = {int(number): tuple(span) for number, span in json.loads(given.limit).items()}
        servers, database = os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["DATABASE_URL_WORKER"]
        print(*asyncio.run(limit(servers, spans, database)))
    elif given.publish:
        org, project, fields = json.loads(given.publish)
        asyncio.run(publish(dict(os.environ), org, project, Case(**fields)))
    else:
        asyncio.run(main(given.rounds))
