from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from detectors.days import Hour
from detectors.series import HourRow, actual, by_day, day_batch
from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import Metric
from metrics.users import UserSet
from tests.unit.streams.messages import KEY

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 10, 25)  # 25 hours
START = datetime(2026, 10, 24, 22, tzinfo=UTC)
MILLION = 10**6


def row(hour: int, cell: Cell) -> HourRow:
    return HourRow(START + timedelta(hours=hour), 1, cell)


def rate(value: int, of: int) -> Cell:
    return Cell(value * MILLION, of * MILLION, samples=1)


def adoption(users: str, positive: str) -> Cell:
    return Cell(samples=len(users), users=UserSet.of(users, KEY), positive=UserSet.of(positive, KEY))


def test_rows_belong_to_the_local_day_in_which_their_hour_starts():
    rows = [row(hour, rate(1, 2)) for hour in (-1, 0, 24, 25)]
    days = by_day(rows, BERLIN)
    assert {day.day: [each.hour for each in found] for day, found in days.items()} == {
        24: [rows[0].hour],
        25: [rows[1].hour, rows[2].hour],
        26: [rows[3].hour],
    }


def test_a_day_merges_the_cohorts_of_an_hour_and_counts_a_user_once():
    rows = [row(3, adoption("ab", "a")), row(3, adoption("bcd", "")), row(20, adoption("ab", "ab"))]
    batch = day_batch(Metric.USER_ADOPTION, DAY, rows, BERLIN)
    assert batch.ends_at == START + timedelta(hours=25)
    assert batch.hours == (
        Hour(START + timedelta(hours=3), 25.0, 4.0),
        Hour(START + timedelta(hours=20), 100.0, 2.0),
    )
    assert (batch.users, batch.samples) == (4, 7)


def test_an_hour_without_a_value_is_missing_and_a_day_without_rows_is_empty():
    assert day_batch(Metric.ERROR_RATE, DAY, [row(3, Cell(samples=2))], BERLIN).hours == ()
    empty = day_batch(Metric.ERROR_RATE, DAY, [], BERLIN)
    assert (empty.hours, empty.users, empty.samples) == ((), 0, 0)


def test_hours_weigh_by_denominator_else_by_samples():
    (of_rate,) = day_batch(Metric.ERROR_RATE, DAY, [row(0, rate(3, 400))], BERLIN).hours
    assert (of_rate.value, of_rate.weight) == (0.75, 400)
    median = Cell(samples=5, latency=LatencyBuckets.of([100] * 5))
    (of_median,) = day_batch(Metric.LATENCY_P50, DAY, [row(0, median)], BERLIN).hours
    assert of_median.value == pytest.approx(100, rel=0.01)
    assert of_median.weight == 5


def test_the_actual_value_is_of_all_rows_together_never_a_mean_of_means():
    assert actual(Metric.ERROR_RATE, [row(0, rate(1, 10)), row(1, rate(1, 990))]) == 0.2
    assert actual(Metric.USER_ADOPTION, [row(0, adoption("ab", "a")), row(1, adoption("a", "a"))]) == 50
    medians = [LatencyBuckets.of([10] * 9), LatencyBuckets.of([500])]
    rows = [row(n, Cell(samples=1, latency=latency)) for n, latency in enumerate(medians)]
    assert actual(Metric.LATENCY_P50, rows) == pytest.approx(10, rel=0.01)


def test_sums_are_told_as_the_mean_hour():
    rows = [row(0, Cell(10 * MILLION)), row(0, Cell(20 * MILLION)), row(5, Cell(6 * MILLION))]
    assert actual(Metric.FEATURE_USAGE, rows) == 18


def test_nothing_has_no_value():
    assert actual(Metric.FEATURE_USAGE, []) is None
    assert actual(Metric.ERROR_RATE, [row(0, Cell(samples=1))]) is None
