"""River's change detectors on arrays of a file; runs in .venv-river, so it imports nothing of ours.

Values are percents of the bound on the wrong side of it. Both detectors look for a change of the mean; ADWIN
counts where the mean after the change is beyond the bound, Page-Hinkley where it went up.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from river.drift import ADWIN, PageHinkley


def adwin() -> ADWIN:
    return ADWIN()


def page_hinkley(threshold: float) -> PageHinkley:
    """Return the detector; on days it allows 2.5 % of the bound, as the tuned CUSUM does."""
    return PageHinkley(threshold=threshold, delta=2.5, min_instances=7, mode="up")


def page_hinkley_default() -> PageHinkley:
    return PageHinkley(mode="up")


def found(make: Callable[[], ADWIN | PageHinkley], rows: np.ndarray) -> dict[str, object]:
    """Return the steps at which each series alarms, the time an update takes, and the bytes of a state."""
    alarms, detector, begun, updates = [], make(), time.process_time(), 0
    for row in rows.tolist():
        detector, steps = make(), []
        for step, value in enumerate(row):
            if value == value:  # noqa: PLR0124 - NaN is missing
                updates += 1
                detector.update(value)
                if detector.drift_detected and (not isinstance(detector, ADWIN) or detector.estimation > 0):
                    steps.append(step)
        alarms.append(steps)
    cost = 1e6 * (time.process_time() - begun) / max(updates, 1)
    return {"alarms": alarms, "microseconds": cost, "bytes": len(pickle.dumps(detector))}


def main(path: str) -> None:
    given = np.load(path)
    makers: dict[str, tuple[Callable[[], ADWIN | PageHinkley], str]] = {
        "ADWIN, hours": (adwin, "hours"),
        "ADWIN, days": (adwin, "days"),
        "Page-Hinkley, hours": (page_hinkley_default, "hours"),
    }
    for threshold in given["thresholds"].tolist():
        makers[f"Page-Hinkley, days {threshold:g}"] = (partial(page_hinkley, threshold), "days")
    wanted = {name: maker for name, maker in makers.items() if maker[1] in given}
    print(json.dumps({name: found(make, given[unit]) for name, (make, unit) in wanted.items()}))


if __name__ == "__main__":
    main(sys.argv[1])
