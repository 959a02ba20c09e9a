"""The goals that were set, held against what was measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.detection.asked import Budget
from benchmarks.detection.blocks import GAPS, OURS, Block

_RATE, _UPPER, _SLOW_RATE = 0.1, 0.13, 0.2
_EARLY = 0.02
_TIMES = 1.15
_MEDIANS = {90: (12, 4, 1), 0: (9, 4, 1)}


@dataclass(frozen=True)
class Goal:
    what: str
    found: float
    at_most: float

    def __str__(self) -> str:
        said = "pass" if self.found <= self.at_most else "MISS"
        return f"{said}  {self.what}: {self.found:.3g} (at most {self.at_most:g})"


def of_blocks(blocks: Mapping[str, Block]) -> Iterator[Goal]:
    """Yield the goals of the table beside rivals."""
    for label, block in blocks.items():
        rate = block.rates[OURS]
        if block.case.phi <= 0.8:
            yield Goal(f"{label}: false alarms a year", rate.a_year, _RATE)
            yield Goal(f"{label}: upper end of their interval", rate.interval[1], _UPPER)
        if block.case.phi == 0.95:
            yield Goal(f"{label}: false alarms a year", rate.a_year, _SLOW_RATE)
        if block.case.phi == 0.8:
            yield Goal(f"{label}: share alarmed in 30 days", rate.early_share, _EARLY)
            yield from _of_delays(label, block)


def _of_delays(label: str, block: Block) -> Iterator[Goal]:
    for at, medians in _MEDIANS.items():
        for gap, most in zip(GAPS, medians, strict=True):
            yield Goal(
                f"{label}: median days to {gap:.0%} from day {at}", block.delays[at, gap][OURS].median, most
            )
    for gap in GAPS:
        times = block.times_oracle(90, gap)
        if times is not None:
            yield Goal(f"{label}: mean days to {gap:.0%} from day 90, times the oracle's", times, _TIMES)


def of_budget(budgets: Mapping[str, Budget]) -> Iterator[Goal]:
    """Yield the goal of an organisation's budget."""
    for label, found in budgets.items():
        yield Goal(f"budget, {label}: upper end of alarms an organisation-year", found.later.interval[1], 1)
