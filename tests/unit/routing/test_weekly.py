"""When the weekly digest is due, and what it waits for."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from routing.weekly import PATIENCE, ready, week

VIENNA, APIA, HAVANA = (ZoneInfo(name) for name in ("Europe/Vienna", "Pacific/Apia", "America/Havana"))
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
MONDAY = date(2026, 11, 30)


@pytest.mark.parametrize("zone", [VIENNA, APIA, HAVANA, ZoneInfo("UTC")], ids=str)
def test_it_is_due_on_mondays_at_eight_there_and_once_a_week(zone: ZoneInfo):
    at, found = datetime(2026, 3, 2, tzinfo=UTC), set()
    for hour in range(40 * 7 * 24):
        moment = at + hour * HOUR
        now = week(moment, zone)
        local = now.due.astimezone(zone)
        assert (local.isoweekday(), local.hour, local.minute) == (1, 8, 0)
        assert local.date() == now.monday
        # A week with a day of 25 hours is longer.
        assert now.due <= moment < now.due + WEEK + HOUR
        found.add(now)
    assert 40 <= len(found) <= 41


def test_a_second_before_it_is_the_week_before():
    due = datetime(2026, 11, 30, 7, tzinfo=UTC)
    assert (week(due, VIENNA).monday, week(due, VIENNA).due) == (MONDAY, due)
    assert week(due - timedelta(seconds=1), VIENNA).monday == MONDAY - WEEK


def test_what_is_free_waits_for_what_soon_is_and_not_for_ever():
    due = datetime(2026, 11, 30, 7, tzinfo=UTC)
    soon, late = due + 2 * HOUR, due + 100 * HOUR
    assert ready({1: None, 2: None}, due, due) == {1, 2}
    assert ready({1: None, 2: soon}, due, due) == set()
    assert ready({1: None, 2: late}, due, due) == {1}
    assert ready({1: late, 2: late}, due, due) == set()
    after = due + PATIENCE
    assert ready({1: None, 2: after + HOUR}, after - HOUR, due) == set()
    assert ready({1: None, 2: after + HOUR}, after, due) == {1}
    assert ready({}, due, due) == set()
