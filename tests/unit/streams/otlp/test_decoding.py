"""Both encodings give the same points, and what is neither is refused by name."""

import json
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from metrics.otlp_rules import PointKind
from streams.otlp.decoding import decode
from streams.otlp.points import stream_name
from streams.otlp.readings import Explicit, Exponential, FaultyError, Reading, reading
from streams.otlp.requests import Stream, Temporality, attributes
from streams.wire import Reason, Refused
from tests.otlp import as_json

BIG = 2**62 + 1
TIMES = {"startTimeUnixNano": "1793527200000000001", "timeUnixNano": str(BIG)}
NUMBERS = [
    {**TIMES, "asInt": "3", "attributes": [{"key": "a", "value": {"stringValue": "b"}}]},
    {**TIMES, "asDouble": 2.5, "flags": 1},
]
BUCKETS = {**TIMES, "count": "3", "sum": 1.5, "bucketCounts": ["1", "2"], "explicitBounds": [0.5]}
SCALED = {
    **TIMES,
    "count": "6",
    "sum": 0.25,
    "scale": -1,
    "zeroCount": "1",
    "positive": {"offset": -2, "bucketCounts": ["2", "0", "3"]},
}
KINDS: dict[str, dict[str, Any]] = {
    "sum": {"dataPoints": NUMBERS, "aggregationTemporality": 2, "isMonotonic": True},
    "gauge": {"dataPoints": NUMBERS},
    "histogram": {"dataPoints": [BUCKETS], "aggregationTemporality": 1},
    "exponentialHistogram": {"dataPoints": [SCALED], "aggregationTemporality": 1},
    "summary": {"dataPoints": [{**TIMES, "count": "4", "sum": 8.5}]},
}
VALUES = {
    "stringValue": "x",
    "boolValue": True,
    "intValue": str(-BIG),
    "doubleValue": 1.0,
    "bytesValue": "AAE=",
    "arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "y"}]},
    "kvlistValue": {"values": [{"key": "b", "value": {"boolValue": False}}, {"key": "a"}]},
}


def request(**kinds: Any) -> dict[str, Any]:
    metrics = [{"name": f"of.{kind}", "unit": "s", kind: data} for kind, data in kinds.items()]
    resource = {"attributes": [{"key": key, "value": {key: value}} for key, value in VALUES.items()]}
    scope = {"scope": {"name": "lib", "version": "1"}, "metrics": metrics}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}


def in_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def in_protobuf(document: Any) -> bytes:
    return json_format.ParseDict(document, ExportMetricsServiceRequest()).SerializeToString()


def said(raw: bytes) -> list[Any]:
    return [
        (
            stream_name(stream),
            stream.first,
            stream.temporality,
            [
                (
                    point.time_unix_nano,
                    point.start_time_unix_nano,
                    point.flags,
                    attributes(point.attributes),
                    reading(stream.kind, point),
                )
                for point in stream.points
            ],
        )
        for stream in decode(raw, 10**6)
    ]


def test_both_encodings_say_the_same():
    document = request(**KINDS)
    found = said(in_protobuf(document))
    assert found == said(in_json(document)) == said(as_json(in_protobuf(document)))
    assert [first for _, first, _, _ in found] == [0, 2, 4, 5, 6]
    cumulative, delta = Temporality.CUMULATIVE, Temporality.DELTA
    assert [kind for _, _, kind, _ in found] == [cumulative, None, delta, delta, cumulative]
    readings = [said for _, _, _, points in found for *_, said in points]
    assert readings == [
        Reading(3_000_000),
        Reading(2_500_000),
        Reading(3_000_000, value=3.0),
        Reading(2_500_000, value=2.5),
        Reading(1_500_000, 3, Explicit((0.5,), (1, 2))),
        Reading(250_000, 6, Exponential(-1, 1, 0, {-2: 2, 0: 3})),
        Reading(8_500_000, 4),
    ]
    (first, *_) = found[0][3]
    assert first[:4] == (BIG, 1_793_527_200_000_000_001, 0, {"a": "b"})
    (stream, *_) = decode(in_protobuf(document), 10**6)
    assert stream.resource == {
        "stringValue": "x",
        "boolValue": True,
        "intValue": -BIG,
        "doubleValue": 1.0,
        "bytesValue": b"\0\1",
        "arrayValue": (1, "y"),
        "kvlistValue": (("a", None), ("b", False)),
    }


@pytest.mark.parametrize("written", ["AGGREGATION_TEMPORALITY_DELTA", 1, "1"])
def test_enumerations_are_names_or_numbers(written):
    document = request(sum={"dataPoints": NUMBERS, "aggregationTemporality": written})
    (stream,) = decode(in_json(document), 10**6)
    assert (stream.temporality, stream.kind) == (Temporality.DELTA, PointKind.UP_DOWN_COUNTER)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_bad_values(text):
    document = request(gauge={"dataPoints": [{"asDouble": text}]})
    for raw in (in_json(document), in_protobuf(document)):
        (stream,) = decode(raw, 10**6)
        with pytest.raises(FaultyError, match="bad_value"):
            reading(stream.kind, stream.points[0])


def test_a_json_point_that_cannot_be_read_takes_no_other_with_it():
    points = [{"asInt": "1"}, {"asInt": "one"}, {"asInt": {}}, 7, {"asInt": "2"}]
    (stream,) = decode(in_json(request(gauge={"dataPoints": points})), 10**6)
    assert [point is None for point in stream.points] == [False, True, True, True, False]


@pytest.mark.parametrize("size", [123, 10, 32])
def test_protobuf_whose_first_bytes_look_like_json_is_protobuf(size):
    document = request(gauge={"dataPoints": NUMBERS[:1]})
    del document["resourceMetrics"][0]["resource"]
    message = json_format.ParseDict(document, ExportMetricsServiceRequest())
    metric = message.resource_metrics[0].scope_metrics[0].metrics[0]
    while message.resource_metrics[0].ByteSize() < size:
        metric.description += "x"
    raw = message.SerializeToString()
    assert size != 123 or raw.startswith(b"\n{")
    assert len(decode(raw, 10**6)) == 1


def test_json_behind_white_space_is_json():
    raw = in_json(request(**KINDS))
    for space in (b"", b"\n", b" \r\n\t", b"\n\n"):
        assert len(decode(space + raw, 10**6)) == len(KINDS)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.BAD_SCHEMA),
        (b"not at all", Reason.BAD_SCHEMA),
        (b"\xff" * 20, Reason.BAD_SCHEMA),
        (b'{"resourceMetrics": [', Reason.NOT_JSON),
        (b'{"resourceMetrics": 1}', Reason.BAD_SCHEMA),
        (b"{}", Reason.BAD_SCHEMA),
        (in_json(request(sum={"dataPoints": []})), Reason.BAD_SCHEMA),
        (b"\n{", Reason.NOT_JSON),
        (b"x" * 101, Reason.TOO_LARGE),
        (b'{"resourceMetrics":' * 5_000, Reason.TOO_LARGE),
    ],
)
def test_what_is_no_request_is_refused(raw, reason):
    with pytest.raises(Refused) as refused:
        decode(raw, 100 if reason is Reason.TOO_LARGE else 10**6)
    assert refused.value.reason is reason


def test_nesting_without_end_is_refused():
    value: Any = {"stringValue": "x"}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}
    document = request(gauge={"dataPoints": NUMBERS})
    document["resourceMetrics"][0]["resource"]["attributes"] = [{"key": "deep", "value": value}]
    assert len(decode(in_json(document), 10**6)) == 1
    deep = b'{"arrayValue":{"values":[' * 20_000
    raw = b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"deep","value":' + deep
    with pytest.raises(Refused):
        decode(raw, 10**7)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_whatever_comes_is_read_or_refused(raw: bytes):
    for tail in (raw, b"{" + raw, in_protobuf(request(**KINDS)) + raw, in_json(request(**KINDS))[:150] + raw):
        try:
            streams = decode(tail, 10**6)
        except Refused:
            continue
        assert streams
        for stream in streams:
            _read(stream)


def _read(stream: Stream) -> None:
    stream_name(stream)
    for point in stream.points:
        if point is not None:
            try:
                reading(stream.kind, point)
            except FaultyError:
                continue


def test_a_stream_is_named_by_all_that_tells_it_apart_in_no_order():
    stream = Stream({"a": 1, "b": "x"}, ("lib", "1"), "jobs", "1", PointKind.COUNTER, None, (), 0)
    others = [
        replace(stream, resource={"a": 1, "b": "y"}),
        replace(stream, resource={"a": 1.0, "b": "x"}),
        replace(stream, scope=("lib", "2")),
        replace(stream, name="job"),
        replace(stream, unit="s"),
        replace(stream, kind=PointKind.GAUGE),
    ]
    assert len({stream_name(each) for each in (stream, *others)}) == 7
    assert stream_name(replace(stream, resource={"b": "x", "a": 1}, first=9)) == stream_name(stream)
