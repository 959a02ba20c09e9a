"""The pictures of docs/detection.md, drawn from seeded runs: `python -m benchmarks.detection.pictures`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.detection import ours
from benchmarks.detection.blocks import ORACLE, OURS, TUNED_ON, Block, Tuned, block
from benchmarks.detection.cases import Case
from benchmarks.detection.series import Series, simulate
from benchmarks.detection.svg import BLUE, GREEN, GREY, RED, Axis, Panel, write
from detectors.evidence import RECOVERED
from detectors.verdicts import Verdicts

FOLDER = Path("docs/pictures")
SERIES = 60
_WIDTH = 820
_LEFT, _ACROSS = 60, 730
_MEASURED = "adoption, %: hours grey, days blue, bound red"
_RATES = "false alarms a year on sound series"
_DELAYS = "mean days to find a drop of 10 % after 90 days"
_BESIDE = {
    OURS: (8, 4),
    ORACLE: (-48, 12),
    "tuned CUSUM, days": (-8, 18),
    "ADWIN, hours": (8, -6),
    "Page-Hinkley, days, tuned": (-60, -10),
    "Page-Hinkley, hours": (-60, -9),
    "daily threshold": (-102, 4),
    "hourly threshold": (-20, -8),
}
"""Where the name of a contender stands beside its dot, so that names do not meet."""
_BROKEN, _MENDED = 60, 90
_COURSE = Case("picture of a course", days=140, at=_BROKEN, until=_MENDED, gap=0.08)


def wobble(path: Path) -> None:
    """Two sound series whose hours scatter alike: one forgets within an hour, one remembers for days."""
    panels = []
    for index, (phi, kept) in enumerate(((0.0, "nothing of"), (0.95, "95 % of"))):
        case = Case("picture of wobble", phi, days=60, cycle=0.0, weekend=0.0, outliers=0.0)
        across = Axis(0, 60, range(0, 61, 10), "day" if index else "")
        panel = Panel(_LEFT, 30 + 190 * index, _ACROSS, 140, across, _percents(45, 75))
        _measured(panel, simulate(case, 1))
        panel.words(1, 73, f"an hour keeps {kept} the one before (phi = {phi:g})")
        panels.append(panel)
    write(path, _WIDTH, 420, panels)


def course(path: Path) -> None:
    """One series: what is measured, and the evidence, before, during and after a breach."""
    series = simulate(_COURSE, 1)
    told = [said for _, said in ours.verdicts(ours.watched(_COURSE, series), ours.days_of(_COURSE, series))]
    percents = replace(_percents(40, 80), title=f"{_MEASURED}, confidence sequence green")
    top = Panel(_LEFT, 30, _ACROSS, 170, _days(""), percents)
    low, high = (np.array([getattr(said, end)[0] for said in told]) for end in ("low", "high"))
    top.band(np.arange(1.0, len(told) + 1), low, high, GREEN)
    _measured(top, series)
    top.moment(_BROKEN, GREY, "8 % lower from here", dy=164)
    top.moment(_MENDED, GREY, "and well again", dy=164)
    write(path, _WIDTH, 460, [top, _evidence(told)])


def _evidence(told: Sequence[Verdicts]) -> Panel:
    share = Axis(0.001, 10, (0.001, 0.01, 0.1, 1, 10), "evidence / threshold", logarithmic=True)
    panel = Panel(_LEFT, 240, _ACROSS, 170, _days("day"), share)
    days = np.arange(1.0, len(told) + 1)
    threshold = np.array([said.threshold[0] for said in told])
    evidence = np.array([said.e_value[0] for said in told]) / threshold
    panel.line(days, np.where(threshold == RECOVERED, np.nan, evidence), BLUE)
    panel.line(days, np.where(threshold == RECOVERED, evidence, np.nan), GREEN)
    panel.level(1.0, RED, "told")
    panel.level(0.1, GREY, "WATCH")
    for name, colour, words in (("notify", RED, "DIVERGED"), ("resolve", GREEN, "RESOLVED")):
        for day in np.flatnonzero([getattr(said, name)[0] for said in told]):
            panel.moment(float(day + 1), colour, words)
    return panel


def rivals(path: Path) -> None:
    """False alarms against delay: each contender, where it was tuned and where the wobble is slower."""
    tuned = Tuned.now(SERIES)
    panels = []
    for index, (phi, words) in enumerate(((0.8, "what was tuned was tuned here"), (0.95, "slower wobble"))):
        rates = Axis(
            0.001, 10_000, (0.001, 0.01, 0.1, 1, 10, 100, 1000), _RATES if index else "", logarithmic=True
        )
        delays = Axis(0.8, 100, (1, 2, 5, 10, 20, 50), _DELAYS, logarithmic=True)
        panel = Panel(_LEFT, 30 + 270 * index, _ACROSS, 210, rates, delays)
        panel.words(30, 62, f"phi {phi:g}: {words}")
        case = replace(TUNED_ON, name=f"picture, phi {phi:g}", phi=phi)
        _contenders(panel, block(case, SERIES, ((90, 0.1),), tuned=tuned))
        panels.append(panel)
    write(path, _WIDTH, 560, panels)


def _contenders(panel: Panel, which: Block) -> None:
    for who, found in which.delays[90, 0.1].items():
        rate = max(which.rates[who].a_year, 0.5 / SERIES)
        colour = {OURS: RED, ORACLE: GREEN}.get(who, BLUE)
        panel.dots(np.array([rate]), np.array([found.mean]), colour, 4)
        dx, dy = _BESIDE.get(who, (8, 4))
        panel.words(rate, found.mean, who, colour, dx=dx, dy=dy)


def _measured(panel: Panel, series: Series) -> None:
    values, daily = series.values[0].ravel(), series.daily()[0]
    panel.dots(np.arange(len(values))[::2] / 24, values[::2], "#c4c4c4", 1.0)
    panel.line(np.arange(0.5, len(daily)), daily, BLUE)
    panel.level(float(series.bounds[0]), RED)


def _percents(low: float, high: float) -> Axis:
    return Axis(low, high, range(int(low), int(high) + 1, 10), _MEASURED)


def _days(title: str) -> Axis:
    return Axis(0, _COURSE.days, range(0, _COURSE.days + 1, 10), title)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for draw in (wobble, course, rivals):
        draw(FOLDER / f"detection-{draw.__name__}.svg")


if __name__ == "__main__":
    main()
