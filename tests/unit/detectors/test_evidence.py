from math import exp

import numpy as np
import pytest

from detectors.evidence import against, evidence, recovery


def sums_after(sums, breach: float, size: float):
    return against(np.array([[sums]], float), np.array([[breach]]), np.array([[size]]))[0, 0].tolist()


def test_a_day_on_the_bound_counts_against_the_breach():
    # share x size = 1, 2, 4 for 5, 10, 20 %
    assert sums_after((0, 0, 9), 0.0, 20) == pytest.approx((exp(-0.5), exp(-2), 10 * exp(-8)))
    assert recovery(np.array(2.0), np.array(0.0), np.array(20.0)) == pytest.approx(2 * exp(0.5))


def test_a_day_in_breach_counts_for_it():
    assert sums_after((0, 1, 0), 2.0, 20) == pytest.approx((exp(1.5), 2 * exp(2), exp(0)))
    assert recovery(np.array(2.0), np.array(2.0), np.array(20.0)) == pytest.approx(2 * exp(-1.5))


def test_evidence_for_recovery_never_starts_below_one():
    assert recovery(np.array(1e-9), np.array(0.0), np.array(20.0)) == pytest.approx(exp(0.5))


def test_no_single_day_is_beyond_measure():
    assert sums_after((0, 0, 0), 1e5, 1000) == pytest.approx((exp(50),) * 3)
    assert sums_after((0, 0, 0), -1e5, 1000) == pytest.approx((exp(-50),) * 3)


def test_the_mixture_weighs_small_breaches_most():
    assert evidence(np.array([[10, 100, 1000], [1, 0, 0]])) == pytest.approx([4 + 30 + 300, 0.4])
