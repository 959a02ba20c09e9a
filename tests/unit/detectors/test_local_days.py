from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from detectors.local_days import completed, day_of, day_start, first_whole_day

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)]
)
def test_days_in_berlin_have_23_to_25_hours(day, hours):
    start = day_start(day, BERLIN)
    assert day_start(day + timedelta(days=1), BERLIN) - start == hours * HOUR
    inside = [start + number * HOUR for number in range(hours)]
    assert {day_of(moment, BERLIN) for moment in inside} == {day}
    assert day_of(start - HOUR, BERLIN) == day - timedelta(days=1)
    assert day_of(start + hours * HOUR, BERLIN) == day + timedelta(days=1)


def test_a_day_begins_in_utc():
    assert day_start(date(2026, 7, 1), BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert day_start(date(2026, 7, 1), ZoneInfo("Asia/Kolkata")) == datetime(2026, 6, 30, 18, 30, tzinfo=UTC)


def test_the_first_whole_day_is_the_one_that_begins_then_or_the_next():
    begins = day_start(date(2026, 7, 1), BERLIN)
    assert first_whole_day(begins, BERLIN) == date(2026, 7, 1)
    assert first_whole_day(begins + timedelta(seconds=1), BERLIN) == date(2026, 7, 2)
    assert first_whole_day(begins - timedelta(seconds=1), BERLIN) == date(2026, 7, 1)


def test_a_day_is_complete_when_its_last_moment_is_past():
    after, end = date(2026, 10, 23), day_start(date(2026, 10, 26), BERLIN)
    assert list(completed(after, end, BERLIN)) == [date(2026, 10, 24), date(2026, 10, 25)]
    assert list(completed(after, end - HOUR, BERLIN)) == [date(2026, 10, 24)]
    assert list(completed(date(2026, 10, 25), end, BERLIN)) == []
