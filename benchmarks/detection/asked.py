"""Questions to our test alone: hours of the fast lane, drift, ramps, recovery, an organisation's budget."""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.detection import ours
from benchmarks.detection.cases import Case
from benchmarks.detection.counting import FIRST_MONTH, HOURS, Delays, Rate, Said, delays
from benchmarks.detection.course import DRIFT_FROM, MONTH
from benchmarks.detection.series import simulate

NOON = 90.5
"""A gross breach begins at noon: half of its first day is sound."""
BROKEN_FROM, MENDED_AT, WATCHED = 90, 150, 120
ASSUMPTIONS = 50
ORGANIZATIONS = 5
"""One simulated year of an organisation takes 50 series; there is one for every so many series a cell."""


@dataclass(frozen=True)
class Drifted:
    """Days from the begin of a drift until it was told, and how far beyond the bound it was by then."""

    delays: Delays
    gap: float


def _told(case: Case, count: int) -> Said:
    return ours.said(case, simulate(case, count))


def drift(case: Case, count: int) -> Drifted:
    found = delays(_told(case, count), DRIFT_FROM, case.days)
    return Drifted(found, case.drift * found.median / MONTH)


def fast(case: Case, count: int) -> Delays:
    """Return the delays, to the hour, of a break at noon."""
    assert case.at is not None
    return delays(_told(case, count), case.at, case.days, step=1)


def ramp(case: Case, count: int) -> float:
    """Return the share of series whose climb to the bound is told as a breach."""
    said = _told(case, count)
    return sum(bool(len(starts)) for starts in said.starts) / count


@dataclass(frozen=True)
class Recovery:
    """How often a year a lasting breach is called over, and the days until one that ended is."""

    flaps: Rate
    days: Delays


def recovery(gap: float, phi: float, count: int) -> Recovery:
    lasting = Case(f"lasting {gap:.0%}, phi {phi:g}", phi, at=0, gap=gap)
    mended = replace(lasting, name=f"mended {gap:.0%}, phi {phi:g}", at=BROKEN_FROM, until=MENDED_AT)
    mended = replace(mended, days=MENDED_AT + WATCHED)
    return Recovery(
        _flaps(_told(lasting, count)),
        _over(_told(mended, count)),
    )


def _flaps(said: Said) -> Rate:
    over = [int(np.isfinite(ends).sum()) for ends in said.ends]
    return Rate(sum(over), float(len(over)), 0, len(over))


def _over(said: Said) -> Delays:
    found, mended = [], MENDED_AT * HOURS
    for starts, ends in zip(said.starts, said.ends, strict=True):
        standing = ends[(starts <= mended) & (ends > mended)]
        if len(standing):
            found.append(min((standing[0] - mended) / HOURS, WATCHED))
    return Delays(np.array(found), len(said.starts) - len(found), WATCHED)


@dataclass(frozen=True)
class Budget:
    """Alarms an organisation-year: those of the first 30 days, and those after, which the budget is about."""

    launch: Rate
    later: Rate


def budget(phis: tuple[float, ...], alarms_per_year: float, count: int) -> Budget:
    """Return the alarms of organisations whose 50 assumptions are on their bounds for a year."""
    organizations = max(count // ORGANIZATIONS, 1)
    cases = [
        Case(f"budget {'M' if mixed else 'B'}, phi {phi:g}", phi, mixed=mixed)
        for phi in phis
        for mixed in (False, True)
    ]
    each = -(-organizations * ASSUMPTIONS // len(cases))
    years = each * len(cases) / ASSUMPTIONS
    starts = [
        told
        for case in cases
        for told in ours.said(case, simulate(case, each), alarms_per_year / ASSUMPTIONS).starts
    ]
    hours = np.concatenate(starts)
    early = int((hours <= FIRST_MONTH * HOURS).sum())
    return Budget(Rate(early, years, 0, 1), Rate(len(hours) - early, years, 0, 1))
