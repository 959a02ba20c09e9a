"""What detection costs and finds, simulated, ours beside rivals and an oracle: `make bench-detection`.

Every cell has a seed of its own. No parameter was tuned on these seeds: rivals that need tuning are tuned on
others (`cases.TUNING`). docs/detection.md explains the columns. Progress is told on stderr.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import chain
from typing import Any

from benchmarks.detection import goals, river_peers, tables
from benchmarks.detection.blocks import Tuned
from benchmarks.detection.parts import PARTS, Job, jobs

QUICK = 20


def tell(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


def run(count: int, parts: list[str]) -> dict[str, dict[str, Any]]:
    """Return the results by part and label, in the order of the parts."""
    begun = time.monotonic()
    if not river_peers.installed():
        tell(
            f"no {river_peers.PYTHON}: ADWIN and Page-Hinkley are left out (`make bench-detection` makes it)"
        )
    tuned = Tuned.now(count) if "rivals" in parts else Tuned(1.0, None)
    todo = [job for job in jobs(count, tuned) if job.part in parts]
    found: dict[tuple[str, str], Any] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(job.call): job for job in todo}
        for number, done in enumerate(as_completed(running), start=1):
            job = running[done]
            found[job.part, job.label] = done.result()
            tell(f"{time.monotonic() - begun:6.0f} s  {number}/{len(todo)}  {job.part}: {job.label}")
    return _by_part(todo, found)


def _by_part(todo: list[Job], found: dict[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for job in todo:
        parts[job.part][job.label] = found[job.part, job.label]
    return parts


def main(count: int, parts: list[str]) -> None:
    results = run(count, parts)
    print(f"{count} series a cell")
    for part, found in results.items():
        tables.show(part, found)
    print("\nGoals\n")
    blocks = chain(results.get("rivals", {}).items(), results.get("mixed", {}).items())
    for goal in chain(goals.of_blocks(dict(blocks)), goals.of_budget(results.get("budget", {}))):
        print(goal)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=200, help="series a cell")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK} series a cell: whether it runs, no figures"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these tables only")
    given = parser.parse_args()
    main(QUICK if given.quick else given.series, given.only)
