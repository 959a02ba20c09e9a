import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.assumptions import Assumption
from detectors.rows import Floats
from detectors.sequential import Days, State, Test, Tests, fold, fold_many
from tests.unit.detectors.series import START, batch, breaks, days, hour_at, steady

quick = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 10_000)


def a_test(metric: str, operator: str, value: float) -> Test:
    entry = {"key": "a", "metric_name": metric, "operator": operator, "value": value}
    return Test.of(Assumption.model_validate(entry))


def run(test: Test, batches, state: State | None = None):
    state, said = state or test.start(), []
    for day in batches:
        state, verdict = fold(test, state, day)
        said.append(verdict)
    return state, said


@quick
@given(seeds, st.randoms())
def test_the_order_of_hours_within_a_day_is_irrelevant(seed, random):
    test = a_test("user_adoption", ">=", 60)
    batches = days(20, breaks(60, 54, at=10), seed=seed)
    shuffled = [replace(day, hours=tuple(random.sample(day.hours, 24))) for day in batches]
    assert run(test, shuffled) == run(test, batches)


@quick
@given(seeds, st.integers(0, 30), st.sampled_from([60, 54, 48]))
def test_a_fold_taken_up_from_json_goes_on_as_if_never_laid_down(seed, cut, after):
    test = a_test("user_adoption", ">=", 60)
    batches = days(30, lambda day: after if 8 <= day < 16 else 60, seed=seed)
    whole, said = run(test, batches)
    state, first = run(test, batches[:cut])
    taken_up = State.from_json(json.loads(json.dumps(state.to_json())))
    rest, second = run(test, batches[cut:], taken_up)
    assert (rest, first + second) == (whole, said)


@quick
@given(seeds, st.sampled_from([300, 330, 360]))
def test_mirrored_data_mirrors_the_verdicts(seed, after):
    batches = days(40, breaks(300, after, at=15), seed=seed)
    mirrored = [
        replace(day, hours=tuple(replace(hour, value=600 - hour.value) for hour in day.hours))
        for day in batches
    ]
    _, high = run(a_test("latency_p50", "<=", 300), batches)
    _, low = run(a_test("latency_p50", ">=", 300), mirrored)
    assert [v.status for v in high] == [v.status for v in low]


@quick
@given(seeds, st.floats(0, 0.5), st.floats(0, 0.5))
def test_on_the_first_day_a_wider_gap_is_more_evidence(seed, one, two):
    test = a_test("feature_usage", ">=", 100)
    (day,) = days(1, steady(100), seed=seed)

    def evidence(gap: float) -> float:
        lower = [hour_at(hour, known.value - 100 * gap, 1) for hour, known in enumerate(day.hours)]
        return fold(test, test.start(), batch(0, lower))[1].e_value

    narrow, wide = sorted((one, two))
    # Shifted hours keep their scatter but for rounding, and with it the size of a step of evidence.
    assert evidence(narrow) <= evidence(wide) * (1 + 1e-9)


GAPS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
AFTER = 30


def told_after(at: int, phi: float, first_seed: int, metric: str = "user_adoption") -> Floats:
    """Return the days (seed, gap) from a break on day `at` until it is told: the same noise at each gap."""
    test = a_test(metric, ">=", 60)
    noises = [days(at + AFTER, steady(61.2), seed=first_seed + number, phi=phi) for number in range(10)]
    values = np.array([[[hour.value for hour in day.hours] for day in noise] for noise in noises])
    series = np.repeat(values[:, None], len(GAPS), axis=1)
    series[:, :, at:] -= 60 * np.array(GAPS)[:, None, None]
    series = np.maximum(series, 0).reshape(-1, at + AFTER, 24)
    tests, weight = Tests.of([test] * len(series)), np.full((len(series), 24), 200.0)
    state, told = tests.start(), np.full(len(series), np.inf)
    for number in range(at + AFTER):
        day = Days.of_hours((START + timedelta(number)).date(), series[:, number], weight)
        state, said = fold_many(tests, state, day)
        told = np.where(np.isinf(told) & said.notify, said.at, told)
    return ((told - START.timestamp()) / 86400 - at).reshape(len(noises), len(GAPS))


@settings(max_examples=4, deadline=None)
@given(seeds, st.sampled_from([0, 7, 10, 45]), st.sampled_from([0.0, 0.5, 0.8]), st.booleans())
def test_a_wider_gap_is_never_told_later(seed, at, phi, counts):
    """From launch on, and once a week is known: by the hour where the fast lane tells it."""
    after = told_after(at, phi, seed, "feature_usage" if counts else "user_adoption")
    broken = np.where(after > 0, after, 0)  # told before the break, whatever comes
    assert (broken[:, 1:] <= broken[:, :-1]).all()


@pytest.mark.parametrize("at", [1, 3, 6])
def test_a_break_within_the_first_week_is_told_later_the_wider_it_is(at):
    """What docs/detection.md says of it: until a week is known, a step may be wobble."""
    after = dict(zip(GAPS, np.median(told_after(at, 0.8, 0), axis=0), strict=True))
    assert after[0.2] <= 7
    assert after[0.2] < after[0.5] <= 14


@quick
@given(st.lists(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10_000)), max_size=24), max_size=30))
def test_no_data_whatsoever_breaks_the_fold(rows):
    test = a_test("user_adoption", ">=", 60)
    batches = [
        batch(
            number, [hour_at(24 * number + hour, value, weight) for hour, (value, weight) in enumerate(row)]
        )
        for number, row in enumerate(rows)
    ]
    state, _ = run(test, batches)
    json.dumps(state.to_json(), allow_nan=False)
