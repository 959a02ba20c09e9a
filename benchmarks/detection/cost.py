"""What a contender keeps, and what CPU a day takes."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.detection import ours, river_peers, sums, thresholds
from benchmarks.detection.cases import Case
from benchmarks.detection.series import Series, simulate

_FEW = 20


@dataclass(frozen=True)
class Cost:
    """Bytes of a state after a year, and microseconds of CPU a day of one series."""

    size: int
    microseconds: float
    note: str = ""


def costs(count: int) -> dict[str, Cost]:
    """Return what each contender costs on `count` years."""
    series = simulate(Case("cost"), count)
    number = json.dumps(1 / 3)
    sizes = {
        "threshold": "true",
        "window": json.dumps([1 / 3] * thresholds.WINDOW),
        "sums": json.dumps([1 / 3] * 3),
    }
    made = {
        **_ours(series),
        "hourly threshold": _vectorised(series, thresholds.hourly, sizes["threshold"]),
        "daily threshold": _vectorised(series, thresholds.daily, sizes["threshold"]),
        "3 sigma, days": _vectorised(series, thresholds.three_sigma, sizes["window"]),
        "tuned CUSUM, days": _vectorised(series, lambda each: sums.said("cusum", each, 1.0), number),
        "oracle": _vectorised(series, lambda each: sums.said("oracle", each, 1e3), sizes["sums"]),
    }
    if river_peers.installed():
        for name, peer in river_peers.said(simulate(Case("cost"), min(count, _FEW)), 50.0).items():
            steps = 24 if "hours" in name else 1
            made[name] = Cost(peer.size, peer.microseconds * steps, "one at a time, state pickled")
    return made


def _vectorised(series: Series, run: Callable[[Series], object], state: str) -> Cost:
    begun = time.process_time()
    run(series)
    return Cost(len(state), _per_day(series, begun), "all at once")


def _ours(series: Series) -> dict[str, Cost]:
    begun = time.process_time()
    case = Case("cost")
    for state, _ in ours.verdicts(ours.watched(case, series), ours.days_of(case, series)):
        size = len(json.dumps(state.to_json()))
    many = _per_day(series, begun)
    one, begun = simulate(case, 1), time.process_time()
    for _ in ours.verdicts(ours.watched(case, one), ours.days_of(case, one)):
        pass
    return {
        "ours": Cost(size, many, "all at once"),
        "ours, alone": Cost(size, _per_day(one, begun), "one at a time"),
    }


def _per_day(series: Series, begun: float) -> float:
    count, days, _ = series.values.shape
    return float(1e6 * (time.process_time() - begun) / (count * days))
