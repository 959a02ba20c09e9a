from datetime import UTC, datetime, timedelta, timezone
from math import nan

import numpy as np
import pytest

from detectors.backtest import pooled
from detectors.days import DayBatch, Hour
from metrics.names import Kind
from tests.unit.detectors.series import batch, hour_at


def test_hours_are_counted_in_local_time_whatever_zone_they_come_in():
    india = timezone(timedelta(hours=5, minutes=30))
    ends = datetime(2026, 1, 6, tzinfo=india)
    hours = [Hour(datetime(2026, 1, 4, 19, tzinfo=UTC) + timedelta(hours=n), 1, 1) for n in range(24)]
    day = DayBatch(ends.date(), ends, tuple(hours), 0, 24)
    assert [day.place(hour.start) for hour in hours] == list(range(1, 25))


def test_a_day_of_25_hours_fills_all_places():
    ends = datetime(2026, 10, 26, tzinfo=UTC)
    hours = [Hour(ends - timedelta(hours=n), 1, 1) for n in range(25, 0, -1)]
    day = DayBatch(ends.date(), ends, tuple(hours), 0, 25)
    assert [day.place(hour.start) for hour in hours] == list(range(25))


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ([hour_at(24, 1, 1)], "not in the day"),
        ([hour_at(-2, 1, 1)], "not in the day"),
        ([hour_at(3, 1, 1), hour_at(3, 2, 1)], "given twice"),
        ([hour_at(3, nan, 1)], "must be finite"),
        ([hour_at(3, 1, -1)], "weight 0 or more"),
    ],
)
def test_hours_that_cannot_be_are_refused(hours, message):
    with pytest.raises(ValueError, match=message):
        batch(0, hours)


def test_hours_without_weight_say_nothing():
    assert batch(0, [hour_at(5, 1, 0), hour_at(4, 2, 1)]).measured() == [hour_at(4, 2, 1)]


@pytest.mark.parametrize(("kind", "value"), [(Kind.RATE, 40), (Kind.SUM, 50), (Kind.MEDIAN, 30)])
def test_pooling_suits_the_metric(kind, value):
    assert pooled(kind, np.array([30.0, 70.0]), np.array([300.0, 100.0])) == value


def test_nothing_pools_to_nothing():
    assert pooled(Kind.RATE, np.zeros(2), np.zeros(2)) is None
