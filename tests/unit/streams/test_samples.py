"""The rules of a sample, at their boundaries (docs/wire-format.md)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.cell import Cell
from metrics.names import KINDS, UNITS, USER_RATES, Kind, Metric
from metrics.users import UserHashes
from streams.samples import Rows, contribution, is_user_id, sample_fault, series_fault
from streams.wire import Reason, Sample
from tests.unit.streams.messages import KEY

HASHES = UserHashes(KEY)
RATES = [metric for metric in Metric if KINDS[metric] is Kind.RATE]
PLAIN = [metric for metric in Metric if KINDS[metric] is not Kind.RATE]
BAD_VALUE, BAD_SCHEMA, BAD_UNIT = Reason.BAD_VALUE, Reason.BAD_SCHEMA, Reason.BAD_UNIT


def a_sample(metric: Metric, value: float, **more: Any) -> Sample:
    return Sample(str(metric), value, 0, **more)  # type: ignore[arg-type]


def rows(samples: Sequence[Sample]) -> Rows:
    units = [s.unit for s in samples]
    return Rows(
        np.array([s.value for s in samples], dtype=np.float64),
        np.array([s.of for s in samples], dtype=np.float64),
        np.array([HASHES[s.user_id] for s in samples], dtype=np.uint64),
        units if any(unit is not None for unit in units) else None,
    )


def together(metric: Metric, samples: Sequence[Sample]) -> Cell | None:
    if any(s.user_id is not None and not is_user_id(s.user_id) for s in samples):
        return None  # the columns know: there is no hash of what is no user id
    return contribution(metric, rows(samples))


def fault(metric: Metric, value: float, **more: Any) -> Reason | None:
    """The verdict on one sample; on many at once it must be the same."""
    sample = a_sample(metric, value, **more)
    found = sample_fault(metric, sample)
    assert (together(metric, [sample]) is None) == (found is not None)
    return found


@pytest.mark.parametrize("metric", PLAIN)
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"value": 0}, None),
        ({"value": -0.0}, None),
        ({"value": 1e12}, None),
        ({"value": 0.5, "user_id": "u"}, None),
        ({"value": 7, "user_id": "u" * 200}, None),
        ({"value": -1e-9}, BAD_VALUE),
        ({"value": 1.000001e12}, BAD_VALUE),
        ({"value": float("inf")}, BAD_VALUE),
        ({"value": 1, "of": 2}, BAD_SCHEMA),
        ({"value": 1, "of": 0}, BAD_SCHEMA),
        ({"value": 1, "of": 2, "user_id": "u"}, BAD_SCHEMA),
        ({"value": 1, "user_id": ""}, BAD_SCHEMA),
        ({"value": 1, "user_id": "u" * 201}, BAD_SCHEMA),
        ({"value": 1, "unit": "%"}, BAD_UNIT),
        ({"value": 1, "unit": ""}, BAD_UNIT),
    ],
)
def test_sums_and_medians(metric, fields, why):
    assert fault(metric, **fields) == why


@pytest.mark.parametrize("metric", RATES)
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"value": 0, "of": 0}, None),
        ({"value": 3, "of": 3}, None),
        ({"value": 0.5, "of": 1e12}, None),
        ({"value": 3, "of": 250, "unit": "%"}, None),
        ({"value": 3, "of": 250, "unit": "count"}, BAD_UNIT),
        ({"value": -1, "of": 3}, BAD_VALUE),
        ({"value": 1, "of": -1}, BAD_VALUE),
        ({"value": 0, "of": 1.000001e12}, BAD_VALUE),
        ({"value": 0, "of": float("inf")}, BAD_VALUE),
        ({"value": 1}, BAD_SCHEMA),
        ({"value": 1, "of": 1, "user_id": "u"}, BAD_SCHEMA),
    ],
)
def test_rates(metric, fields, why):
    assert fault(metric, **fields) == why


@pytest.mark.parametrize("metric", RATES)
def test_only_crashes_may_be_more_than_what_they_are_of(metric):
    assert fault(metric, 3, of=2) == (None if metric is Metric.CRASH_RATE else BAD_VALUE)


@pytest.mark.parametrize("metric", RATES)
@pytest.mark.parametrize(("value", "why"), [(0, None), (1, None), (0.5, BAD_VALUE), (2, BAD_VALUE)])
def test_a_user_does_or_does_not_where_users_are_what_is_counted(metric, value, why):
    found = fault(metric, value, user_id="u")
    assert found == (why if metric in USER_RATES else BAD_SCHEMA)


@pytest.mark.parametrize(
    ("cohort", "feature", "why"),
    [
        ("", "", None),
        ("c" * 100, "f" * 100, None),
        ("ü" * 100, "", None),
        ("c" * 101, "", BAD_SCHEMA),
        ("", "f" * 101, BAD_SCHEMA),
        ("a\0b", "", BAD_SCHEMA),
        ("", "\ud800", BAD_SCHEMA),
    ],
)
def test_names_of_a_series(cohort, feature, why):
    assert series_fault("retention", cohort, feature) == why


def test_a_metric_that_is_none_of_the_six():
    assert series_fault("page_views", "", "") is Reason.UNKNOWN_METRIC


numbers = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 3.0, 1e12, 2e12])


@st.composite
def any_samples(draw: st.DrawFn) -> tuple[Metric, list[Sample]]:
    metric = draw(st.sampled_from(Metric))
    sample = st.builds(
        lambda value, of, user_id, unit: a_sample(metric, value, of=of, user_id=user_id, unit=unit),
        numbers,
        st.none() | numbers,
        st.sampled_from([None, "", "u", "v", "w" * 201]),
        st.sampled_from([None, None, UNITS[metric], "furlong"]),
    )
    return metric, draw(st.lists(sample, min_size=1, max_size=6))


@given(any_samples())
def test_the_fast_way_agrees_with_the_slow_one(drawn):
    metric, samples = drawn
    whole = together(metric, samples)
    if any(sample_fault(metric, sample) for sample in samples):
        assert whole is None
        return
    one_by_one = Cell()
    for sample in samples:
        alone = together(metric, [sample])
        assert alone is not None
        one_by_one = one_by_one | alone
    assert whole == one_by_one
    assert one_by_one.samples == len(samples)
