"""What open hours cost, and how soon one is closed: `make bench-windows`.

A window is a series (metric, cohort, feature) in an hour. (a) The curve: so many windows are held open by a
long grace, and samples go round them all, which is the worst for the worker's memory of partials. (b) The
time to close one hour of many series. (c) The time from the moment at which Kafka has the samples that make
a project's hour closable to the commit of its rows, seen by another connection, under a usual load.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import psutil
from aiokafka import AIOKafkaProducer

from benchmarks import throughput
from benchmarks.ground import Ground, ground
from benchmarks.throughput import COHORTS, METRICS, PARTITIONS, TOPIC
from streams.app import GROUP
from streams.close import Closer, Patience

OPEN = {"AUGENTIS_GRACE": "30d", "AUGENTIS_IDLE_AFTER": "30d", "AUGENTIS_MAX_SERIES": "2000000"}
"""No hour closes."""
HOURS = 10
MESSAGE = 500
COUNT = "SELECT count(*) FROM partial"
BYTES = """SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits
           WHERE inhparent = 'partial'::regclass"""
CLOSED = "SELECT project_id::text, closed_through FROM project_clock"


def sample(number: int, at: datetime) -> dict[str, object]:
    """A sample of the series with this number."""
    metric = METRICS[number % 6]
    body = {
        "metric_name": metric,
        "value": number * 7919 % 50,
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cohort": COHORTS[number // 6 % 3],
        "feature": f"F{number // 18}",
    }
    return body if metric in ("feature_usage", "latency_p50") else body | {"of": 50}


def round_all(windows: int, hours: int, samples: int) -> Iterator[dict[str, object]]:
    """Samples that go round all windows; `hours` of them before now."""
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for number in range(samples):
        window = number % windows
        yield sample(window // hours, newest - timedelta(hours=window % hours))


async def publish(on: Ground, windows: int, hours: int, samples: int, *, over: bool = False) -> None:
    """A series stays in its partition, as with a producer that keys its messages; `over` ends their hours."""
    producer = AIOKafkaProducer(
        bootstrap_servers=on.env["KAFKA_BOOTSTRAP_SERVERS"], linger_ms=20, max_batch_size=1 << 19, acks=1
    )
    await producer.start()
    batches: list[list[dict[str, object]]] = [[] for _ in range(PARTITIONS)]
    sent = []
    for number, each in enumerate(round_all(windows, hours, samples)):
        partition = number % windows // hours % PARTITIONS
        batches[partition].append(each)
        if len(batches[partition]) == MESSAGE:
            sent.append(await producer.send(TOPIC, body(on, batches[partition]), partition=partition))
            batches[partition] = []
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for partition, batch in enumerate(batches):
        if over:
            batch.append(sample(partition, this_hour))
        if batch:
            sent.append(await producer.send(TOPIC, body(on, batch), partition=partition))
    await asyncio.gather(*sent)
    await producer.stop()


def body(on: Ground, batch: list[dict[str, object]], project: str = "") -> bytes:
    head = {"org_id": on.org_id, "project_id": project or on.project_id, "batch_id": str(uuid4())}
    return json.dumps(head | {"samples": batch}).encode()


async def open_windows(windows: int, least: int) -> None:
    """Print a line of the curve."""
    hours = min(HOURS, windows)
    with ground(PARTITIONS, OPEN) as on:
        samples = max(2 * windows, least)
        await publish(on, windows, hours, samples)
        last = sum((await throughput.ends(on.env)).values())
        run = await throughput.ours(on.env, 0, last, on.home / "worker.log")
        connection = await asyncpg.connect(on.superuser)
        count, total = await connection.fetchval(COUNT), await connection.fetchval(BYTES)
        await connection.close()
    assert run.samples == samples
    assert count == windows
    cost = run.cpu / run.samples * 1e6
    print(f"{windows:>12,}{run.speed:>12,.1f}{cost:>15.2f}{run.peak_mib:>10.0f}{total / count:>16.0f}")


async def close_one_hour(series: int) -> None:
    with ground(PARTITIONS, OPEN) as on:
        await publish(on, series, 1, series, over=True)
        last = sum((await throughput.ends(on.env)).values())
        await throughput.ours(on.env, 0, last, on.home / "worker.log")
        async with asyncpg.create_pool(on.env["DATABASE_URL_WORKER"], min_size=1, max_size=1) as pool:
            at_once = Patience(timedelta(0), timedelta(hours=1), timedelta(days=7))
            began, used = time.monotonic(), time.process_time()
            while await Closer(pool, GROUP, at_once).tick():
                pass
            seconds, cpu = time.monotonic() - began, time.process_time() - used
            rows = await pool.fetchval("SELECT count(*) FROM telemetry")
    assert rows == series
    peak = psutil.Process().memory_info().rss / 2**20
    print(
        f"\n{series:,} series of one hour closed in {seconds:.1f} s ({cpu:.1f} s of it ours),"
        f" {seconds / series * 1e6:.0f} us a row, {peak:.0f} MiB resident after"
    )


async def more_projects(on: Ground, count: int) -> list[str]:
    """Return the ids of `count` projects, copies of the one that is there."""
    connection = await asyncpg.connect(on.superuser)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT * FROM project")
        for number in range(1, count):
            await connection.execute(
                "UPDATE copied SET id = gen_random_uuid(), name = $1", f"Project {number}"
            )
            await connection.execute("INSERT INTO project SELECT * FROM copied")
    found = [str(row[0]) for row in await connection.fetch("SELECT id FROM project ORDER BY name")]
    await connection.close()
    return found


class Delays:
    """When an hour could close, when it was seen closed."""

    def __init__(self) -> None:
        self.closable: dict[tuple[str, datetime], float] = {}
        self.seconds: list[float] = []

    async def watch(self, url: str) -> None:
        """Look each 5 ms at how far the projects are closed."""
        connection = await asyncpg.connect(url)
        while True:
            rows = await connection.fetch(CLOSED)
            now = time.monotonic()
            through = {row[0]: row[1] for row in rows}
            for key in [key for key in self.closable if key[0] in through and key[1] <= through[key[0]]]:
                self.seconds.append(now - self.closable.pop(key))
            await asyncio.sleep(0.005)


async def hour_by_hour(on: Ground, projects: list[str], hours: int, pause: float, delays: Delays) -> None:
    """Publish hour after hour of all projects, one message a partition each, from the eleventh minute on.

    That is past the grace of the hour before: it is closable once the last of them is in Kafka.
    """
    producer = AIOKafkaProducer(bootstrap_servers=on.env["KAFKA_BOOTSTRAP_SERVERS"], acks="all")
    await producer.start()
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for hour in (newest - timedelta(hours=hours - number) for number in range(hours + 1)):
        for project in projects:
            at = hour + timedelta(minutes=11)
            batches = [[sample(n % 72, at) for n in range(MESSAGE)] for _ in range(PARTITIONS)]
            sent = [
                await producer.send(TOPIC, body(on, batch, project), partition=partition)
                for partition, batch in enumerate(batches)
            ]
            await asyncio.gather(*sent)
            if hour > newest - timedelta(hours=hours):
                delays.closable[project, hour] = time.monotonic()
            await asyncio.sleep(pause / len(projects))
    await producer.stop()


async def delays_of(projects: int, hours: int, pause: float) -> None:
    with ground(PARTITIONS) as on:
        process = throughput.worker(on.env, on.home / "worker.log")
        while "claimed" not in (on.home / "worker.log").read_text():
            await asyncio.sleep(0.1)
        delays = Delays()
        watch = asyncio.create_task(delays.watch(on.superuser))
        try:
            await hour_by_hour(on, await more_projects(on, projects), hours, pause, delays)
            last = time.monotonic() + 60
            while delays.closable and time.monotonic() < last:
                await asyncio.sleep(0.1)
        finally:
            watch.cancel()
            process.terminate()
            process.wait()
    assert not delays.closable, f"{len(delays.closable)} hours never closed"
    cuts = statistics.quantiles(delays.seconds, n=100)
    load = projects * PARTITIONS * MESSAGE / pause
    print(
        f"\nfrom closable to committed: p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s (goal 2), most"
        f" {max(delays.seconds):.2f} s, of {len(delays.seconds)} hours; {projects} projects,"
        f" {load:,.0f} samples/s"
    )


def curve(sizes: list[int], least: int) -> None:
    print(
        f"{'open windows':>12}{'k samples/s':>12}{'CPU us/sample':>15}{'peak MiB':>10}{'bytes a window':>16}"
    )
    for size in sizes:
        asyncio.run(open_windows(size, least))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--samples", type=int, default=500_000, help="of a line of the curve, at least")
    parser.add_argument("--series", type=int, default=100_000, help="of the hour that is closed")
    parser.add_argument("--projects", type=int, default=10)
    parser.add_argument("--hours", type=int, default=100, help="closed for each project, at most 160")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two hours")
    given = parser.parse_args()
    curve(given.windows, given.samples)
    asyncio.run(close_one_hour(given.series))
    asyncio.run(delays_of(given.projects, given.hours, given.pause))
