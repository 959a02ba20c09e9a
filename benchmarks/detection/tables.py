"""How the results are printed: one function a part, given the results by label."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.detection.asked import Budget, Drifted, Recovery
from benchmarks.detection.blocks import GAPS, ORACLE, OURS, Block
from benchmarks.detection.cost import Cost
from benchmarks.detection.counting import Delays, Rate

Results = Mapping[str, Any]


def _rate(rate: Rate) -> str:
    low, high = rate.interval
    if rate.a_year >= 10:
        return f"{rate.a_year:>9,.0f} [{low:,.0f}, {high:,.0f}]"
    return f"{rate.a_year:>9.3f} [{low:.3f}, {high:.3f}]"


def _delays(found: list[Delays]) -> str:
    return "/".join(_delay(each) for each in found)


def _delay(found: Delays) -> str:
    return f"{_days(found.median, found)}({_days(found.late, found)})"


def _days(days: float, found: Delays) -> str:
    return f">{found.most}" if days >= found.most else f"{days:.0f}"


def _times(block: Block, at: int) -> str:
    ratios = [block.times_oracle(at, gap) for gap in GAPS if (at, gap) in block.delays]
    return "/".join("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)


def _shifts(block: Block, at: int, who: str) -> str:
    return _delays([found[who] for (day, _), found in block.delays.items() if day == at])


HEAD = f"{'':34}{'false alarms a year':>26}  {'in 30 days':>10}"
SHIFTS = "5/10/20 %: median(90 %) days"


def rivals(results: Results) -> None:
    print(f"{HEAD}  from launch, {SHIFTS:<28}  after 90 days")
    for label, block in results.items():
        print(label)
        for who, rate in block.rates.items():
            launch, later = _shifts(block, 0, who), _shifts(block, 90, who)
            print(f"  {who:<32}{_rate(rate):>26}  {rate.early_share:>10.1%}  {launch:<41}  {later}")
        print(
            f"  mean delay, ours as times the oracle's: launch {_times(block, 0)}, day 90 {_times(block, 90)}"
        )


def metrics(results: Results) -> None:
    print(f"{HEAD}  after 90 days, {SHIFTS:<28}  times the oracle")
    for label, block in results.items():
        rate = block.rates[OURS]
        print(
            f"{label:<34}{_rate(rate):>26}  {rate.early_share:>10.1%}  {_shifts(block, 90, OURS):<43}"
            f"  {_times(block, 90)}"
        )


def stress(results: Results) -> None:
    print(f"{HEAD}  10 % after 90 days: median(90 %) days")
    for label, block in results.items():
        rate = block.rates[OURS]
        print(f"{label:<34}{_rate(rate):>26}  {rate.early_share:>10.1%}  {_shifts(block, 90, OURS)}")


def small(results: Results) -> None:
    for block in results.values():
        for (_, gap), found in block.delays.items():
            print(f"{gap:.0%} from day 90: {_delay(found[OURS])} days, oracle {_delay(found[ORACLE])}")


def drift(results: Mapping[str, Drifted]) -> None:
    for label, found in results.items():
        print(f"{label}: told after {_delay(found.delays)} days, {found.gap:.1%} beyond the bound")


def ramp(results: Mapping[str, float]) -> None:
    for label, share in results.items():
        print(f"{label}: {share:.0%} told as a breach")


def fast(results: Mapping[str, Delays]) -> None:
    for label, found in results.items():
        hours = f"median {24 * found.median:.0f} h (90 % {24 * found.late:.0f} h)"
        print(
            f"{label} from noon: {hours}, {found.within(0.5):.0%} by midnight, {found.within(1):.0%} in 24 h"
        )


def recovery(results: Mapping[str, Recovery]) -> None:
    for label, found in results.items():
        print(
            f"{label}: a lasting breach called over {_rate(found.flaps).strip()} times a year; "
            f"one that ended, after {_delay(found.days)} days"
        )


def budget(results: Mapping[str, Budget]) -> None:
    print("50 assumptions on their bounds, budget 1 a year")
    for label, found in results.items():
        print(
            f"{label}: {_rate(found.later).strip()} alarms an organisation-year, "
            f"in the first 30 days {_rate(found.launch).strip()}; {found.later.years:.0f} years"
        )


def cost(results: Mapping[str, dict[str, Cost]]) -> None:
    print(f"{'':34}{'bytes of state':>15}  {'us a day':>9}")
    for found in results.values():
        for who, each in found.items():
            print(f"{who:<34}{each.size:>15,}  {each.microseconds:>9.2f}  {each.note}")


TITLES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "rivals": ("Adoption on its bound (generator B), beside rivals", rivals),
    "mixed": ("Series of all kinds (generator M)", rivals),
    "metrics": ("All six metrics", metrics),
    "stress": ("What is not as assumed, phi .8", stress),
    "small": ("Small breaches", small),
    "drift": ("Slow drift from day 90 on", drift),
    "ramp": ("A value that climbs to its bound after launch", ramp),
    "fast": ("Gross breaches", fast),
    "recovery": ("Recovery", recovery),
    "budget": ("An organisation's budget", budget),
    "cost": ("What a state takes, and a day", cost),
}


def show(part: str, results: Results) -> None:
    title, table = TITLES[part]
    print(f"\n{title}\n")
    table(results)
