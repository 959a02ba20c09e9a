"""That the bench counts what it says it counts: each case is made by hand."""

import numpy as np
import pytest

from benchmarks.detection.counting import Said, delays, false_alarms, poisson_interval


def alarms(*starts: list[float]) -> Said:
    return Said.moments(tuple(np.array(each) for each in starts))


def test_a_run_of_broken_steps_is_one_alarm_told_at_the_end_of_its_first_step():
    broken = np.array([[False, True, True, False, True], [False, False, False, False, False]])
    said = Said.standing(broken, 24)
    assert [each.tolist() for each in said.starts] == [[48.0, 120.0], []]
    assert [each.tolist() for each in said.ends] == [[96.0, np.inf], []]


def test_the_rate_counts_every_alarm_and_early_series_once():
    rate = false_alarms(alarms([24.0, 48.0, 8000.0], [720.0], [721.0], []), 365)
    assert (rate.alarms, rate.years, rate.early, rate.series) == (5, 4.0, 2, 4)
    assert rate.a_year == 1.25
    assert rate.early_share == 0.5


def test_a_delay_runs_from_the_break_and_is_rounded_up_to_days():
    found = delays(alarms([24.0, 90 * 24 + 1.0], [92 * 24.0], [90 * 24.0], []), 90, 210)
    assert found.days.tolist() == [1.0, 2.0, 120.0, 120.0]
    assert (found.median, found.mean, found.late, found.left_out) == (61.0, 60.75, 120.0, 0)


def test_to_the_hour_a_delay_is_not_rounded_to_days():
    assert delays(alarms([90.5 * 24 + 6]), 90.5, 100, step=1).days.tolist() == [0.25]


def test_who_stands_alarmed_when_it_breaks_is_left_out():
    said = Said((np.array([48.0]), np.array([48.0])), (np.array([np.inf]), np.array([96.0])))
    found = delays(said, 90, 100)
    assert (found.left_out, found.days.tolist()) == (1, [10.0])


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (12, 6.2006, 20.9616)]
)
def test_the_interval_is_the_one_of_the_tables(count, low, high):
    assert poisson_interval(count) == pytest.approx((low, high), abs=1e-4)
