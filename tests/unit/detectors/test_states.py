"""Each state of the daily test, by the exact days on which it begins."""

import hashlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.assumptions import Assumption
from detectors.days import DayBatch
from detectors.plan import METHOD
from detectors.sequential import Status, Test, Verdict, fold
from tests.unit.detectors.series import batch, days

ENTRIES: dict[str, dict[str, Any]] = {
    "rate": {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60},
    "median": {"key": "l", "metric_name": "latency_p50", "operator": "<=", "value": 300},
    "sum": {"key": "u", "metric_name": "feature_usage", "operator": ">=", "value": 40},
}


def course(bound: float, *spans: tuple[int, float | str], seed: int = 7) -> list[DayBatch]:
    """Days in a row: each span so many at a multiple of the bound, or without telemetry, or taken out."""
    kinds = [kind for count, kind in spans for _ in range(count)]
    levels = [kind if isinstance(kind, float) else 1.0 for kind in kinds]
    made = days(len(kinds), lambda day: bound * levels[day], seed=seed)
    return [_special(number, day, kind) for number, (day, kind) in enumerate(zip(made, kinds, strict=True))]


def _special(number: int, day: DayBatch, kind: float | str) -> DayBatch:
    if kind == "nothing":
        return batch(number, [])
    out = frozenset(hour.start for hour in day.hours)
    return replace(day, excluded=out) if kind == "taken out" else day


def verdicts(test: Test, batches: list[DayBatch]) -> list[Verdict]:
    state, said = test.start(), []
    for day in batches:
        state, verdict = fold(test, state, day)
        said.append(verdict)
    return said


def begins(said: list[Verdict]) -> list[tuple[int, str]]:
    """The days on which another status begins; in capitals as people see them, * where they are told."""
    marked = [f"{verdict.status}{'*' * (verdict.notify or verdict.resolve)}" for verdict in said]
    return [(0, marked[0]), *((at + 1, now) for at, (old, now) in enumerate(pairwise(marked)) if now != old)]


LEARNED = [(0, "LEARNING"), (6, "OK")]
TABLE: dict[str, tuple[str, list[tuple[int, float | str]], list[tuple[int, str]]]] = {
    "on the bound": ("rate", [(60, 1.0)], LEARNED),
    "a small gap is watched": ("rate", [(20, 1.03), (30, 0.96)], [*LEARNED, (42, "WATCH")]),
    "and told": (
        "sum",
        [(30, 1.1), (30, 0.9)],
        [*LEARNED, (35, "WATCH"), (37, "DIVERGED*"), (38, "DIVERGED")],
    ),
    "a gap at launch": (
        "median",
        [(14, 1.1)],
        [(0, "LEARNING"), (1, "WATCH"), (3, "DIVERGED*"), (4, "DIVERGED")],
    ),
    "a breach that ends": (
        "rate",
        [(20, 1.04), (8, 0.85), (20, 1.05)],
        [*LEARNED, (20, "DIVERGED*"), (21, "DIVERGED"), (39, "RESOLVED*"), (40, "OK")],
    ),
    "days without telemetry hold what was said": (
        "median",
        [(10, 0.95), (3, "nothing"), (6, 0.95)],
        [*LEARNED, (10, "NO_DATA"), (13, "OK")],
    ),
    "and are no recovery": (
        "rate",
        [(20, 1.05), (5, 0.85), (3, "nothing"), (20, 1.05)],
        [
            *LEARNED,
            *((20, "WATCH"), (21, "DIVERGED*"), (22, "DIVERGED"), (25, "NO_DATA"), (28, "DIVERGED")),
            *((37, "RESOLVED*"), (38, "OK")),
        ],
    ),
    "days taken out hold it too": (
        "sum",
        [(10, 1.1), (4, "taken out"), (2, "nothing"), (9, 1.1)],
        [*LEARNED, (10, "EXCLUDED"), (14, "NO_DATA"), (16, "OK")],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_states_begin_on_these_days(name):
    kind, spans, expected = TABLE[name]
    entry = ENTRIES[kind]
    said = verdicts(Test.of(Assumption.model_validate(entry)), course(entry["value"], *spans))
    assert begins(said) == expected


def test_the_table_has_every_state_that_a_day_can_have():
    shown = {status.rstrip("*") for _, _, days_of in TABLE.values() for _, status in days_of}
    assert shown == set(Status) - {Status.NOT_IDENTIFIABLE}


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1 / 1024, 0.5, 4, 4096]))
def test_another_unit_of_the_metric_changes_no_verdict(seed, factor):
    spans = (12, 1.0), (10, 1.3), (12, 0.9)
    plain = course(300, *spans, seed=seed)
    scaled = [replace(d, hours=tuple(replace(h, value=h.value * factor) for h in d.hours)) for d in plain]
    one, other = (
        Test.of(Assumption.model_validate({**ENTRIES["median"], "value": 300 * by})) for by in (1, factor)
    )
    for here, there in zip(verdicts(one, plain), verdicts(other, scaled), strict=True):
        same = ("status", "notify", "resolve", "e_value", "threshold", "at", "lane", "interval_days")
        assert [getattr(here, name) for name in same] == [getattr(there, name) for name in same]
        assert (here.mean or 0) * factor == there.mean


def test_other_verdicts_on_the_same_telemetry_need_another_method():
    """Who changes these figures raises METHOD, so that reports tell which code made them."""
    said = []
    for kind, entry in ENTRIES.items():
        test = Test.of(Assumption.model_validate({**entry, "operator": "within", "tolerance": 1}))
        spans = (25, 1.0), (3, 0.5 if kind == "rate" else 1.6), (12, 1.02)
        said += verdicts(test, course(entry["value"], *spans))
    figures = [(v.status, v.at, v.lane, f"{v.e_value:.6g}", f"{v.mean:.6g}", v.interval_days) for v in said]
    assert (METHOD, hashlib.sha256(repr(figures).encode()).hexdigest()[:12]) == (6, "85bd9c4b997d")
