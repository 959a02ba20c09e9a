"""Silence against simulated rhythms: what must not alarm, and what must, and when."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.silence import RHYTHMS, delay, false_alarms
from detectors.silence import ONE_HOUR, ONE_WEEK, Habit, hours_between, learned

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""Four weeks later Berlin's clocks go forward, on 29 March."""


def hours(weeks: float, comes: Callable[[datetime], bool], zone: ZoneInfo = UTC_ZONE) -> list[datetime]:
    """The hours from Monday on in which something comes, by local time."""
    span = hours_between(MONDAY, MONDAY + weeks * ONE_WEEK)
    return [hour for hour in span if comes(hour.astimezone(zone))]


def after(habit: Habit, count: int) -> list[datetime]:
    """The hours that follow the last one."""
    return list(hours_between(habit.last + ONE_HOUR, habit.last + (count + 1) * ONE_HOUR))


def noticed(habit: Habit | None) -> int:
    """After how many hours the silence is none that is usual."""
    assert habit
    return next(count for count in range(1, 2000) if habit.is_broken(after(habit, count)))


def always(_: datetime) -> bool:
    return True


def by_day(hour: datetime) -> bool:
    return 8 <= hour.hour < 22


def on_weekdays(hour: datetime) -> bool:
    return hour.weekday() < 5 and 9 <= hour.hour < 18


@pytest.mark.parametrize(
    ("weeks", "comes", "expected"),
    [
        (4, always, 6),
        (2, always, 6),
        # The last hour is Sunday's, 21 to 22; 8, 9 and 10 of Monday are missed.
        (4, by_day, 13),
        # Friday's, 17 to 18; 9, 10 and 11 of Monday.
        (4, on_weekdays, 66),
        # Sunday's, 2 to 3; those of Monday, Tuesday and Wednesday.
        (4, lambda hour: hour.hour == 2, 72),
        # Every other hour: the sixth hour by the clock is the third of the rhythm.
        (4, lambda hour: hour.hour % 2 == 1, 6),
    ],
)
def test_silence_is_noticed_when_what_is_usual_was_missed(
    weeks: float, comes: Callable[[datetime], bool], expected: int
):
    assert noticed(learned(hours(weeks, comes), UTC_ZONE)) == expected


def test_what_came_too_rarely_has_no_rhythm():
    weekly = hours(4, lambda hour: hour.weekday() == 0 and hour.hour in (6, 7))
    assert len(weekly) == 8
    assert learned(weekly, UTC_ZONE) is None
    assert learned([], UTC_ZONE) is None
    assert learned(hours(4, always)[:11], UTC_ZONE) is None
    assert learned(hours(4, always)[:12], UTC_ZONE)


def test_before_weeks_can_be_compared_it_takes_three_days_or_thrice_the_longest_gap():
    assert noticed(learned(hours(0.5, always), UTC_ZONE)) == 72
    with_nights = learned(hours(1.9, by_day), UTC_ZONE)
    assert noticed(with_nights) == 72
    with_a_weekend = learned(hours(1.6, on_weekdays), UTC_ZONE)
    assert noticed(with_a_weekend) == 3 * 63, "from Friday evening to Monday morning, three times"


def test_the_clocks_going_forward_are_no_silence():
    """Opening hours are the people's: at 9 in summer it is an hour earlier than it was at 9 in winter."""
    came = hours(4, on_weekdays, BERLIN)
    habit = learned(came, BERLIN)
    assert habit
    first = next(hour for hour in after(habit, 100) if on_weekdays(hour.astimezone(BERLIN)))
    assert first.hour == 7, "Monday 30 March, 9 in Berlin"
    assert habit.missed(after(habit, 100)[: after(habit, 100).index(first)]) == 0
    assert habit.missed([first]) == 1


def test_one_incident_does_not_make_us_deaf():
    def but(*incidents: int) -> Callable[[datetime], bool]:
        days = [MONDAY + timedelta(days=day) for day in incidents]
        return lambda hour: not any(day <= hour < day + timedelta(hours=20) for day in days)

    assert noticed(learned(hours(4, but(9)), UTC_ZONE)) == 6
    again = learned(hours(4, but(9, 17)), UTC_ZONE)
    assert again
    assert again.needed == pytest.approx(3 * 20 * 1.0)
    assert noticed(again) > 60, "twice in four weeks is usual"


def test_a_cohort_misses_only_the_hours_in_which_its_project_is_heard():
    could = hours(4, by_day)
    came = [hour for hour in could if hour.hour < 12]
    habit = learned(came, UTC_ZONE, set(could))
    assert habit
    assert habit.missed(could) == len(came), "afternoons count nothing, nor do nights"
    assert habit.needed == 3


WEEKS = st.sets(st.integers(0, 167), min_size=6, max_size=168)


@given(WEEKS)
@settings(max_examples=15, deadline=None)
def test_what_keeps_its_week_is_never_silent_and_what_stops_is_after_three(slots: set[int]):
    came = hours(4, lambda hour: hour.weekday() * 24 + hour.hour in slots)
    habit = learned(came, UTC_ZONE)
    assert habit
    missed: list[datetime] = []
    for hour in hours_between(habit.last + ONE_HOUR, habit.last + 2 * ONE_WEEK):
        usual = sum(each.weekday() * 24 + each.hour in slots for each in missed)
        assert habit.is_broken(missed) == (usual >= 3 and len(missed) >= 6)
        missed.append(hour)


@given(WEEKS, st.integers(1, 300), st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_a_longer_silence_is_no_better_and_other_weeks_are_alike(slots: set[int], count: int, more: int):
    came = hours(3, lambda hour: hour.weekday() * 24 + hour.hour in slots)
    habit, later = (
        learned([hour + shift for hour in came], UTC_ZONE) for shift in (0 * ONE_WEEK, 5 * ONE_WEEK)
    )
    assert habit
    assert later
    assert habit.weights == later.weights
    assert habit.is_broken(after(habit, count)) <= habit.is_broken(after(habit, count + more))


@pytest.mark.parametrize("name", sorted(RHYTHMS))
def test_products_that_stop_are_noticed_and_those_that_go_on_are_left_alone(name: str):
    """A small part of what docs/watching.md says was measured."""
    rng = random.Random(f"{name} 7")
    assert all(ONE_HOUR * 6 <= delay(RHYTHMS[name], rng) <= timedelta(days=5) for _ in range(3))
    assert false_alarms(RHYTHMS[name], 20, rng) == 0
