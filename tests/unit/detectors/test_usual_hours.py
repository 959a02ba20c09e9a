"""That what is usual for an hour of day is taken off without moving the level that is tested."""

from datetime import UTC, datetime, timedelta
from math import pi, sin

import pytest

from detectors.assumptions import Assumption
from detectors.days import DayBatch, Hour
from detectors.sequential import Test, fold

START = datetime(2026, 1, 5, tzinfo=UTC)


def cycle(level: float, amplitude: float) -> list[float]:
    return [level * (1 + amplitude * sin(2 * pi * hour / 24)) for hour in range(24)]


@pytest.mark.parametrize(
    ("metric", "unit", "values", "weights", "level"),
    [
        # Counts weigh as much as they are: an offset centred by them would lift the level by 8 %.
        ("feature_usage", "count", cycle(300, 0.4), cycle(300, 0.4), 300.0),
        ("latency_p50", "ms", cycle(800, 0.1), cycle(1000, 0.5), 800.0),
        # A rate is that of all users of the day: busy hours count for more, here the better ones.
        ("user_adoption", "%", cycle(60, 0.1), cycle(1000, 0.5), 61.5),
    ],
)
def test_a_daily_cycle_leaves_the_mean_where_the_day_pools_to(metric, unit, values, weights, level):
    test = Test.of(Assumption(key="a", metric_name=metric, unit=unit, operator=">=", value=level))
    state = test.start()
    for day in range(40):
        begins = START + timedelta(days=day)
        hours = tuple(
            Hour(begins + timedelta(hours=hour), value, weight)
            for hour, (value, weight) in enumerate(zip(values, weights, strict=True))
        )
        state, verdict = fold(
            test, state, DayBatch(begins.date(), begins + timedelta(days=1), hours, 1000, 9)
        )
    assert verdict.mean == pytest.approx(level, rel=0.004)
