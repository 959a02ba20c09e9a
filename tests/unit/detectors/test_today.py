from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from detectors.assumptions import Assumption
from detectors.plan import Test, Tests
from detectors.sequential import Days
from detectors.today import hours_of


def hours(metric: str, operator: str, value: float):
    """A Monday at `value`, at a level of 1: midnight is usually 0.5 above it, one Monday was 0.4 above."""
    entry = {"key": "a", "metric_name": metric, "operator": operator, "value": value}
    tests = Tests.of([Test.of(Assumption.model_validate(entry))])
    state = tests.start()
    offsets, seen = np.zeros((1, 24)), np.full((1, 24), 1e9)
    offsets[0, 0] = 0.5
    monday = np.eye(1, 7)
    baseline = replace(
        state.baseline,
        hours_of_day=replace(state.baseline.hours_of_day, offsets=offsets, seen=seen),
        days_of_week=replace(state.baseline.days_of_week, offsets=0.4 * monday, seen=monday),
        level=replace(state.baseline.level, mean=np.array([1.0])),
    )
    day = Days.of_hours(date(2026, 1, 5), np.full((1, 24), value), np.full((1, 24), 100.0))
    return hours_of(day, tests.scales, np.any(tests.sign > 0, axis=-1), baseline, state.lanes)


def test_a_count_that_must_not_fall_is_divided_by_what_is_usual_and_weighs_as_much():
    day = hours("feature_usage", ">=", 40)
    assert day.relative.tolist() == [True]
    assert day.values[0, :2] == pytest.approx([1 / (1.5 * 1.2), 1 / 1.2])
    assert day.weight[0, :2] == pytest.approx([1.5 * 1.2, 1.2])


@pytest.mark.parametrize(
    ("metric", "operator", "value", "scaled"),
    [("feature_usage", "<=", 40, 1), ("latency_p50", "<=", 300, 1), ("user_adoption", ">=", 60, 0.6)],
)
def test_other_values_lose_what_is_usual_and_weigh_the_same(metric, operator, value, scaled):
    day = hours(metric, operator, value)
    assert day.relative.tolist() == [False]
    assert day.values[0, :2] == pytest.approx([scaled - 0.5 - 0.2, scaled - 0.2])
    assert day.weight[0, :2].tolist() == [1, 1]
