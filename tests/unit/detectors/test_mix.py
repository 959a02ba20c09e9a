"""The share of a cohort: by hand, and what must not change it."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.days import DayBatch
from detectors.mix import actual, day_batch
from detectors.series import HourRow
from metrics.cell import Cell
from metrics.names import Metric
from metrics.users import EXACT, UserSet
from tests.unit.streams.messages import KEY

UTC_ZONE = ZoneInfo("UTC")
DAY = date(2026, 10, 5)
START = datetime(2026, 10, 5, tzinfo=UTC)
MILLION = 10**6
ADOPTION, USAGE = Metric.USER_ADOPTION, Metric.FEATURE_USAGE
MAINSTREAM, EARLY = "mainstream", "early_adopter"


def named(hour: int, cohort: str, users: str) -> HourRow:
    return row(hour, cohort, Cell(samples=2 * len(users), users=UserSet.of(users, KEY)))


def counted(hour: int, cohort: str, of: int) -> HourRow:
    return row(hour, cohort, Cell(0, of * MILLION, samples=1))


def row(hour: int, cohort: str, cell: Cell) -> HourRow:
    return HourRow(START + timedelta(hours=hour), 1, cell, cohort)


def batch(rows: list[HourRow], metric: Metric = ADOPTION, cohort: str = MAINSTREAM) -> DayBatch:
    return day_batch(metric, cohort, DAY, rows, UTC_ZONE)


def pooled(day: DayBatch) -> float:
    return sum(hour.value * hour.weight for hour in day.hours) / sum(hour.weight for hour in day.hours)


def test_an_hour_has_the_share_of_its_denominators():
    day = batch([counted(1, MAINSTREAM, 30), counted(1, EARLY, 70), counted(2, MAINSTREAM, 50)])
    assert [(hour.value, hour.weight) for hour in day.hours] == [(30, 100), (100, 50)]
    assert pooled(day) == pytest.approx(100 * 80 / 150)


def test_an_hour_without_the_cohort_has_none_of_it_and_is_no_hole():
    day = batch([counted(1, EARLY, 70), counted(2, MAINSTREAM, 70)])
    assert [hour.value for hour in day.hours] == [0, 100]


def test_hours_without_anybody_are_holes():
    assert batch([counted(1, EARLY, 0)]).hours == ()
    assert batch([]).hours == ()


def test_whoever_comes_every_hour_is_one_user_of_the_day():
    # Three early adopters come ten times, seven of the mainstream once.
    rows = [named(hour, EARLY, "abc") for hour in range(10)] + [named(9, MAINSTREAM, "tuvwxyz")]
    day = batch(rows)
    assert pooled(day) == pytest.approx(70)
    assert sum(hour.weight for hour in day.hours) == pytest.approx(10)
    assert (day.users, day.samples) == (10, 74)
    assert actual(ADOPTION, MAINSTREAM, rows, UTC_ZONE) == pytest.approx(70)


def test_a_user_of_two_cohorts_is_one_of_all():
    rows = [named(1, EARLY, "ab"), named(1, MAINSTREAM, "bcd")]
    assert pooled(batch(rows)) == pytest.approx(75)
    assert pooled(batch(rows, cohort=EARLY)) == pytest.approx(50)


def test_named_users_and_denominators_add_up():
    rows = [
        named(1, EARLY, "ab"),
        counted(1, EARLY, 4),
        named(1, MAINSTREAM, "cd"),
        counted(1, MAINSTREAM, 2),
    ]
    assert pooled(batch(rows)) == pytest.approx(40)


def test_uses_are_no_users_where_somebody_is_named_and_stand_for_them_where_nobody_is():
    unnamed = row(1, EARLY, Cell(90 * MILLION, 0, samples=60))
    assert pooled(batch([unnamed, named(1, MAINSTREAM, "ab")], USAGE)) == pytest.approx(100)
    nameless = row(1, MAINSTREAM, Cell(10 * MILLION, 0, samples=20))
    assert pooled(batch([unnamed, nameless], USAGE)) == pytest.approx(25)


def test_days_pool_by_the_users_of_each():
    rows = [named(1, EARLY, "a"), named(2, MAINSTREAM, "bcd"), named(27, EARLY, "a")]
    assert actual(ADOPTION, MAINSTREAM, rows, UTC_ZONE) == pytest.approx(60)
    assert actual(ADOPTION, MAINSTREAM, [], UTC_ZONE) is None


def test_a_share_of_many_is_drawn_and_weighs_what_was_drawn():
    crowd = [f"m{number}" for number in range(6000)] + [f"e{number}" for number in range(4000)]
    rows = [
        row(1, MAINSTREAM, Cell(samples=6000, users=UserSet.of(crowd[:6000], KEY))),
        row(1, EARLY, Cell(samples=4000, users=UserSet.of(crowd[6000:], KEY))),
    ]
    day = batch(rows)
    assert pooled(day) == pytest.approx(60, abs=2.5)  # three standard deviations of 4096 draws
    assert sum(hour.weight for hour in day.hours) == EXACT
    assert day.users == pytest.approx(10_000, rel=0.05)


Seen = tuple[int, str, str, int]
cohorts = st.sampled_from([MAINSTREAM, EARLY, "enterprise"])
telemetry = st.lists(
    st.tuples(st.integers(0, 23), cohorts, st.text("abcdefghij", max_size=5), st.integers(0, 50)), max_size=30
)


def rows_of(found: list[Seen]) -> list[HourRow]:
    return [
        row(hour, cohort, Cell(0, of * MILLION, len(users) + 1, UserSet.of(users, KEY)))
        for hour, cohort, users, of in found
    ]


@given(telemetry, st.randoms())
@settings(max_examples=30)
def test_the_order_of_rows_is_irrelevant(found: list[Seen], random: Random):
    rows = rows_of(found)
    day, value = batch(rows), actual(ADOPTION, MAINSTREAM, rows, UTC_ZONE)
    random.shuffle(rows)
    assert batch(rows) == day
    assert actual(ADOPTION, MAINSTREAM, rows, UTC_ZONE) == value


@given(telemetry)
@settings(max_examples=30)
def test_the_day_pools_to_what_is_reported_and_the_others_have_the_rest(found: list[Seen]):
    # Each user is of one cohort: then two cohorts mirror each other.
    rows = rows_of(
        [
            (hour, cohort, users.upper(), of) if cohort == MAINSTREAM else (hour, EARLY, users, of)
            for hour, cohort, users, of in found
        ]
    )
    mine, others = batch(rows), batch(rows, cohort=EARLY)
    value = actual(ADOPTION, MAINSTREAM, rows, UTC_ZONE)
    if value is None:
        assert mine.hours == others.hours == ()
        return
    assert pooled(mine) == pytest.approx(value)
    for one, other in zip(mine.hours, others.hours, strict=True):
        assert one.value + other.value == pytest.approx(100)
        assert one.weight == other.weight
