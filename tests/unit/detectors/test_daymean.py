import numpy as np
import pytest

from detectors.autocovariance import Hourly
from detectors.daymean import Bias, day_mean, hour_weights

HOURS = 25


def hourly(residuals: np.ndarray, days: int = 1) -> Hourly:
    """What hours with these residuals teach, day after day."""
    there = np.ones((1, HOURS), bool)
    there[:, 0] = False
    known = Hourly.start(1)
    for day in range(days):
        known = known.fold(residuals[None], there, np.array([24 * (day + 1)]), np.full(1, float(day)))
    return known


KNOWN = hourly(0.1 * (-1.0) ** np.arange(HOURS))  # deviation 0.1
UNKNOWN = Hourly.start(1)


def row(*values: float) -> np.ndarray:
    return np.array([values])


def a_day(values: np.ndarray, known: Hourly, weights: np.ndarray | None = None):
    weights = np.ones_like(values) if weights is None else weights
    return day_mean(values, weights > 0, weights, known)


def test_an_hour_far_off_is_clipped_and_what_was_taken_is_known():
    today = a_day(row(0.6, 0.6, 0.6, 2.6), KNOWN)
    assert today.clipped == pytest.approx(row(0.6, 0.6, 0.6, 0.9))
    assert today.mean == pytest.approx(0.675)
    assert today.taken == pytest.approx((2.6 - 0.9) / 4)


@pytest.mark.parametrize(("values", "middle"), [((1, 2, 9), 2), ((1, 2, 4, 9), 3)])
def test_hours_are_clipped_about_their_median(values, middle):
    today = a_day(row(*values), KNOWN)
    assert today.clipped == pytest.approx(np.clip(row(*values), middle - 0.3, middle + 0.3))


def test_a_missing_hour_is_neither_clipped_to_nor_counted():
    today = a_day(row(0.6, 99, 0.7, 0.6), KNOWN, row(1, 0, 1, 1))
    assert today.clipped == pytest.approx(row(0.6, 0, 0.7, 0.6))
    assert (today.mean, today.effective) == pytest.approx((1.9 / 3, 3))


def test_nothing_is_clipped_by_a_scale_that_is_not_known():
    today = a_day(row(0.6, 0.6, 0.6, 2.6), UNKNOWN)
    assert today.mean == pytest.approx(1.1)
    assert today.taken == 0


def test_unequal_weights_are_worth_fewer_hours():
    today = a_day(row(0.6, 0.6), UNKNOWN, row(3, 1))
    assert today.effective == pytest.approx(16 / 10)


def test_the_bias_of_clipping_is_put_back_as_days_show_it():
    bias = Bias.start(1)
    for _ in range(15):
        bias = bias.fold(np.array([0.04]))
    assert bias.correction == pytest.approx(0.04 * 15 / 20)


def test_hours_of_values_count_alike():
    assert hour_weights(row(7, 0, 70), KNOWN, np.zeros(1)).tolist() == [[1, 0, 1]]


def test_hours_of_rates_count_by_their_users_and_later_by_their_precision():
    users, sampling = row(100, 10_000, 0), np.array([0.24])
    assert hour_weights(users, KNOWN, sampling).tolist() == users.tolist()
    slow = hourly(np.full(HOURS, 0.1), days=2)  # persistent 0.01: more users add little
    expected = row(1 / (0.03 + 0.0024), 1 / (0.03 + 0.000024), 0)
    assert hour_weights(users, slow, sampling) == pytest.approx(expected)
