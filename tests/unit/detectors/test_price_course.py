"""What becomes of an elasticity's breaches through days: history, shadow, grace; which price a day has."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from detectors.course import Setting
from detectors.elasticity import NO_CHANGE, NO_PRICE
from detectors.local_days import ONE_DAY, day_start
from detectors.price_course import KEPT, Course, Day, follow, in_force, read_day
from detectors.series import HourRow
from detectors.verdicts import Status
from metrics.cell import Cell
from metrics.users import UserSet
from tests.unit.detectors.prices import START, TEN_DEARER, assumed, demand, item
from tests.unit.streams.messages import KEY

BERLIN = ZoneInfo("Europe/Berlin")
SETTING = Setting(BERLIN)
MILLION = 10**6


def day(number: int) -> date:
    return START + number * ONE_DAY


def ends(number: int) -> datetime:
    return day_start(day(number + 1), BERLIN)


def days(elasticity: float = 0.0) -> list[Day]:
    return [Day(each.day, each.demand, each.price, 1) for each in demand(TEN_DEARER, elasticity)]


def course(known: Iterable[Day], setting: Setting = SETTING, since: int = 0) -> Course:
    return follow(assumed(), known, day(since), lambda _day: 0.1, setting)


def breaches(found: Course) -> list[tuple[datetime, bool, datetime | None, str | None]]:
    each = [told.breach for told in found.found]
    return [(one.detected_at, one.historical, one.ended_at, one.resolution) for one in each]


def test_a_breach_is_known_by_the_end_of_its_day_and_says_what_it_rests_on():
    found = course(days())
    assert breaches(found) == [(ends(66), False, None, None)]
    evidence = found.found[0].breach.evidence
    assert (evidence.lane, evidence.days, evidence.configuration) == ("estimate", 67, assumed().configuration)
    assert evidence.e_value is not None
    assert evidence.threshold == pytest.approx(36.5)
    assert evidence.e_value >= 36.5
    assert evidence.interval is not None
    assert evidence.interval[0] < 0 < evidence.interval[1]
    assert found.status is Status.DIVERGED


def test_a_breach_is_looked_at_again_for_a_week_or_until_it_ends():
    (told,) = course(days()).found
    assert [seen.look.day for seen in told.looks] == [day(66 + number) for number in range(8)]
    assert told.looks[0].interval == told.breach.evidence.interval
    for seen in told.looks:
        assert seen.interval is not None
        assert seen.look.estimate is not None
        assert seen.interval[0] <= seen.look.estimate <= seen.interval[1]
    until = replace(SETTING, shadow_until=ends(69))
    first, second = course(days(), until).found
    assert [len(first.looks), len(second.looks)] == [4, 8]


def test_a_breach_in_history_is_told_anew_on_the_first_live_day():
    setting = replace(SETTING, history=frozenset(day(number) for number in range(80)))
    assert breaches(course(days(), setting)) == [
        (ends(66), True, ends(79), "live days"),
        (ends(80), False, None, None),
    ]


def test_history_that_comes_later_unsays_no_breach_that_was_told():
    setting = replace(SETTING, history=frozenset([day(66)]), told=frozenset([ends(66)]))
    assert breaches(course(days(), setting)) == [(ends(66), False, None, None)]


def test_a_breach_in_the_shadow_is_told_on_the_first_day_after_it():
    setting = replace(SETTING, shadow_until=ends(69))
    assert breaches(course(days(), setting)) == [
        (ends(66), False, ends(69), "shadow ended"),
        (ends(70), False, None, None),
    ]


def test_days_before_the_test_begins_are_learned_from_and_not_judged():
    assert breaches(course(days(), since=100)) == [(ends(100), False, None, None)]
    assert course(days()[:100], since=100).last is None


def test_what_is_not_known_is_said():
    shown = course(days()[:60]).shown()
    assert (shown["reason"], shown["mean"], shown["interval"]) == (NO_CHANGE, None, None)
    assert course(days()[:60]).status is Status.NOT_IDENTIFIABLE
    without = course([replace(each, price=None) for each in days()])
    assert (without.status, without.shown()) == (Status.NOT_IDENTIFIABLE, {"reason": NO_PRICE})


def test_days_without_demand_are_holes():
    known = [each if number % 5 else replace(each, demand=None) for number, each in enumerate(days())]
    assert course(known) == course([each for each in known if each.demand is not None])
    assert course(known) != course(days())


def test_kept_days_come_back_to_the_bit():
    known = tuple(days(-0.7))
    assert KEPT.validate_python(json.loads(json.dumps(KEPT.dump_python(known, mode="json")))) == known


def test_a_price_is_in_force_on_the_days_between_two_deployments():
    noon = [datetime(2026, 3, each, 11, tzinfo=UTC) for each in (2, 5, 5, 8)]
    midnight = datetime(2026, 3, 9, 23, tzinfo=UTC)
    versions = [*zip((10.0, 11.0, 12.0, 13.0), noon, strict=True), (14.0, midnight)]
    found = [(each.day, price) for each, price in in_force(versions, date(2026, 3, 11), BERLIN)]
    # The 5th and the 8th have two prices, the 10th begins at midnight in Berlin.
    assert found == [(3, 10.0), (4, 10.0), (6, 12.0), (7, 12.0), (9, 13.0), (10, 14.0), (11, 14.0)]


def test_prices_to_come_are_in_force_on_no_day():
    assert list(in_force([(10.0, ends(9))], day(9), BERLIN)) == []


def rows(hours: int, users: str) -> list[HourRow]:
    start = day_start(START, BERLIN)
    cell = Cell(30 * MILLION, 0, 20, UserSet.of(users, KEY))
    return [HourRow(start + timedelta(hours=hour), 2, cell) for hour in range(hours)]


@pytest.mark.parametrize(
    ("hours", "more", "expected"),
    [
        (7, {}, None),
        (8, {}, 30.0),
        (8, {"min_users": 3}, 30.0),
        (8, {"min_users": 4}, None),
        (8, {"min_samples": 160}, 30.0),
        (8, {"min_samples": 161}, None),
    ],
)
def test_a_day_needs_hours_users_and_samples(hours, more, expected):
    found = read_day(item(**more), START, rows(hours, "abc"), historical=True)
    assert found == Day(START, expected, None, 2 * hours, historical=True)


def test_a_day_of_which_hours_are_taken_out_has_no_demand():
    found = read_day(item(), START, rows(20, "abc"), historical=False, taken_out=True)
    assert found == Day(START, None, None, 40, historical=False)
