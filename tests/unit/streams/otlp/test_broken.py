"""Whatever bytes come as OTLP: refused by name or counted, no error; and JSON is read as protobuf is."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from streams.fold import Folded, Limits
from streams.otlp.decoding import decode
from streams.otlp.folding import Cumulative, Sums
from streams.otlp.format import Otlp, _sort
from streams.otlp.mappings import Mappings
from streams.otlp.points import Judge, Routes, Span
from streams.otlp.readings import FaultyError, reading
from streams.otlp.requests import Stream, attributes
from streams.wire import Refused
from tests.otlp import as_json
from tests.unit.streams.messages import NOW, ORG, PROJECT, Everybody, Record
from tests.unit.streams.test_decoders import broken

LIMITS = Limits(10_000, 100_000, 7 * 86400.0, 300.0)
NAMES = (*("http.server.request.duration", "http.server.duration") * 4, "http.client.duration", "")
KEYS = ("http.response.status_code", "http.status_code", "error.type", "http.route", "a", "")
COUNTS = (0, 1, 2, 7, 2**31, 2**63, 2**64 - 1)
REALS = (0.0, -0.0, 1.5, -3.25, 1e-9, 1e12, 1e300, -1e300, float("inf"), float("-inf"), float("nan"))
TIME = int((NOW - 5000) * 1e9)
STARTS = (*(0, TIME, TIME - 10**12) * 4, 1, TIME + 10**9, 2**63, 2**64 - 1)
TIMES = (*(TIME, TIME + 10**9, TIME - 10**9) * 4, 0, 1, 2**63, 2**64 - 1)
HISTOGRAMS = ("histogram", "exponential_histogram")


def export(random: Random) -> ExportMetricsServiceRequest:
    """A request with fields of all kinds set, or not, to what may stand in them."""
    request = ExportMetricsServiceRequest()
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        of_resource = request.resource_metrics.add()
        _attributes(random, of_resource.resource.attributes)
        if random.random() < 0.9:
            for name, value in (("augentis.org_id", ORG), ("augentis.project_id", PROJECT)):
                of_resource.resource.attributes.add(key=name).value.string_value = str(value)
        of_scope = of_resource.scope_metrics.add()
        of_scope.scope.name = random.choice(("", "lib"))
        for _ in range(random.randrange(1, 4)):
            _metric(random, of_scope.metrics.add())
    return request


def _metric(random: Random, metric: Metric) -> None:
    metric.name, metric.unit = random.choice(NAMES), random.choice(("s", "s", "ms", ""))
    kind = random.choice(("sum", "gauge", *HISTOGRAMS * 3, "summary", None))
    if kind is None:
        return
    data = getattr(metric, kind)
    if kind in {"sum", "histogram", "exponential_histogram"}:
        data.aggregation_temporality = random.choice((0, 1, 1, 2, 2, 7))
    if kind == "sum":
        data.is_monotonic = random.random() < 0.5
    for _ in range(random.randrange(1, 4)):
        _point(random, kind, data.data_points.add())


def _point(random: Random, kind: str, point: Any) -> None:
    _attributes(random, point.attributes)
    point.start_time_unix_nano, point.time_unix_nano = random.choice(STARTS), random.choice(TIMES)
    point.flags = random.choice((0, 0, 0, 0, 1, 2**32 - 1))
    if kind in {"sum", "gauge"}:
        if random.random() < 0.5:
            point.as_int = random.choice((0, 1, -1, 2**63 - 1, -(2**63)))
        elif random.random() < 0.9:
            point.as_double = random.choice(REALS)
        return
    counts = [random.choice(COUNTS[:4]) for _ in range(random.randrange(6))]
    point.count = sum(counts) if random.random() < 0.8 else random.choice(COUNTS)
    if random.random() < 0.8:
        point.sum = random.choice(REALS)
    if kind == "histogram":
        point.bucket_counts.extend(counts)
        bounds = sorted(random.sample(REALS[2:8], max(len(counts) - 1, 0)))
        point.explicit_bounds.extend(bounds if random.random() < 0.8 else bounds[::-1])
    elif kind == "exponential_histogram":
        point.scale = random.choice((*(0, 3, -1) * 5, -10, 20, -11, 21, 2**31 - 1, -(2**31)))
        point.positive.offset = random.choice((*(0, -5, 8) * 5, 2**31 - 1, -(2**31)))
        point.positive.bucket_counts.extend(counts)
        point.zero_count = random.choice((0, 0, 3))


def _attributes(random: Random, pairs: Any, depth: int = 2) -> None:
    for key in random.sample(KEYS, random.choice((0, 0, 1, 1, 2, 3))):
        value = pairs.add(key=key).value
        match random.randrange(7 if depth else 5):
            case 0:
                value.string_value = random.choice(("500", "GET", "", "\0", "x" * 300))
            case 1:
                value.int_value = random.choice((200, 500, -(2**63)))
            case 2:
                value.double_value = random.choice(REALS)
            case 3:
                value.bool_value = True
            case 4:
                value.bytes_value = b"\xff\0"
            case 5:
                value.array_value.values.add().string_value = "y"
            case _:
                _attributes(random, value.kvlist_value.values, depth - 1)


def counted(raw: bytes) -> Folded:
    """Run all of it but the database: admit, judge, add up."""
    format_ = Otlp(LIMITS, Mappings())
    arrivals, refusals = format_.admit([Record(0, raw)], Everybody())
    folded, sums, cumulative = Folded(refusals=refusals), Sums(), Cumulative(LIMITS.lateness or 0.0)
    span = Span(0, int(NOW * 1e9))
    for arrival in arrivals:
        judge = Judge(Routes(), arrival.tenant.project, Mappings().of(arrival.tenant.project), span, ())
        _sort(arrival, judge, folded, sums, cumulative)
    cumulative.difference({}, sums)
    folded.cells = sums.cells()
    return folded


def read(raw: bytes) -> list[Any]:
    try:
        return [_told(stream) for stream in decode(raw, LIMITS.max_bytes)]
    except Refused:
        return []


def _told(stream: Stream) -> Any:
    points = [_of_point(stream, point) for point in stream.points]
    whole = (stream.resource, stream.scope, stream.name, stream.unit, stream.kind, stream.temporality)
    return repr((whole, points))  # NaN is NaN there


def _of_point(stream: Stream, point: Any) -> Any:
    if point is None:
        return None
    try:
        read: Any = reading(stream.kind, point)
    except FaultyError as fault:
        read = fault.reason
    times = (point.start_time_unix_nano, point.time_unix_nano)
    return (*times, point.flags & 1, attributes(point.attributes), read)


def test_what_is_generated_is_counted_often_enough_to_prove_something():
    found = [counted(export(Random(seed)).SerializeToString()) for seed in range(200)]
    assert sum(bool(each.cells) for each in found) > 5
    assert {str(refusal.reason) for each in found for refusal in each.refusals} >= {
        *("bad_schema", "bad_value", "bad_timestamp", "future", "unmapped", "unknown_org")
    }


@settings(deadline=None, max_examples=80)
@given(st.randoms(use_true_random=False))
def test_json_is_read_as_protobuf_is(random):
    request = export(random)
    assert read(as_json(request.SerializeToString())) == read(request.SerializeToString())


@settings(deadline=None, max_examples=100)
@given(st.randoms(use_true_random=False), st.booleans())
def test_a_broken_request_is_refused_or_counted(random, is_json):
    request = export(random)
    raw = request.SerializeToString()
    raw = as_json(raw) if is_json else raw
    counted(raw)
    counted(broken(raw, random))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_bytes_of_all_kinds_are_refused_or_counted(raw):
    counted(raw)
    counted(b"\n" + bytes([min(len(raw), 127)]) + raw)  # as a request with one field


@pytest.mark.parametrize("half", ['"\\ud83d"', '["\\ud83d"]', '{"\\ud83d": 1}'])
@pytest.mark.parametrize("field", ["key", "timeUnixNano", "name", "asInt", "aggregationTemporality", "scope"])
def test_half_a_surrogate_pair_is_refused_too(field, half):
    document = as_json(export(Random(4)).SerializeToString()).decode()
    raw = document.replace(f'"{field}":', f'"{field}": {half}, "was":', 1)
    json.loads(raw)
    counted(raw.encode())
