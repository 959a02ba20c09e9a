"""River's ADWIN and Page-Hinkley, run in a virtualenv of their own (`.venv-river`)."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.cases import Case
from benchmarks.detection.counting import HOURS, YEAR, Said
from benchmarks.detection.noise import Floats
from benchmarks.detection.series import Series, simulate

PYTHON = Path(".venv-river/bin/python")
_WORKER = Path(__file__).with_name("river_worker.py")
_GRID = np.geomspace(5, 500, 15)
_TUNED = "Page-Hinkley, days"


@dataclass(frozen=True)
class Peer:
    """What a peer said; what an update costs, and the bytes of its state, pickled (it has no JSON)."""

    said: Said
    microseconds: float
    size: int


def installed() -> bool:
    return PYTHON.exists()


def said(series: Series, tuned: float) -> dict[str, Peer]:
    """Return what each of them says; `tuned` is the threshold of Page-Hinkley on days."""
    hours = 100 * series.sign * (1 - series.values / series.bounds[:, None, None])
    given = _run(
        {
            "hours": hours.reshape(len(hours), -1),
            "days": 100 * series.breaches(),
            "thresholds": np.array([tuned]),
        }
    )
    return {
        (_TUNED + ", tuned" if name.startswith(_TUNED) else name): Peer(
            Said.moments(tuple((np.array(row, dtype=float) + 1) * _step(name) for row in each["alarms"])),
            each["microseconds"],
            each["bytes"],
        )
        for name, each in given.items()
    }


def threshold(case: Case, rate: float, count: int) -> float:
    """Return the threshold of Page-Hinkley on days that gives `rate` a year on tuning series of `case`."""
    given = _run({"days": 100 * simulate(case, count, tuning=True).breaches(), "thresholds": _GRID})
    years = count * case.days / YEAR
    tuned = [each["alarms"] for name, each in given.items() if name.startswith(_TUNED)]
    rates = np.array([sum(map(len, alarms)) + 0.5 for alarms in tuned]) / years
    rates = np.minimum.accumulate(rates)
    return float(np.exp(np.interp(-np.log(rate), -np.log(rates), np.log(_GRID))))


def _step(name: str) -> int:
    return HOURS if "days" in name else 1


def _run(arrays: dict[str, Floats]) -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.npz"
        np.savez(path, allow_pickle=False, **arrays)
        done = subprocess.run([PYTHON, _WORKER, path], capture_output=True, text=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found
