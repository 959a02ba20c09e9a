from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.bounds import Operator, ToleranceKind
from detectors.divergence import (
    Classification,
    DivergenceType,
    Recommendation,
    classify,
    default_type,
    recommend,
    relative_gap,
    sentence,
    subject,
)
from metrics.names import Metric

ABSOLUTE, RELATIVE = ToleranceKind.ABSOLUTE, ToleranceKind.RELATIVE


@pytest.mark.parametrize(
    ("claim", "actual", "gap"),
    [
        ((">=", 60, 0, ABSOLUTE), 52, -8 / 60),
        ((">=", 60, 6, ABSOLUTE), 42, -0.3),  # the tolerance decides when to speak, not how far off it is
        (("<=", 300, 0, ABSOLUTE), 480, 0.6),
        ((">=", 60, 0, ABSOLUTE), 60, 0),
        (("within", 60, 6, ABSOLUTE), 27, -0.5),
        (("within", 60, 0.1, RELATIVE), 99, 0.5),
        (("within", 60, 6, ABSOLUTE), 57, 0),
        (("<=", 0, 0, ABSOLUTE), 0.1, inf),
        (("<=", 0, 0, ABSOLUTE), 0, 0),
        (("within", -1.2, 0.2, ABSOLUTE), -0.5, 0.5),
        (("within", -1.2, 0.2, ABSOLUTE), -2.1, -0.5),
    ],
)
def test_the_gap_is_a_share_of_what_was_assumed(claim, actual, gap):
    operator, assumed, tolerance, kind = claim
    assert relative_gap(Operator(operator), assumed, tolerance, kind, actual) == pytest.approx(gap)


COSMETIC, MINOR, MAJOR = Classification


UNDER = [COSMETIC] * 5
FROM = [COSMETIC, MINOR, MINOR, MAJOR, MAJOR]


@pytest.mark.parametrize(
    ("gap", "by_tier_delta"),
    [
        (0, UNDER),
        (0.19999, UNDER),
        (-0.19999, UNDER),
        (0.199999999, UNDER),
        (0.2, FROM),
        (-0.2, FROM),
        ((0.56 - 0.7) / 0.7, FROM),  # 0.19999999999999987 in binary fractions
        ((48 - 60) / 60, FROM),
        (0.20001, FROM),
        (-1, FROM),
        (inf, FROM),
        (-inf, FROM),
    ],
)
def test_classification_at_its_boundaries(gap, by_tier_delta):
    assert [classify(gap, delta) for delta in range(5)] == by_tier_delta


@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 4))
def test_a_wider_gap_is_never_less_bad(one, two, delta):
    near, wide = sorted((one, two), key=abs)
    order = list(Classification)
    assert order.index(classify(near, delta)) <= order.index(classify(wide, delta))


SKIP, REEXECUTE, FULL_REDESIGN = Recommendation
MODULES = (0, 2, 3, 5, 6, 100)


@pytest.mark.parametrize(
    ("delta", "by_modules"),
    [
        (0, [SKIP, SKIP, REEXECUTE, REEXECUTE, REEXECUTE, REEXECUTE]),
        (1, [SKIP, SKIP, REEXECUTE, REEXECUTE, REEXECUTE, REEXECUTE]),
        (2, [REEXECUTE] * 6),
        (3, [REEXECUTE] * 4 + [FULL_REDESIGN] * 2),
        (4, [REEXECUTE] * 4 + [FULL_REDESIGN] * 2),
    ],
)
def test_the_specifications_decision_logic(delta, by_modules):
    assert [recommend(delta, modules) for modules in MODULES] == by_modules


def test_every_metric_has_a_type_by_default():
    assert {metric: default_type(metric) for metric in Metric} == {
        Metric.FEATURE_USAGE: DivergenceType.FEATURE_ADOPTION_MISS,
        Metric.USER_ADOPTION: DivergenceType.FEATURE_ADOPTION_MISS,
        Metric.RETENTION: DivergenceType.PERSONA_MISMATCH,
        Metric.CRASH_RATE: DivergenceType.LATENCY_MISS,
        Metric.ERROR_RATE: DivergenceType.LATENCY_MISS,
        Metric.LATENCY_P50: DivergenceType.LATENCY_MISS,
    }


def test_a_product_manager_reads_one_sentence():
    said = sentence(
        Metric.USER_ADOPTION, Operator.AT_LEAST, 60, 42.04, -0.3, unit="%", cohort="mainstream", feature="F12"
    )
    assert said == (
        "We assumed that adoption of F12 among mainstream is at least 60 %; "
        "in production it is 42.04 %, 30 % lower."
    )


def test_more_of_what_should_be_less_is_higher():
    said = sentence(Metric.LATENCY_P50, Operator.AT_MOST, 300, 480, 0.6, unit="ms")
    assert (
        said == "We assumed that median latency is at most 300 ms; in production it is 480 ms, 60 % higher."
    )


def test_beyond_nothing_there_is_no_percentage():
    said = sentence(Metric.CRASH_RATE, Operator.AT_MOST, 0, 0.1, inf, unit="%")
    assert said == "We assumed that the crash rate is at most 0 %; in production it is 0.1 %."


def test_a_count_has_no_unit_and_within_a_tolerance():
    said = sentence(Metric.FEATURE_USAGE, Operator.WITHIN, 1500, 900, -0.25, unit="count")
    assert said == (
        "We assumed that hourly use is about 1,500; "
        "in production it is 900, 25 % lower than the tolerance allows."
    )


def test_what_is_measured_of_all_is_named_alone():
    assert subject(Metric.USER_ADOPTION) == "adoption"
    assert subject(Metric.USER_ADOPTION, cohort="power", feature="F12") == "adoption of F12 among power"
