"""Many series at once are the same, to the last bit, as each alone."""

import json
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from detectors.assumptions import Assumption
from detectors.rows import columns, equal, from_json, join, pick, put
from detectors.sequential import Days, State, Test, Tests, fold, fold_many
from tests.unit.detectors.series import START, batch, days, hour_at

ENTRIES = [
    {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60},
    {"key": "l", "metric_name": "latency_p50", "operator": "<=", "value": 300},
    {"key": "u", "metric_name": "feature_usage", "operator": ">=", "value": 40},
    {"key": "w", "metric_name": "error_rate", "operator": "within", "value": 60, "tolerance": 3},
]
TESTS = [Test.of(Assumption.model_validate(entry)) for entry in ENTRIES]
COUNT = 30


def a_series(index: int, seed: int):
    """A month with a break, missing hours and days without data; each series is another one."""
    level, gap = (60, 300, 40, 60)[index], [7 * index % 20, 7 * index % 20 + 1]
    batches = days(COUNT, lambda day: level * (0.8 if 10 <= day < 15 else 1.1), seed=seed + index)
    return [
        batch(number, [] if number in gap else list(day.hours[number % 5 + index :]))
        for number, day in enumerate(batches)
    ]


def run(test: Test, batches):
    state, said = test.start(), []
    for day in batches:
        state, verdict = fold(test, state, day)
        said.append(verdict)
    return state, said


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_a_series_is_the_same_alone_and_among_others(seed, chosen):
    alone = [run(TESTS[index], a_series(index, seed)) for index in range(4)]
    tests = Tests.of([TESTS[index] for index in chosen])
    courses = [a_series(index, seed) for index in chosen]
    state, said = tests.start(), []
    for number in range(COUNT):
        state, verdicts = fold_many(tests, state, Days.of([course[number] for course in courses]))
        said.append(verdicts)
    for row, index in enumerate(chosen):
        assert [verdicts.of(row) for verdicts in said] == alone[index][1]
        assert pick(state, [row]) == alone[index][0]


def test_hours_in_an_array_are_the_hours_of_a_day():
    (day,) = days(1, lambda _: 60, seed=1)
    values = np.array([[hour.value for hour in day.hours]])
    weights = np.array([[hour.weight for hour in day.hours]])
    weights[0, 3] = 0
    there = [hour_at(number, hour.value, hour.weight) for number, hour in enumerate(day.hours) if number != 3]
    known = Days.of([batch(0, there, users=0)])
    assert equal(Days.of_hours(START.date(), values, weights), known)
    assert equal(Days.of_hours(START.date(), np.where(weights > 0, values, np.nan), weights), known)


def test_columns_beside_an_array_are_empty_whether_rows_begin_alike_or_not():
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    expected = [[0, 0, 1], [5, 6, 0], [0, 0, 0]]
    first = np.array([-2, 1, 7])
    assert columns(values, first, 3, 0.0).tolist() == expected
    for row in range(3):
        assert columns(values[[row]], first[[row]], 3, 0.0).tolist() == [expected[row]]


def test_one_day_out_of_order_refuses_all():
    batches = days(3, lambda _: 60, seed=1)
    tests = Tests.of(TESTS[:1] * 2)
    state, _ = fold_many(tests, tests.start(), Days.of([batches[0], batches[2]]))
    with pytest.raises(ValueError, match="2026-01-06 is not after 2026-01-07"):
        fold_many(tests, state, Days.of([batches[1], batches[1]]))


def test_states_of_many_are_joined_from_json_and_taken_apart():
    states = [run(test, a_series(index, 1))[0] for index, test in enumerate(TESTS)]
    together = join([State.from_json(json.loads(json.dumps(state.to_json()))) for state in states])
    assert [pick(together, [row]) for row in range(4)] == states
    assert [together.to_json(row) for row in range(4)] == [state.to_json() for state in states]
    assert put(together, [0, 1], pick(together, [2, 3])) == join([*states[2:], *states[2:]])
    assert pick(together, [0]) != pick(together, [1])


def test_a_model_may_hold_a_state():
    held = TypeAdapter(tuple[State, int])
    state = run(TESTS[0], a_series(0, 1))[0]
    for mode in ("json", "python"):
        assert held.validate_python(json.loads(json.dumps(held.dump_python((state, 3), mode=mode)))) == (
            state,
            3,
        )
    assert held.validate_python((state, 3)) == (state, 3)
    with pytest.raises(ValidationError, match="state: fields"):
        held.validate_python(({}, 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sums": "x"}, "sums: numbers are meant"),
        ({"sums": [0.0]}, r"sums: \(2, 3\) numbers are meant, not \(1,\)"),
        ({"baseline": {}}, "baseline: fields days, last_day,"),
        ({"other": 1}, "state: fields sums, broken,"),
    ],
)
def test_what_is_no_state_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        from_json(TESTS[0].start(), {**TESTS[0].start().to_json(), **change})


def test_a_state_is_little_more_than_a_kilobyte():
    def size(record) -> int:
        values = [getattr(record, field.name) for field in fields(record)]
        return sum(size(value) if is_dataclass(value) else value.nbytes for value in values)

    assert size(TESTS[0].start()) <= 1350


def test_a_day_ends_when_it_ends_everywhere():
    hours = tuple(hour_at(hour - 5, hour, 200) for hour in range(24))
    india = replace(batch(0, []), ends_at=START + timedelta(hours=18, minutes=30), hours=hours)
    there = Days.of([india])
    assert there.value.tolist() == [[0, *range(24)]]
    assert there.last_hour == Days.of([batch(0, [])]).last_hour - 5
