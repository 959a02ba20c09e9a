"""The rules of a ready hourly row, and that what a row says is what was measured."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import UNITS, Metric
from metrics.users import UserSet
from streams.hourly import Row, Times, cell, read
from streams.wire import Reason, Refused

PROJECT = (uuid4(), uuid4())
AT = "2026-11-01T10:00:00Z"
EPOCH = int(datetime(2026, 11, 1, 10, tzinfo=UTC).timestamp())
TIMES = Times(kept=0.0, now=EPOCH + 3600)
USERS = UserSet.of(["ann", "bob", "cem"], b"key")
POSITIVE = UserSet.of(["ann"], b"key")
RATE = {"metric_name": "user_adoption", "metric_value": "40", "numerator": "20", "denominator": "50"}
NONE = RATE | {"numerator": "0", "metric_value": "0"}
HALF = RATE | {"numerator": "1", "denominator": "2", "metric_value": "50"}
SUM = {"metric_name": "feature_usage", "metric_value": "12.5"}
MEDIAN = {"metric_name": "latency_p50", "metric_value": "212.5"}


def made(fields: dict[str, Any], times: Times = TIMES) -> Cell:
    return cell(read({"timestamp": AT, "sample_count": "7"} | fields), PROJECT, times)[1]


def text(sketch: UserSet | LatencyBuckets) -> str:
    return base64.b64encode(sketch.to_bytes() or b"").decode()


def refused(fields: dict[str, Any], times: Times = TIMES) -> Reason:
    with pytest.raises(Refused) as found:
        made(fields, times)
    return found.value.reason


def test_what_a_row_is_about():
    row = read({"timestamp": AT, "sample_count": 7, "cohort": "a", "feature": "F1"} | SUM)
    where, _ = cell(row, PROJECT, TIMES)
    assert where == (*PROJECT, EPOCH, Metric.FEATURE_USAGE, "a", "F1")


@pytest.mark.parametrize("timestamp", [AT, EPOCH, str(AT).replace("Z", "+00:00")])
def test_an_hour_is_named_by_its_start(timestamp: Any):
    assert made(SUM | {"timestamp": timestamp}) == Cell(12_500_000, 0, 7)


CELLS = [
    (Metric.FEATURE_USAGE, Cell(12_500_000, 0, 7, USERS)),
    (Metric.CRASH_RATE, Cell(20_000_000, 5_000_000, 7)),
    (Metric.USER_ADOPTION, Cell(20_000_000, 50_000_000, 7, USERS, POSITIVE)),
    (Metric.RETENTION, Cell(0, 0, 3, USERS, POSITIVE)),
    (Metric.LATENCY_P50, Cell(samples=4, users=USERS, latency=LatencyBuckets.of([1, 5, 5.01, 900]))),
    (Metric.LATENCY_P50, Cell(samples=2, latency=LatencyBuckets.of([0, 0]))),
]


@pytest.mark.parametrize(("metric", "known"), CELLS)
def test_what_was_measured_comes_back_bit_for_bit(metric: Metric, known: Cell):
    measure = known.measure(metric)
    assert measure
    row = Row(
        AT,
        metric.value,
        measure.value,
        known.samples,
        unit=UNITS[metric],
        numerator=measure.numerator,
        denominator=measure.denominator,
        user_count=known.users.count(),
        latency_sketch=known.latency.to_bytes(),
        users_sketch=known.users.to_bytes(),
        positive_users_sketch=known.positive.to_bytes(),
    )
    assert cell(row, PROJECT, TIMES)[1] == known


@pytest.mark.parametrize(("metric", "known"), CELLS)
def test_without_sketches_the_value_comes_back(metric: Metric, known: Cell):
    measure = known.measure(metric)
    assert measure
    row = Row(
        AT, metric.value, measure.value, known.samples,
        numerator=measure.numerator, denominator=measure.denominator, user_count=known.users.count(),
    )  # fmt: skip
    assert cell(row, PROJECT, TIMES)[1].measure(metric) == measure


def test_a_rate_without_its_denominator_counts_one_for_each_sample():
    fields = {"metric_name": "error_rate", "metric_value": "30", "sample_count": "50"}
    assert made(fields) == Cell(15_000_000, 50_000_000, 50)
    assert made(fields | {"denominator": "200"}) == Cell(60_000_000, 200_000_000, 50)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (SUM | {"timestamp": "2026-11-01T10:15:00Z"}, Reason.BAD_TIMESTAMP),
        (SUM | {"timestamp": "yesterday"}, Reason.BAD_TIMESTAMP),
        (SUM | {"metric_name": "uptime"}, Reason.UNKNOWN_METRIC),
        (SUM | {"unit": "%"}, Reason.BAD_UNIT),
        (SUM | {"cohort": "a" * 101}, Reason.BAD_SCHEMA),
        (SUM | {"metric_value": "-1"}, Reason.BAD_VALUE),
        (SUM | {"metric_value": "NaN"}, Reason.BAD_VALUE),
        (SUM | {"metric_value": "Infinity"}, Reason.BAD_VALUE),
        (SUM | {"metric_value": "1e25"}, Reason.BAD_VALUE),
        (SUM | {"metric_value": "many"}, Reason.BAD_VALUE),
        (SUM | {"numerator": "13"}, Reason.BAD_VALUE),
        (SUM | {"sample_count": "0"}, Reason.BAD_VALUE),
        (SUM | {"sample_count": "1.5"}, Reason.BAD_VALUE),
        (SUM | {"users_sketch": "AAAA"}, Reason.BAD_VALUE),
        (SUM | {"users_sketch": "?"}, Reason.BAD_SCHEMA),
        (SUM | {"users_sketch": text(USERS), "user_count": "4"}, Reason.BAD_VALUE),
        (
            SUM | {"users_sketch": base64.b64encode((USERS.to_bytes() or b"")[::-1]).decode()},
            Reason.BAD_VALUE,
        ),
        (RATE | {"metric_value": "41"}, Reason.BAD_VALUE),
        (RATE | {"numerator": "51", "metric_value": "102"}, Reason.BAD_VALUE),
        (RATE | {"denominator": "0", "numerator": "0", "metric_value": "0"}, Reason.BAD_VALUE),
        (NONE | {"positive_users_sketch": text(POSITIVE)}, Reason.BAD_VALUE),
        (HALF | {"users_sketch": text(USERS)}, Reason.BAD_VALUE),
        (MEDIAN | {"metric_value": "1e13"}, Reason.BAD_VALUE),
        (MEDIAN | {"latency_sketch": text(LatencyBuckets.of([100]))}, Reason.BAD_VALUE),
        (MEDIAN | {"latency_sketch": text(LatencyBuckets({-1: 1}))}, Reason.BAD_VALUE),
        (MEDIAN | {"latency_sketch": text(LatencyBuckets({5000: 1}))}, Reason.BAD_VALUE),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused(fields: dict[str, Any], reason: Reason):
    assert refused(fields) is reason


def test_what_keeps_the_rules_is_not_refused():
    for fields in (
        SUM | {"users_sketch": text(USERS), "user_count": "3", "unit": "count"},
        RATE | {"users_sketch": text(USERS), "positive_users_sketch": text(POSITIVE)},
        RATE | {"metric_name": "crash_rate", "numerator": "51", "metric_value": "102"},
        *(NONE, HALF),
        MEDIAN | {"latency_sketch": text(LatencyBuckets.of([212.5]))},
    ):
        assert made(fields).samples == 7


def test_an_hour_must_be_over_and_kept():
    assert refused(SUM, Times(0.0, EPOCH + 3599)) is Reason.FUTURE
    assert refused(SUM, Times(EPOCH + 1.0, EPOCH + 3600)) is Reason.TOO_LATE
    assert made(SUM, Times(float(EPOCH), EPOCH + 3600)).samples == 7


def test_values_are_rounded_to_millionths_half_even():
    assert made(SUM | {"metric_value": "0.0000005"}).value_micro == 0
    assert made(SUM | {"metric_value": Decimal("0.0000015")}).value_micro == 2
