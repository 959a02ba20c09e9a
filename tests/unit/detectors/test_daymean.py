import pytest

from detectors.autocovariance import Hourly
from detectors.daymean import Bias, Sample, day_mean, hour_weights

QUIET = dict.fromkeys(range(24), 0.0)
KNOWN = Hourly().fold({number: 0.1 * (-1) ** number for number in range(24)}, days=0)  # deviation 0.1


def samples(*values: float, weight: float = 100) -> list[Sample]:
    return [Sample(number, number, value, weight) for number, value in enumerate(values)]


def test_an_hour_far_off_is_clipped_and_what_was_taken_is_known():
    today = day_mean(samples(0.6, 0.6, 0.6, 2.6), QUIET, [1.0] * 4, KNOWN)
    assert today.clipped == pytest.approx({0: 0.6, 1: 0.6, 2: 0.6, 3: 0.9})
    assert today.mean == pytest.approx(0.675)
    assert today.taken == pytest.approx((2.6 - 0.9) / 4)


def test_nothing_is_clipped_by_a_scale_that_is_not_known():
    today = day_mean(samples(0.6, 0.6, 0.6, 2.6), QUIET, [1.0] * 4, Hourly())
    assert today.mean == pytest.approx(1.1)
    assert today.taken == 0


def test_what_is_usual_for_an_hour_is_taken_off():
    today = day_mean(samples(0.5, 0.7), {0: -0.1, 1: 0.1}, [3.0, 1.0], Hourly())
    assert today.mean == pytest.approx(0.6)
    assert today.effective == pytest.approx(16 / 10)


def test_the_bias_of_clipping_is_put_back_as_days_show_it():
    bias = Bias()
    for _ in range(15):
        bias = bias.fold(0.04)
    assert bias.correction == pytest.approx(0.04 * 15 / 20)


def test_hours_of_values_count_alike():
    assert hour_weights(samples(1, 2, weight=7), KNOWN, 0.0) == [1.0, 1.0]


def test_hours_of_rates_count_by_their_users_and_later_by_their_precision():
    hours = [Sample(0, 0, 0.6, 100), Sample(1, 1, 0.6, 10_000)]
    assert hour_weights(hours, KNOWN, 0.24) == [100, 10_000]
    slow = Hourly()
    for day in range(2):
        slow = slow.fold({24 * day + hour: 0.1 for hour in range(24)}, day)
    few, many = hour_weights(hours, slow, 0.24)  # persistent 0.01: more users add little
    assert (few, many) == pytest.approx((1 / (0.03 + 0.0024), 1 / (0.03 + 0.000024)))
