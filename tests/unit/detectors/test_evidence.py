from math import exp

import pytest

from detectors.evidence import Day, evidence


def test_a_day_on_the_bound_counts_against_the_breach():
    # lambda = share x effect / deviation = 1, 2, 4 for 5, 10, 20 %
    day = Day(breach=0.0, deviation=0.05, effect=1.0)
    assert day.against((0, 0, 9)) == pytest.approx((exp(-0.5), exp(-2), 10 * exp(-8)))
    assert day.recovery(2.0) == pytest.approx(2 * exp(0.5))


def test_a_day_in_breach_counts_for_it():
    day = Day(breach=0.1, deviation=0.05, effect=1.0)  # two deviations beyond
    assert day.against((0, 1, 0)) == pytest.approx((exp(1.5), 2 * exp(2), exp(0)))
    assert day.recovery(2.0) == pytest.approx(2 * exp(-1.5))


def test_evidence_for_recovery_never_starts_below_one():
    assert Day(0.0, 0.05, 1.0).recovery(1e-9) == pytest.approx(exp(0.5))


def test_no_single_day_is_beyond_measure():
    assert Day(100.0, 0.001, 1.0).against((0, 0, 0)) == pytest.approx((exp(50),) * 3)
    assert Day(-100.0, 0.001, 1.0).against((0, 0, 0)) == pytest.approx((exp(-50),) * 3)


def test_the_mixture_weighs_small_breaches_most():
    assert evidence((10, 100, 1000)) == pytest.approx(4 + 30 + 300)
