"""That a block runs from simulation to delays: ours beside an oracle and rivals that need no installation."""

import numpy as np

from benchmarks.detection.blocks import ORACLE, OURS, Tuned, block
from benchmarks.detection.cases import Case
from benchmarks.detection.series import simulate
from benchmarks.detection.sums import cusum, threshold


def test_a_plain_break_is_found_by_all_who_know_the_bound():
    case = Case("plain, phi 0", 0.0, days=60)
    found = block(case, 3, ((30, 0.2),), tuned=Tuned(0.3, None))
    assert found.rates[OURS].alarms == found.rates[ORACLE].alarms == 0
    assert found.rates["hourly threshold"].a_year > 1000
    assert {who: each.median for who, each in found.delays[30, 0.2].items() if who in {OURS, ORACLE}} == {
        OURS: 1,
        ORACLE: 1,
    }
    assert found.times_oracle(30, 0.2) == 1


def test_a_calibrated_threshold_gives_the_wanted_rate():
    case = Case("calibrated", 0.5, days=120)
    found = threshold("cusum", case, 0.5, 60)
    alarms = cusum(simulate(case, 60, tuning=True), np.array([found]))
    assert 0.25 < alarms.sum() / (60 * 120 / 365) < 1
