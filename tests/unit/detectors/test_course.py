"""The course of an assumption through days: the same from wherever it goes on, and who is told of what."""

import json
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.assumptions import Assumption
from detectors.course import Setting, Standing, advance, ahead, checkpoints
from detectors.days import DayBatch
from detectors.sequential import Status, Test
from tests.unit.detectors.series import START, batch, days, steady

UTC = ZoneInfo("UTC")
FIRST = START.date()
ADOPTION = Assumption.model_validate(
    {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60}
)
TEST = Test.of(ADOPTION, 1.0)
LIVE = Setting(UTC)


def level(*spans: tuple[int, float]) -> list[DayBatch]:
    """Return days in a row, each span so many at a level."""
    levels = [value for count, value in spans for _ in range(count)]
    return days(len(levels), levels.__getitem__, seed=4)


def run(batches: list[DayBatch], setting: Setting = LIVE, test: Test = TEST) -> list[Standing]:
    course = [Standing.before(FIRST, test)]
    for each in batches:
        course.append(advance(test, course[-1], each, 24, setting))
    return course


def breaches(course: list[Standing]) -> list[tuple[int, int | None, str | None]]:
    """Return (day number found, day number ended, what ended it) of each breach."""
    found = {each.detected_at: each for standing in course for each in standing.breaches}
    return [
        (
            (each.day - FIRST).days,
            (each.ended_at - START).days - 1 if each.ended_at else None,
            each.resolution,
        )
        for each in found.values()
    ]


def test_a_course_goes_on_from_any_day_as_from_the_first_bit_for_bit():
    batches = level((20, 64), (12, 42), (25, 66), (10, 40), (16, 70))
    batches[25] = batch(25, [])
    setting = replace(LIVE, history=frozenset({FIRST + timedelta(days=number) for number in range(57, 62)}))
    course = run(batches, setting)
    assert [ended for *_, ended in breaches(course)] == ["data", "live days", "data"]
    for number, kept in list(enumerate(course[:-1]))[::7]:
        again = Standing.from_json(json.loads(json.dumps(kept.to_json())))
        assert again == kept
        for each in batches[number : number + 9]:
            again = advance(TEST, again, each, 24, setting)
        assert again == course[min(number + 9, len(batches))]


def test_the_last_day_that_said_something_is_remembered_over_days_that_say_nothing():
    silent = batch(10, [])
    taken_out = replace(level((12, 64))[11], excluded=frozenset(h.start for h in level((12, 64))[11].hours))
    before, without, excluded = run([*level((10, 64)), silent, taken_out])[-3:]
    assert (without.status, excluded.status) == (Status.NO_DATA, Status.EXCLUDED)
    assert before.verdict
    assert excluded.verdict == without.verdict == before.verdict
    assert (excluded.state.sums == before.state.sums).all()
    assert (excluded.days, before.days) == (10, 10)


@pytest.mark.parametrize(
    ("shadow", "expected"), [(0, [(0, None, None)]), (9, [(0, 8, "shadow ended"), (9, None, None)])]
)
def test_a_breach_that_outlasts_the_shadow_is_found_again_on_the_first_day_after_it(shadow, expected):
    setting = replace(LIVE, shadow_until=START + timedelta(days=shadow) if shadow else None)
    course = run(level((12, 36)), setting)
    assert breaches(course) == expected
    first, last = course[5].breaches[0], course[-1].breaches[-1]
    assert first.evidence == last.evidence
    assert last.detected_at == START + timedelta(days=expected[-1][0] + 1)


def test_a_day_without_telemetry_ends_no_shadowed_breach_and_one_mended_in_the_shadow_is_over():
    setting = replace(LIVE, shadow_until=START + timedelta(days=9))
    lasting = run([*level((9, 36)), batch(9, []), level((11, 36))[10]], setting)
    assert breaches(lasting) == [(0, 9, "shadow ended"), (10, None, None)]
    mended = run(level((20, 64), (8, 42), (25, 70)), replace(LIVE, shadow_until=START + timedelta(days=60)))
    assert [ended for *_, ended in breaches(mended)] == ["data"]


def test_a_breach_of_history_is_looked_for_anew_on_live_days_but_not_on_empty_ones():
    history = frozenset(FIRST + timedelta(days=number) for number in range(10))
    batches = level((20, 36))
    batches[10] = batch(10, [])
    course = run(batches, replace(LIVE, history=history))
    (_, ended, why), (again, still, _) = breaches(course)
    assert (ended, why, still) == (10, "live days", None)
    assert again >= 11
    assert [each.historical for each in course[5].breaches + course[-1].breaches[-1:]] == [True, False]


def test_what_was_told_before_history_came_into_its_day_is_no_breach_of_history():
    history = frozenset(FIRST + timedelta(days=number) for number in range(10))
    (told,) = run(level((5, 36)))[-1].breaches
    (kept,) = run(level((5, 36)), replace(LIVE, history=history, told=frozenset({told.detected_at})))[
        -1
    ].breaches
    assert not kept.historical


@given(st.integers(0, 3000), st.integers(1, 60))
def test_checkpoints_are_few_never_far_and_never_wanted_again(length: int, more: int):
    last = FIRST + timedelta(days=length)
    kept = list(checkpoints(FIRST, last))
    assert kept[-1] == last
    assert len(kept) <= 4 + 2 * max(length, 1).bit_length()
    later = set(checkpoints(FIRST, last + timedelta(days=more)))
    assert {day for day in later if day <= last} <= set(kept)


@given(st.integers(1, 3000))
def test_a_correction_of_n_days_ago_costs_a_fold_of_at_most_2n_days(age: int):
    last = date(2026, 1, 1)
    kept = list(checkpoints(last - timedelta(days=7000), last))
    changed = last - timedelta(days=age - 1)
    assert min((last - day).days for day in kept if day < changed) <= max(2 * age, 1)


def test_the_hours_so_far_show_the_very_breach_that_the_day_will():
    standing = run(level((30, 64)))[-1]
    gone = level((30, 64), (1, 20))[30]
    seen = [
        ahead(TEST, standing, replace(gone, hours=gone.hours[:count], users=2000, samples=200 * count), LIVE)
        for count in range(1, 25)
    ]
    (told,) = {each for each in seen if each}
    breach, first = told.breach, seen.index(told)
    assert seen[first:] == [told] * (24 - first)
    assert (told.verdict.status, told.verdict.at) == (Status.DIVERGED, breach.detected_at)
    assert breach.detected_at == START + timedelta(days=30, hours=first + 1)
    assert (breach.evidence.lane, breach.evidence.days) == ("fast", 30)
    assert advance(TEST, standing, gone, 24, LIVE).breaches == (breach,)
    open_already = advance(TEST, standing, gone, 24, LIVE)
    later = level((30, 64), (2, 20))[31]
    assert ahead(TEST, open_already, later, LIVE) is None


def test_steady_days_are_no_breach():
    assert breaches(run(days(40, steady(64), seed=1))) == []
