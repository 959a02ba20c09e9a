"""The parts of the bench: which cases, and what is asked of each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.detection.asked import NOON, budget, drift, fast, ramp, recovery
from benchmarks.detection.blocks import BREAKS, LATER, Tuned, block
from benchmarks.detection.cases import Case
from benchmarks.detection.cost import costs
from benchmarks.detection.noise import day_shocks, doubling, heavy_tails, long_memory, mixture
from metrics.names import Metric

PHIS = (0.0, 0.5, 0.8, 0.9, 0.95)
STRESS = (
    Case("no cycles", cycle=0.0, weekend=0.0),
    Case("weekends 12 % lower", weekend=-0.12),
    Case("daily cycle of 25 %", cycle=0.25),
    Case("a fifth of the traffic on weekends", weekend_traffic=0.2),
    Case("traffic grows from 3 % in 30 days", traffic_from=0.03),
    Case("11 users an hour", users=11),
    Case("users decide in threes", overdispersion=3.0),
    Case("a fifth of the hours missing", missing=0.2),
    Case("days and blocks of hours missing", gaps=True),
    Case("an outlier in 200 hours", outliers=1 / 200),
    Case("shocks of single days", noise=day_shocks),
    Case("2 % inside the bound", inside=0.02),
    Case("5 % inside the bound", inside=0.05),
    Case("heavy tails (t, 3 df)", noise=heavy_tails),
    Case("monthly swing of 2 %", swing=0.02, swing_days=30),
    Case("ten holidays a year, 10 % lower", holidays=10),
    Case("the same, taken out", holidays=10, taken_out=True),
    Case("AR(.5) + AR(.98)", noise=mixture),
    Case("long memory", noise=long_memory),
    Case("variance doubles half way", noise=doubling),
    Case("yearly swing of 2.5 %", swing=0.025),
)
SMALL = tuple((90, gap) for gap in (0.02, 0.03, 0.04))
DRIFTS = tuple(Case(f"drift, {rate:.0%} a month", drift=rate, days=300) for rate in (0.01, 0.03))
RAMPS = tuple(
    Case(f"climbs from 60 to 100 % in 20 days, grace {grace}", value_from=0.6, days=90, grace=grace)
    for grace in (0, 7, 10, 21)
)
SLOW = tuple(
    Case(f"{kind}, phi 0.95, declared slow", 0.95, mixed=kind == "M", slow=True) for kind in ("B", "M")
)
GROSS = tuple(Case(f"gross, {gap:.0%}", at=NOON, gap=gap, days=100) for gap in (0.2, 0.3, 0.5, 0.8))
MENDED = tuple((gap, phi) for gap in (0.05, 0.1) for phi in (0.0, 0.8, 0.95))
ORGANIZATIONS = ((0.0, 0.5, 0.8), (0.95,))
"""The wobble of an organisation's assumptions: a usual mixture, and the worst."""
BUDGET = 1.0


@dataclass(frozen=True)
class Job:
    """A call for a process of its own; what it returns belongs to the table of `part`, under `label`."""

    part: str
    label: str
    call: Callable[[], Any]


def jobs(count: int, tuned: Tuned) -> list[Job]:
    """Return all jobs for `count` series a cell, parts in the order in which they are printed."""
    alone = partial(block, count=count, against_oracle=False)
    rivals = [Case(f"B, phi {phi:g}", phi) for phi in PHIS]
    mixed = [Case(f"M, phi {phi:g}", phi, mixed=True) for phi in PHIS]
    metrics = [Case(f"{metric}, phi {phi:g}", phi, metric=metric) for metric in Metric for phi in (0.0, 0.8)]
    small = Case("small breaches, phi 0.8")
    return [
        *(Job("rivals", case.name, partial(block, case, count, BREAKS, tuned=tuned)) for case in rivals),
        *(Job("mixed", case.name, partial(block, case, count, BREAKS)) for case in (*mixed, *SLOW)),
        *(Job("metrics", case.name, partial(block, case, count, LATER)) for case in metrics),
        *(Job("stress", case.name, partial(alone, case, breaks=((90, 0.1),))) for case in STRESS),
        Job("small", small.name, partial(block, small, count, SMALL)),
        *(Job("drift", case.name, partial(drift, case, count)) for case in DRIFTS),
        *(Job("ramp", case.name, partial(ramp, case, count)) for case in RAMPS),
        *(Job("fast", case.name, partial(fast, case, count)) for case in GROSS),
        *(
            Job("recovery", f"{gap:.0%}, phi {phi:g}", partial(recovery, gap, phi, count))
            for gap, phi in MENDED
        ),
        *(
            Job("budget", f"phi {'/'.join(map('{:g}'.format, phis))}", partial(budget, phis, BUDGET, count))
            for phis in ORGANIZATIONS
        ),
        Job("cost", "cost", partial(costs, count)),
    ]


PARTS = tuple(dict.fromkeys(job.part for job in jobs(1, Tuned(1.0, None))))
