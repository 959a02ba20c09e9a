"""What is published of a dead letter: the refused samples, as they were sent, under an id of their own."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from storage.outbox import OPERATOR
from streams.fold import Limits
from streams.otlp.decoding import decode as decode_otlp
from streams.replays import Letter, UnreplayableError, again, read, whose
from streams.wire import Reason, decode
from tests.unit.streams.messages import NOW, ORG, OTHER, PROJECT, Record

LIMITS = Limits(max_samples=100, max_bytes=100_000, lateness=None, future_tolerance=300.0)
BATCH = UUID(int=5)


def sample(value: Any = 1, **more: Any) -> dict[str, Any]:
    return {"metric_name": "feature_usage", "value": value, "timestamp": NOW - 60, **more}


def message(*samples: dict[str, Any], **more: Any) -> bytes:
    return json.dumps(
        {"org_id": str(ORG), "project_id": str(PROJECT), "samples": list(samples), **more}
    ).encode()


def letter(value: bytes, *indices: int, **more: Any) -> Letter:
    fields: dict[str, Any] = {
        "id": UUID(int=1),
        "org_id": ORG,
        "project_id": PROJECT,
        "topic": "raw_metrics",
        "partition": 3,
        "offset": 40,
        "timestamp_ms": 1000,
        "reason": "future",
        "indices": indices,
        "key_id": None,
        "batch_id": None,
        "key": None,
        "value": value,
    }
    return Letter(**{**fields, **more})


# reading


HEADERS = {
    "augentis-letter": str(UUID(int=1)),
    "augentis-reason": "future",
    "augentis-topic": "raw_metrics",
    "augentis-partition": "3",
    "augentis-offset": "40",
    "augentis-timestamp": "1000",
    "augentis-indices": "[0, 2]",
    "augentis-org": str(ORG),
    "augentis-project": str(PROJECT),
}


def record(headers: dict[str, str], value: bytes | None = b"{}") -> Record:
    return Record(7, value, headers=[(name, text.encode()) for name, text in headers.items()])


def test_a_letter_is_read_from_its_record():
    assert read(record(HEADERS)) == letter(b"{}", 0, 2)
    nobodys = {name: text for name, text in HEADERS.items() if name[9:] not in ("org", "project")}
    more = {"augentis-key-id": str(UUID(int=8)), "augentis-batch-id": str(BATCH)}
    assert read(record(nobodys | more, None)) == letter(
        b"", 0, 2, org_id=OPERATOR, project_id=None, key_id=UUID(int=8), batch_id=BATCH
    )


@pytest.mark.parametrize("name", sorted(HEADERS.keys() - {"augentis-org", "augentis-project"}))
def test_a_record_that_is_no_letter_of_ours_is_left_alone(name: str):
    assert read(record({each: text for each, text in HEADERS.items() if each != name})) is None


# which samples


def test_the_refused_samples_alone_are_published_as_they_were_sent():
    batch = [sample(1), sample(1.10, user_id="ü"), sample(3, note={"any": [1, "x"]})]
    made = again(letter(message(*batch, batch_id=str(BATCH)), 1, 2), LIMITS, NOW)
    body = json.loads(made.value)
    assert body["samples"] == batch[1:]
    assert (body["org_id"], body["project_id"]) == (str(ORG), str(PROJECT))
    assert body["batch_id"] == str(made.batch_id)
    assert made.samples == 2


def test_a_record_that_was_refused_whole_is_published_whole():
    flat = json.dumps({"org_id": str(ORG), "project_id": str(PROJECT), **sample(7)}).encode()
    made = again(letter(flat), LIMITS, NOW)
    assert json.loads(made.value) == {**json.loads(flat), "batch_id": str(made.batch_id)}
    assert again(letter(flat, 0), LIMITS, NOW).samples == 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_whatever_was_refused_is_what_is_published(values: list[int], data: st.DataObject):
    indices = data.draw(st.sets(st.integers(0, len(values) - 1), min_size=1))
    sent = message(*(sample(value) for value in values))
    published = decode(again(letter(sent, *sorted(indices)), LIMITS, NOW).value, 100, 100_000)
    assert [each.value for each in published.samples] == [values[index] for index in sorted(indices)]


def test_of_a_batch_that_had_passed_the_limits_a_part_may_go():
    sent = message(*(sample() for _ in range(150)))
    assert again(letter(sent, 149), LIMITS, NOW).samples == 1
    assert cause(letter(sent)) == "too_large"


# under which batch id


def test_a_batch_id_follows_from_the_letter():
    sent = message(sample(1), sample(2), batch_id=str(BATCH))
    first = again(letter(sent, 0), LIMITS, NOW).batch_id
    assert again(letter(sent, 0, id=uuid4(), offset=99), LIMITS, NOW).batch_id == first
    others = {again(letter(sent, *indices), LIMITS, NOW).batch_id for indices in ((1,), (0, 1))} | {
        again(letter(message(sample(1), batch_id=str(uuid4())), 0), LIMITS, NOW).batch_id,
        BATCH,
    }
    assert len(others | {first}) == 5


def test_a_record_that_was_refused_whole_keeps_its_own():
    assert again(letter(message(sample(), batch_id=str(BATCH))), LIMITS, NOW).batch_id == BATCH


def test_a_record_without_one_has_that_of_its_place_and_time():
    sent = message(sample())
    first = again(letter(sent), LIMITS, NOW).batch_id
    assert again(letter(sent), LIMITS, NOW).batch_id == first
    places: tuple[dict[str, Any], ...] = (
        {"topic": "backfill_metrics"},
        {"partition": 4},
        {"offset": 41},
        {"timestamp_ms": 1001},
    )
    others = {again(letter(sent, **place), LIMITS, NOW).batch_id for place in places}
    assert len(others | {first}) == 5


# what no replay mends


def cause(of: Letter, now: float = NOW) -> str:
    with pytest.raises(UnreplayableError) as caught:
        again(of, LIMITS, now)
    return caught.value.cause


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (sample(-1), "bad_value"),
        (sample("x"), "bad_value"),
        (sample(metric_name="page_views"), "unknown_metric"),
        (sample(unit="ms"), "bad_unit"),
        (sample(timestamp="yesterday"), "bad_timestamp"),
        (sample(timestamp=-5), "bad_timestamp"),
        (sample(of=3), "bad_schema"),
        (sample(cohort="x" * 101), "bad_schema"),
    ],
)
def test_what_would_be_refused_again_is_not_published(fault: dict[str, Any], reason: str):
    assert cause(letter(message(sample(), fault), 1)) == reason
    assert again(letter(message(sample(), fault), 0), LIMITS, NOW).samples == 1


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\xfe", b"[" * 10_000, b'{"samples": [NaN]}'])
def test_what_nobody_can_read_is_not_published(value: bytes):
    assert cause(letter(value)) == "not_json"
    assert cause(letter(value, 0)) == "not_json"


def test_a_sample_of_the_future_waits_for_its_time():
    ahead = letter(message(sample(timestamp=NOW + 301)), 0)
    assert cause(ahead) == "future"
    assert again(ahead, LIMITS, NOW + 2).samples == 1


# whose


def test_what_was_established_stays():
    assert whose(letter(b"?"), {}, None, is_open=False) == (ORG, PROJECT)


NOBODYS = letter(message(sample()), org_id=OPERATOR, project_id=None)


def test_what_nobody_established_is_believed_only_where_ingest_is_open():
    assert whose(NOBODYS, {}, None, is_open=True) == (ORG, PROJECT)
    with pytest.raises(UnreplayableError, match="unproven"):
        whose(NOBODYS, {PROJECT: ORG}, None, is_open=False)


@pytest.mark.parametrize("is_open", [False, True])
def test_who_vouches_for_a_project_gets_its_letters_alone(*, is_open: bool):
    owners = {PROJECT: ORG, OTHER: ORG}
    assert whose(NOBODYS, owners, PROJECT, is_open=is_open) == (ORG, PROJECT)
    assert whose(NOBODYS, {}, PROJECT, is_open=is_open) == (ORG, PROJECT), "it is not there, they are told"
    assert whose(NOBODYS, owners, OTHER, is_open=is_open) is None
    assert whose(NOBODYS, {PROJECT: uuid4()}, PROJECT, is_open=is_open) is None, "another organisation's"
    silent = replace(NOBODYS, value=b'{"samples": []}')
    assert whose(silent, owners, PROJECT, is_open=is_open) == (ORG, PROJECT)


@pytest.mark.parametrize("value", [b"", b"{}", b'{"org_id": "x"}', b'{"project_id": 7}'])
def test_what_names_no_tenant_is_nobodys(value: bytes):
    with pytest.raises(UnreplayableError, match="no_tenant"):
        whose(replace(NOBODYS, value=value), {}, None, is_open=True)


# OTLP


def request(**resources: int) -> ExportMetricsServiceRequest:
    """A request with a resource for each project and so many points of two metrics in it."""
    made = ExportMetricsServiceRequest()
    number = 0
    for project, points in resources.items():
        resource = made.resource_metrics.add()
        for name, value in (("augentis.org_id", str(ORG)), ("augentis.project_id", project)):
            attribute = resource.resource.attributes.add(key=name)
            attribute.value.string_value = value
        metrics = resource.scope_metrics.add().metrics
        count, gauge = metrics.add(name="count"), metrics.add(name="gauge")
        for _ in range(points):
            count.sum.data_points.add(as_int=number)
            number += 1
        gauge.gauge.data_points.add(as_int=number)
        number += 1
    return made


def points(value: bytes) -> list[int]:
    return [int(point.as_int) for stream in decode_otlp(value, 100_000) for point in stream.points]


def as_json(made: ExportMetricsServiceRequest) -> bytes:
    from google.protobuf.json_format import MessageToJson  # noqa: PLC0415  # ids apart, it is OTLP's JSON

    return MessageToJson(made).encode()


@pytest.mark.parametrize("encoded", [lambda made: made.SerializeToString(), as_json])
def test_of_an_otlp_request_the_refused_points_alone_are_published(encoded: Any):
    sent = encoded(request(a=3, b=1))
    assert points(sent) == [0, 1, 2, 3, 4, 5]
    made = again(letter(sent, 1, 3, 5, topic="otlp_metrics", batch_id=BATCH), LIMITS, NOW)
    assert points(made.value) == [1, 3, 5]
    assert made.samples == 3
    whole = again(letter(sent, topic="otlp_metrics.acme", batch_id=BATCH), LIMITS, NOW)
    assert (whole.value, whole.batch_id, whole.samples) == (sent, BATCH, 6)
    assert made.batch_id not in (BATCH, again(letter(sent, 1, topic="otlp_metrics"), LIMITS, NOW).batch_id)


def test_what_no_rule_was_about_needs_a_new_id_since_the_ledger_has_noted_the_old_one():
    sent = letter(request(a=1).SerializeToString(), topic="otlp_metrics", batch_id=BATCH)
    assert again(replace(sent, reason=Reason.UNKNOWN_PROJECT), LIMITS, NOW).batch_id == BATCH
    assert again(replace(sent, reason=Reason.UNMAPPED), LIMITS, NOW).batch_id != BATCH


def test_an_otlp_letter_is_of_the_project_that_its_points_name():
    sent = request(**{str(PROJECT): 1, str(OTHER): 1}).SerializeToString()
    otlp = {"topic": "otlp_metrics", "org_id": OPERATOR, "project_id": None}
    assert whose(letter(sent, 0, 1, **otlp), {}, None, is_open=True) == (ORG, PROJECT)
    assert whose(letter(sent, 2, **otlp), {}, None, is_open=True) == (ORG, OTHER)
    with pytest.raises(UnreplayableError, match="no_tenant"):
        whose(letter(sent, **otlp), {}, None, is_open=True)


@pytest.mark.parametrize("indices", [(), (0,), (7,)])
def test_what_is_no_otlp_request_is_not_published(indices: tuple[int, ...]):
    assert cause(letter(b"\xff\xff", *indices, topic="otlp_metrics")) == "bad_schema"
    assert cause(letter(request(a=1).SerializeToString(), 7, topic="otlp_metrics")) == "bad_schema"
