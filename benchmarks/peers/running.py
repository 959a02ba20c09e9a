"""Running one peer beside an empty table, and judging what it wrote."""

import asyncio
import json
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from benchmarks import throughput
from benchmarks.ground import Ground
from benchmarks.throughput import Case, Run

PYTHON = Path(".venv-peers/bin/python")
HOURLY = """CREATE TABLE hourly (project text, hour text, metric text, cohort text, feature text,
            total double precision, samples bigint, PRIMARY KEY (project, hour, metric, cohort, feature))"""
THEIRS = "SELECT hour, metric, cohort, feature, total, samples FROM hourly"
COUNTED = "SELECT coalesce(sum(samples), 0)::bigint FROM hourly"
SERIES = ("metric_name", "cohort", "feature")
Totals = dict[tuple[str, ...], tuple[float, int]]


@dataclass(frozen=True)
class Peer:
    """A file of this folder; a slow one reads a shorter log."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    slow: bool = False


@dataclass(frozen=True)
class Result:
    """`fault` says what is wrong with the figures, or why there are none."""

    run: Run | None
    fault: str = ""


def expected(case: Case) -> Totals:
    """What the samples add up to, from the samples alone."""
    sums: Counter[tuple[str, ...]] = Counter()
    counts: Counter[tuple[str, ...]] = Counter()
    for each in throughput.samples(case.samples):
        key = (str(each["timestamp"])[:13], *(str(each[name]) for name in SERIES))
        sums[key] += int(str(each["value"]))
        counts[key] += 1
    return {key: (float(sums[key]), counts[key]) for key in counts}


def difference(found: Totals, wanted: Totals) -> str:
    """Say plainly what is wrong with totals, nothing if they are right."""
    if found == wanted:
        return ""
    counted, published = (sum(count for _, count in each.values()) for each in (found, wanted))
    wrong = sum(found.get(key) != wanted.get(key) for key in found.keys() | wanted.keys())
    return f"WRONG TOTALS: {counted:,} of {published:,} samples counted, {wrong} of {len(wanted)} rows differ"


async def totals(address: str, query: str) -> Totals:
    connection = await asyncpg.connect(address)
    rows = await connection.fetch(query)
    await connection.close()
    return {tuple(row[:4]): (row[4], row[5]) for row in rows}


async def beside(peer: Peer, on: Ground, stops: dict[int, int], wanted: Totals, patience: float) -> Result:
    """Run a peer until its table counts all samples, it ends, or its time is over."""
    address = await _emptied(on.superuser)
    with tempfile.TemporaryDirectory() as state:
        settings = {"PEERS_DATABASE": address, "PEERS_STATE": state, "PEERS_ENDS": json.dumps(stops)}
        arguments = [str(PYTHON), "-m", f"benchmarks.peers.{peer.module}", *peer.arguments]
        env, log = on.env | settings | {"PYTHONWARNINGS": "ignore"}, on.home / "peer.log"
        with log.open("w") as out:
            process = subprocess.Popen(arguments, env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            cpu, peak = await _watched(process, address, sum(count for _, count in wanted.values()), patience)
            seconds, running = time.monotonic(), process.poll() is None
        finally:
            process.kill()
            process.wait()
        began = Path(state, "began")
        first, start = json.loads(began.read_text()) if began.exists() else (seconds, 0.0)
    found = await totals(address, THEIRS)
    counted = sum(count for _, count in found.values())
    if not counted:
        return Result(None, f"no rows in {patience:.0f} s; {_end_of(log)}")
    run = Run(counted, seconds - first, cpu - start, peak, start)
    if running and counted < sum(count for _, count in wanted.values()):
        return Result(run, f"NOT DONE in {patience:.0f} s: {difference(found, wanted)}")
    return Result(run, difference(found, wanted))


async def _watched(
    process: "subprocess.Popen[bytes]", address: str, samples: int, patience: float
) -> tuple[float, float]:
    """Return CPU seconds and peak MiB of a process that is done."""
    connection = await asyncpg.connect(address)
    seen, last = psutil.Process(process.pid), time.monotonic() + patience
    cpu = peak = 0.0
    while time.monotonic() < last and process.poll() is None:
        cpu, peak = sum(seen.cpu_times()[:2]), max(peak, seen.memory_info().rss / 2**20)
        if await connection.fetchval(COUNTED) >= samples:
            break
        await asyncio.sleep(0.02)
    await connection.close()
    return cpu, peak


async def _emptied(superuser: str) -> str:
    """Return the address of a database with an empty table `hourly`."""
    address = urlunsplit(urlsplit(superuser)._replace(path="/peers"))
    connection = await asyncpg.connect(superuser)
    await connection.execute("DROP DATABASE IF EXISTS peers WITH (FORCE)")
    await connection.execute("CREATE DATABASE peers")
    await connection.close()
    connection = await asyncpg.connect(address)
    await connection.execute(HOURLY)
    await connection.close()
    return address


def _end_of(log: Path) -> str:
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
