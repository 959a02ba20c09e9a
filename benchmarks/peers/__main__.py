"""Peers, the limit and ours on one log, in turn: `make bench-peers`.

Totals are compared with what was published. A slow peer reads a log of its own that is `SHORTER` times as
short; the table says so. CPU is from the first record read on; peak is resident memory.
"""

import argparse
import asyncio
import json
import subprocess
import sys

from benchmarks import throughput
from benchmarks.ground import Ground, ground
from benchmarks.peers.running import PYTHON, Peer, Result, Totals, beside, difference, expected, totals
from benchmarks.throughput import PARTITIONS, Case

SHORTER = 100
PEERS = (
    Peer("limit, confluent-kafka", "confluent_limit"),
    Peer("Bytewax", "bytewax_flow"),
    Peer("Faust, raw events, no table", "faust_raw", ("worker", "-l", "error")),
    Peer("Quix Streams", "quix", slow=True),
    Peer("Faust, by key, windows", "faust_idiomatic", ("worker", "-l", "error"), slow=True),
)
PACKAGES = ("bytewax", "confluent-kafka", "faust-streaming", "quixstreams")
# Of latency_p50 we keep buckets, no sum: its count alone is compared.
OURS = """SELECT to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'), metric_name, cohort, feature,
          (sum(value_micro) / 1000000)::float8, sum(sample_count)::bigint FROM partial GROUP BY 1, 2, 3, 4"""


async def published(on: Ground, case: Case) -> dict[int, int]:
    given = json.dumps([on.org_id, on.project_id, vars(case)])
    subprocess.run(
        [sys.executable, "-m", "benchmarks.throughput", "--publish", given], env=on.env, check=True
    )
    return await throughput.ends(on.env)


def sums_but_of_latency(wanted: Totals) -> Totals:
    return {key: (0.0 if "latency_p50" in key else total, count) for key, (total, count) in wanted.items()}


async def whole(case: Case, patience: float) -> dict[str, Result]:
    """Run limit, ours and the peers that are not slow on one log."""
    wanted = expected(case)
    with ground(PARTITIONS) as on:
        stops = await published(on, case)
        spans = {number: (0, stop) for number, stop in stops.items()}
        found = {"limit (aiokafka, no rules)": Result(throughput.limit_run(on.env, spans))}
        run = await throughput.ours(on.env, 0, sum(stops.values()), on.home / "worker.log")
        found["ours, all rules"] = Result(
            run, difference(await totals(on.superuser, OURS), sums_but_of_latency(wanted))
        )
        for peer in (peer for peer in PEERS if not peer.slow):
            found[peer.name] = await beside(peer, on, stops, wanted, patience)
    return found


async def shorter(case: Case, patience: float) -> dict[str, Result]:
    wanted = expected(case)
    with ground(PARTITIONS) as on:
        stops = await published(on, case)
        return {
            f"{peer.name} *": await beside(peer, on, stops, wanted, patience) for peer in PEERS if peer.slow
        }


def show(case: Case, short: Case, found: dict[str, Result]) -> None:
    limit = next(iter(found.values())).run
    assert limit
    print(f"\n{case} (*: {short.samples:,})")
    print(f"{'':30}{'k samples/s':>12}{'CPU us/sample':>15}{'peak MiB':>10}{'of limit':>10}")
    for name, result in found.items():
        if run := result.run:
            cost = run.cpu / run.samples * 1e6
            figures = f"{run.speed:>12,.1f}{cost:>15.1f}{run.peak_mib:>10.0f}{run.speed / limit.speed:>10.3f}"
            print(f"{name:30}{figures}  {result.fault}")
        else:
            print(f"{name:30}  DID NOT RUN: {result.fault}")


def installed() -> None:
    script = (
        "import sys, importlib.metadata as m; print(*(f'{p} {m.version(p)}' for p in sys.argv[1:]), sep=', ')"
    )
    said = subprocess.run([PYTHON, "-c", script, *PACKAGES], capture_output=True, text=True, check=False)
    print(said.stdout.strip() or f"not all are installed: {said.stderr.strip().splitlines()[-1]}")


async def main(samples: int, patience: float) -> None:
    installed()
    for size in (500, 1):
        # A message of one sample costs a message: a fifth of the samples takes about as long.
        case = Case(samples if size > 1 else samples // 5, size)
        short = Case(max(size * PARTITIONS, case.samples // SHORTER // size * size), size)
        show(case, short, await whole(case, patience) | await shorter(short, patience))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4_000_000, help="of the log of 500-sample messages")
    parser.add_argument("--patience", type=float, default=180.0, help="seconds that a peer may take")
    given = parser.parse_args()
    asyncio.run(main(given.samples, given.patience))
