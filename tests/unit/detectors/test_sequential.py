import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from detectors.assumptions import Assumption
from detectors.sequential import (
    ALARMS_PER_YEAR,
    Days,
    State,
    Status,
    Test,
    Tests,
    Verdict,
    fold,
    fold_many,
)
from tests.unit.detectors.series import START, batch, breaks, days, hour_at, steady

ADOPTION = {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60}
LATENCY = {"key": "l", "metric_name": "latency_p50", "operator": "<=", "value": 300}
USAGE = {"key": "u", "metric_name": "feature_usage", "operator": ">=", "value": 40}


def a_test(entry, rate=ALARMS_PER_YEAR, **change) -> Test:
    return Test.of(Assumption.model_validate({**entry, **change}), rate)


def verdicts(test: Test, batches) -> list[Verdict]:
    state, said = test.start(), []
    for day in batches:
        state, verdict = fold(test, state, day)
        said.append(verdict)
    return said


def transitions(test: Test, batches) -> list[tuple[int, str]]:
    """The days on which the status changes."""
    statuses = [verdict.status for verdict in verdicts(test, batches)]
    return [(at, now) for at, now in enumerate(statuses) if at == 0 or statuses[at - 1] != now]


def test_hours_that_wobble_across_the_bound_are_ok_after_a_week():
    batches = days(42, steady(60), seed=1)
    below = [hour.value < 60 for day in batches for hour in day.hours]
    assert 400 < sum(below) < 600  # of 1008: a threshold would have spoken half of the time
    assert transitions(a_test(ADOPTION), batches) == [(0, "LEARNING"), (6, "OK")]


@pytest.mark.parametrize("entry", [ADOPTION, LATENCY, USAGE])
def test_on_the_bound_nobody_is_told_in_six_weeks(entry):
    tests = Tests.of([a_test(entry)] * 20)
    courses = [days(42, steady(entry["value"]), seed=seed) for seed in range(2, 22)]
    state = tests.start()
    for today in zip(*courses, strict=True):
        state, said = fold_many(tests, state, Days.of(today))
        assert not said.notify.any()


def test_a_gap_of_10_percent_at_launch_is_told_on_the_second_day():
    assert transitions(a_test(ADOPTION), days(42, steady(54), seed=2)) == [(0, "WATCH"), (1, "DIVERGED")]


def test_a_gap_of_30_percent_at_launch_is_told_on_the_first_day():
    assert transitions(a_test(ADOPTION), days(42, steady(42), seed=2)) == [(0, "DIVERGED")]


@pytest.mark.parametrize("before", [250, 280])
def test_latency_that_breaks_in_week_four_is_told_that_day(before):
    said = transitions(a_test(LATENCY), days(42, breaks(before, 480, at=21), seed=2))
    assert said == [(0, "LEARNING"), (6, "OK"), (21, "DIVERGED")]


def test_usage_is_judged_by_its_hours():
    said = transitions(a_test(USAGE), days(60, breaks(41, 28, at=30), seed=8, weight=3))
    assert said == [(0, "LEARNING"), (6, "OK"), (30, "DIVERGED")]


def test_a_breach_that_ends_is_told_once_and_resolved_once():
    said = verdicts(a_test(ADOPTION), days(60, lambda day: 48 if 20 <= day < 30 else 60, seed=3))
    assert [at for at, verdict in enumerate(said) if verdict.notify] == [20]
    assert [at for at, verdict in enumerate(said) if verdict.resolve] == [35]
    assert {verdict.status for verdict in said[20:35]} == {Status.DIVERGED}
    assert (said[35].status, said[36].status) == (Status.RESOLVED, Status.OK)


def test_within_speaks_of_the_bound_that_is_broken():
    test = a_test(LATENCY, operator="within", tolerance=0.05, tolerance_kind="relative")
    series = days(60, lambda day: 240 if 20 <= day < 30 else 380 if day >= 45 else 300, seed=3)
    said = verdicts(test, series)
    told = [
        (at, verdict.status, round(verdict.bound))
        for at, verdict in enumerate(said)
        if verdict.notify or verdict.resolve
    ]
    assert told == [
        (21, Status.DIVERGED, 285),
        (33, Status.RESOLVED, 285),
        (47, Status.DIVERGED, 315),
    ]  # fmt: skip
    assert said[0].threshold == 2 * a_test(LATENCY).sides[0].threshold


def test_the_verdict_carries_its_evidence_in_the_metrics_unit():
    first, second = verdicts(a_test(ADOPTION), days(2, steady(54), seed=2))
    assert second.notify
    assert first.e_value < first.threshold < second.e_value
    assert first.threshold == pytest.approx(1314)  # 0.1 false alarms a year
    assert first.bound == 60
    assert first.mean == pytest.approx(54, abs=3)
    assert first.deviation == pytest.approx(3, abs=1.5)


def test_while_diverged_the_evidence_is_for_recovery():
    said = verdicts(a_test(ADOPTION), days(3, steady(42), seed=2))
    assert [verdict.threshold for verdict in said] == pytest.approx([1314, 365, 365])
    assert said[2].e_value < 1


def test_the_tolerance_moves_the_bound():
    fine = verdicts(a_test(ADOPTION, tolerance=9), days(42, steady(52), seed=2))
    assert not any(verdict.notify for verdict in fine)
    assert fine[0].bound == 51


HOURS_SHORT = [hour_at(hour, 42, 200) for hour in range(7)]
TOO_LITTLE = {
    "hours": batch(0, HOURS_SHORT),
    "hours of weight": batch(0, [*HOURS_SHORT, hour_at(8, 42, 0)]),
    "samples": batch(0, [hour_at(hour, 42, 4) for hour in range(24)]),
    "users": batch(0, [hour_at(hour, 42, 200) for hour in range(24)], users=499),
    "samples in place of users": batch(0, [hour_at(hour, 42, 20) for hour in range(24)], users=0),
    "anything": batch(0, []),
}


@pytest.mark.parametrize("what", TOO_LITTLE)
def test_a_day_with_too_little_says_nothing_and_changes_nothing(what):
    test = a_test(ADOPTION, min_users=500)
    state, verdict = fold(test, test.start(), TOO_LITTLE[what])
    assert state == test.start()
    assert (verdict.status, verdict.notify, verdict.resolve) == (Status.NO_DATA, False, False)
    assert (verdict.mean, verdict.deviation) == (None, None)


def test_just_enough_is_enough():
    test = a_test(ADOPTION, min_users=500)
    day = batch(0, [hour_at(hour, 60, 12.5) for hour in range(8)], users=500)
    assert fold(test, test.start(), day)[1].status is Status.LEARNING


def test_no_data_is_no_recovery():
    series = days(60, lambda day: 48 if 20 <= day < 30 else 60, seed=3)
    gap = [batch(day, []) for day in range(24, 29)]
    said = verdicts(a_test(ADOPTION), [*series[:24], *gap, *series[29:]])
    assert [verdict.status for verdict in said[23:30]] == ["DIVERGED", *["NO_DATA"] * 5, "DIVERGED"]
    assert sum(verdict.notify for verdict in said) == 1


def test_a_broken_hour_a_day_is_no_breach():
    series = days(42, steady(61), seed=5)
    broken = [
        batch(number, [hour_at(24 * number + 3, 0, 200), *(h for h in day.hours if h.start.hour != 3)])
        if number in {10, 17, 30}
        else day
        for number, day in enumerate(series)
    ]
    assert not any(verdict.notify for verdict in verdicts(a_test(ADOPTION), broken))


@pytest.mark.parametrize("entry", [ADOPTION, LATENCY, USAGE])
def test_a_flat_line_on_the_bound_is_no_breach(entry):
    flat = [batch(d, [hour_at(24 * d + h, entry["value"], 200) for h in range(24)]) for d in range(30)]
    assert transitions(a_test(entry), flat) == [(0, "LEARNING"), (6, "OK")]


def test_a_crash_where_none_was_assumed_is_found():
    entry = {"key": "c", "metric_name": "crash_rate", "operator": "<=", "value": 0}
    flat = [
        batch(d, [hour_at(24 * d + h, 1.0 if d >= 10 else 0.0, 200) for h in range(24)]) for d in range(12)
    ]
    assert transitions(a_test(entry), flat)[-1] == (10, "DIVERGED")


SIX = [hour_at(hour, 42, 200) for hour in range(6)]


@pytest.mark.parametrize(
    ("hours", "excluded", "status"),
    [
        (SIX, range(24), "EXCLUDED"),
        ([], range(24), "EXCLUDED"),
        ([], range(17), "EXCLUDED"),  # 7 hours left: too few whatever they hold
        ([], range(16), "NO_DATA"),
        (HOURS_SHORT, range(1), "NO_DATA"),
        ([*HOURS_SHORT, hour_at(7, 42, 200)], range(1), "EXCLUDED"),  # enough, but for that hour
        ([hour_at(hour, 42, 200) for hour in range(24)], range(16), "DIVERGED"),
    ],
)
def test_a_day_is_excluded_if_the_hours_taken_out_are_what_it_lacks(hours, excluded, status):
    test = a_test(ADOPTION)
    day = replace(batch(0, hours), excluded=frozenset(START + timedelta(hours=hour) for hour in excluded))
    state, verdict = fold(test, test.start(), day)
    assert verdict.status == status
    assert (state == test.start()) is (status != "DIVERGED")


def test_hours_taken_out_say_nothing_whatever_they_hold():
    test = a_test(ADOPTION)
    (day,) = days(1, steady(60), seed=1)
    out = frozenset(hour.start for hour in day.hours[3:9])
    wild = [replace(hour, value=0.0) if hour.start in out else hour for hour in day.hours]
    missing = [hour for hour in day.hours if hour.start not in out]
    assert fold(test, test.start(), replace(day, hours=tuple(wild), excluded=out)) == fold(
        test, test.start(), replace(day, hours=tuple(missing))
    )


def test_a_verdict_is_possible_when_its_day_ends():
    said = verdicts(a_test(ADOPTION), [*days(1, steady(60), seed=1), batch(1, [])])
    assert [verdict.at for verdict in said] == [START + timedelta(days=1), START + timedelta(days=2)]
    assert {verdict.lane for verdict in said} == {"daily"}


def test_a_slow_metric_starts_without_suspicion_and_takes_longer_to_break():
    batches = days(42, steady(54), seed=2)
    usual, slow = a_test(ADOPTION), a_test(ADOPTION, slow=True)
    assert slow.start().sums.max() == 0
    assert usual.start().sums.max() == pytest.approx(0.04 * 1314)
    assert transitions(usual, batches)[-1] == (1, "DIVERGED")
    assert transitions(slow, batches)[-1] == (2, "DIVERGED")


@pytest.mark.parametrize(("entry", "least"), [(ADOPTION, 100), (LATENCY, 100), (USAGE, 0)])
def test_what_samples_a_day_needs_may_be_declared(entry, least):
    assert a_test(entry).min_samples == least
    assert a_test(entry, min_samples=4800).min_samples == 4800
    day = days(1, steady(entry["value"]), seed=1)
    assert [verdict.status for verdict in verdicts(a_test(entry, min_samples=4800), day)] == ["LEARNING"]
    assert [verdict.status for verdict in verdicts(a_test(entry, min_samples=4801), day)] == ["NO_DATA"]


def test_a_share_is_tested_as_a_rate():
    share = {"metric_name": "feature_usage", "unit": "share", "cohort": "teams", "value": 60}
    assert a_test(ADOPTION, **share) == a_test(ADOPTION)


def test_another_rate_is_another_threshold_and_nothing_else():
    test = a_test(LATENCY, operator="within", tolerance=9)
    assert test.with_rate(0.02) == a_test(LATENCY, 0.02, operator="within", tolerance=9)
    assert test.with_rate(0.02).with_rate(ALARMS_PER_YEAR) == test
    with pytest.raises(ValueError, match="alarms per year must be above 0"):
        test.with_rate(0)


def test_the_configuration_is_that_of_what_decides():
    one = a_test(ADOPTION).configuration
    assert a_test(ADOPTION, key="b", statement="x").configuration == one
    assert a_test(ADOPTION, 0.01).configuration == one
    changes: list[dict[str, Any]] = [
        *({"value": 61}, {"operator": "<="}, {"tolerance": 1}),
        *({"slow": True}, {"min_users": 5}, {"min_samples": 5}),
    ]
    assert len({one, *(a_test(ADOPTION, **change).configuration for change in changes)}) == 7


def test_a_day_is_folded_once_and_in_order():
    test = a_test(ADOPTION)
    first, second = days(2, steady(60), seed=1)
    state, _ = fold(test, test.start(), second)
    for day in (first, second):
        with pytest.raises(ValueError, match="is not after 2026-01-06, the last day folded"):
            fold(test, state, day)


def test_a_day_of_25_hours_and_one_of_23_are_days():
    long, short = days(2, steady(60), seed=1)
    long = batch(0, [*long.hours, hour_at(-1, 60, 200)])
    short = batch(1, list(short.hours[1:]))
    assert [verdict.status for verdict in verdicts(a_test(ADOPTION), [long, short])] == ["LEARNING"] * 2
    assert long.ends_at - long.measured()[0].start == timedelta(hours=25)


def test_the_state_is_small_plain_json():
    test = a_test(LATENCY, operator="within", tolerance=9)
    state = test.start()
    for day in days(200, steady(300), seed=1):
        state, _ = fold(test, state, day)
    text = json.dumps(state.to_json(), allow_nan=False)
    assert len(text) < 3200
    assert State.from_json(json.loads(text)) == state


@pytest.mark.parametrize(("rate", "threshold"), [(0.1, 1314), (1, 131.4), (10, 13.14)])
def test_fewer_false_alarms_need_more_evidence(rate, threshold):
    assert a_test(ADOPTION, rate).sides[0].threshold == pytest.approx(threshold)


@pytest.mark.parametrize("rate", [0, -1, 11, float("nan")])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(ValueError, match="alarms per year must be above 0"):
        a_test(ADOPTION, rate)


def test_an_elasticity_is_not_tested_by_days():
    with pytest.raises(ValueError, match="estimated from prices"):
        a_test(ADOPTION, operator="within", value=-1.2, tolerance=0.3, unit="elasticity")


def test_a_state_of_another_shape_is_refused():
    data = a_test(ADOPTION).start().to_json()
    del data["baseline"]["level"]["mean"]
    data["sums"] = "x"
    with pytest.raises(ValueError, match="sums"):
        State.from_json(data)
