"""Gross breaches are told while the day lasts, and the complete day says the same."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.assumptions import Assumption
from detectors.days import DayBatch, Hour
from detectors.sequential import State, Status, Test, fold, glance
from tests.unit.detectors.series import START, batch, days

ENTRY = {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60}
TEST = Test.of(Assumption.model_validate(ENTRY))
KNOWN = 30  # days before the one that breaks


@cache
def known(seed: int = 1) -> State:
    state = TEST.start()
    for day in days(KNOWN, lambda _: 62, seed=seed):
        state, _ = fold(TEST, state, day)
    return state


def breaking(at: int, share: float, *, seed: int = 2, day: int = KNOWN) -> DayBatch:
    """A day that falls by a share of the bound from hour `at` on."""
    (sound,) = days(1, lambda _: 62, seed=seed)
    hours = (replace(h, start=h.start + timedelta(days=day)) for h in sound.hours)
    return batch(day, [replace(h, value=h.value - 60 * share * (h.start.hour >= at)) for h in hours])


def so_far(day: DayBatch, hours: int) -> DayBatch:
    return replace(day, hours=day.hours[:hours], users=0, samples=0)


def first_glance(day: DayBatch, test: Test = TEST):
    """The hours that a glance needs, and what it says."""
    looks = ((count, glance(test, known(), so_far(day, count))) for count in range(25))
    return next(((count, verdict) for count, verdict in looks if verdict), (None, None))


@pytest.mark.parametrize(("share", "hours"), [(0.1, None), (0.3, 16), (0.5, 14), (0.8, 14)])
def test_a_gross_breach_is_told_within_hours(share, hours):
    count, _ = first_glance(breaking(5, share))
    assert count == hours


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 15), st.floats(0.2, 0.9), st.integers(0, 99), st.sets(st.integers(0, 23), max_size=4))
def test_the_complete_day_says_what_the_glance_said(at, share, seed, missing):
    day = breaking(at, share, seed=seed)
    day = replace(day, hours=tuple(hour for hour in day.hours if hour.start.hour not in missing))
    count, told = first_glance(day)
    _, complete = fold(TEST, known(), day)
    if told is None:
        assert complete.lane == "daily"
        return
    assert (told.status, told.notify, told.lane) == (Status.DIVERGED, True, "fast")
    assert told.at == day.hours[count - 1].start + timedelta(hours=1)
    assert told == complete == glance(TEST, known(), day)


def test_a_glance_changes_nothing_and_a_sound_day_is_none():
    before = known().to_json()
    assert glance(TEST, known(), breaking(0, 0.8)) is not None
    assert glance(TEST, known(), breaking(0, 0)) is None
    assert known().to_json() == before


def test_what_the_fast_lane_told_is_not_told_again_and_resolves_by_days():
    state, said = known(), []
    sound = days(60, lambda _: 62, seed=3)[KNOWN + 3 :]
    course = [breaking(2, 0.5), breaking(0, 0.5, day=KNOWN + 1), breaking(0, 0.5, day=KNOWN + 2), *sound]
    for day in course:
        state, verdict = fold(TEST, state, day)
        said.append(verdict)
    assert [at for at, verdict in enumerate(said) if verdict.notify] == [0]
    assert [at for at, verdict in enumerate(said) if verdict.resolve] == [12]
    assert [verdict.lane for verdict in said[:2]] == ["fast", "daily"]
    assert glance(TEST, fold(TEST, known(), course[0])[0], course[1]) is None


@pytest.mark.parametrize(("samples", "hours"), [(1000, 8), (2000, 10), (3000, 15), (4801, None)])
def test_hours_tell_as_soon_as_there_are_the_samples_that_a_day_needs(samples, hours):
    test = replace(TEST, min_samples=samples)
    assert first_glance(breaking(0, 0.9), test)[0] == hours


def test_a_breach_is_told_though_the_day_has_too_few_hours():
    state = known()
    evening, night = breaking(19, 0.8), so_far(breaking(0, 0.8, day=KNOWN + 1), 3)
    state, verdict = fold(TEST, state, evening)
    assert verdict.status is not Status.DIVERGED
    state, verdict = fold(TEST, state, night)
    assert (verdict.status, verdict.lane, verdict.mean is None) == (Status.DIVERGED, "fast", False)
    assert state.baseline.days == KNOWN + 1
    assert fold(TEST, state, batch(KNOWN + 2, []))[1].status is Status.NO_DATA


def test_hours_taken_out_are_no_breach():
    day = breaking(0, 0.8)
    assert glance(TEST, known(), replace(day, excluded=frozenset(h.start for h in day.hours))) is None


def test_a_breach_is_of_the_side_that_is_broken():
    test = Test.of(Assumption.model_validate({**ENTRY, "operator": "within", "tolerance": 6}))
    state = test.start()
    for day in days(KNOWN, lambda _: 60, seed=1):
        state, _ = fold(test, state, day)
    for share, bound in ((0.6, 54), (-0.6, 66)):
        verdict = glance(test, state, breaking(0, share))
        assert verdict is not None
        assert verdict.bound == bound
        assert fold(test, state, breaking(0, share))[0].broken == [bound > 60]


def test_a_glance_at_a_day_that_was_folded_is_refused():
    with pytest.raises(ValueError, match="2026-02-03 is not after 2026-02-03"):
        glance(TEST, known(), batch(KNOWN - 1, []))


def test_three_weeks_of_complete_days_are_known_before_hours_tell():
    state = TEST.start()
    empty = [batch(day, []) for day in range(20)]
    for day in [*empty, *days(40, lambda _: 62, seed=1)[20:30]]:
        state, _ = fold(TEST, state, day)
    assert glance(TEST, state, breaking(0, 0.9)) is None


def test_hours_of_a_day_of_25_are_counted_from_its_beginning():
    day = breaking(5, 0.8)
    extra = Hour(START + timedelta(days=KNOWN + 1), 62.0, 200.0)
    later = replace(day, ends_at=day.ends_at + timedelta(hours=1), hours=(*day.hours, extra))
    for count in range(1, 25):
        one, other = (glance(TEST, known(), so_far(each, count)) for each in (day, later))
        assert (one is None) is (other is None)
        assert one is None or other is None or one.at == other.at
