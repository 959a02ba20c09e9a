"""One block of a table: sound series of a case, broken ones, and what each contender says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.detection import ours, river_peers, sums, thresholds
from benchmarks.detection.cases import Case
from benchmarks.detection.counting import Delays, Rate, Said, delays, false_alarms
from benchmarks.detection.series import Series, simulate

OURS, ORACLE = "ours", "oracle"
GAPS = (0.05, 0.1, 0.2)
BREAKS = tuple((at, gap) for at in (0, 90) for gap in GAPS)
LATER = tuple((at, gap) for at, gap in BREAKS if at)
TUNED_ON = Case("B, phi 0.8")
"""What rivals are tuned on, with tuning seeds, to our goal of 0.1 false alarms a year."""
_GOAL = 0.1
_MORE = 4
"""Tuning takes so many times the series that are reported: a threshold rests on few alarms."""


@dataclass(frozen=True)
class Tuned:
    """Thresholds of those rivals that have one to tune; `river` is None where it is not installed."""

    cusum: float
    river: float | None

    @classmethod
    def now(cls, count: int) -> "Tuned":
        """Tune them on `count` series, of seeds that are not reported."""
        river = river_peers.threshold(TUNED_ON, _GOAL, 2 * count) if river_peers.installed() else None
        return cls(sums.threshold("cusum", TUNED_ON, _GOAL, _MORE * count), river)

    def say(self, series: Series) -> dict[str, Said]:
        """Return what the rivals say."""
        said = {
            "hourly threshold": thresholds.hourly(series),
            "daily threshold": thresholds.daily(series),
            "3 sigma, days": thresholds.three_sigma(series),
            "tuned CUSUM, days": sums.said("cusum", series, self.cusum),
        }
        if self.river is not None:
            said |= {name: peer.said for name, peer in river_peers.said(series, self.river).items()}
        return said


@dataclass(frozen=True)
class Block:
    """What was found: false alarms and delays (by day and gap of the break), by contender."""

    case: Case
    rates: dict[str, Rate]
    delays: dict[tuple[int, float], dict[str, Delays]] = field(default_factory=dict)

    def times_oracle(self, at: int, gap: float, who: str = OURS) -> float | None:
        """Return the mean delay as times the oracle's, None where there is no oracle."""
        found = self.delays[at, gap]
        return found[who].mean / found[ORACLE].mean if ORACLE in found else None


def block(
    case: Case,
    count: int,
    breaks: Sequence[tuple[int, float]] = (),
    *,
    tuned: Tuned | None = None,
    against_oracle: bool = True,
) -> Block:
    """Run one block of `count` series a cell; with `tuned` the rivals take part."""
    sound = simulate(case, count)
    said = {OURS: ours.said(case, sound)}
    rate = false_alarms(said[OURS], case.days)
    others = _others(case, rate, _MORE * count, tuned, against_oracle=against_oracle)
    said |= others(sound)
    rates = {name: false_alarms(each, case.days) for name, each in said.items()}
    found = {}
    for at, gap in breaks:
        broken = case.broken(at, gap)
        series = simulate(broken, count)
        said = {OURS: ours.said(broken, series)} | others(series)
        found[at, gap] = {name: delays(each, at, broken.days) for name, each in said.items()}
    return Block(case, rates, found)


def _others(
    case: Case, rate: Rate, count: int, tuned: Tuned | None, *, against_oracle: bool
) -> Callable[[Series], dict[str, Said]]:
    # The oracle alarms as often as ours did; half an alarm stands for none.
    wanted = max(rate.alarms, 0.5) / rate.years
    known = sums.threshold(ORACLE, case, wanted, count) if against_oracle else None

    def others(series: Series) -> dict[str, Said]:
        said = tuned.say(series) if tuned else {}
        if known is not None:
            said[ORACLE] = sums.said(ORACLE, series, known)
        return said

    return others
