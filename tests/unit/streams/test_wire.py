import json
from typing import Any
from uuid import UUID

import pytest

from streams.wire import Message, Reason, Refused, decode
from tests.unit.streams.messages import ORG, PROJECT, batch, flat, sample

BATCH = UUID("5f0c2f6e-2b1d-4d5e-9a3c-0c9a6a1f7b10")
HEAD = f'"org_id": "{ORG}", "project_id": "{PROJECT}"'


def read(raw: bytes, max_samples: int = 100, max_bytes: int = 100_000) -> Message:
    return decode(raw, max_samples, max_bytes)


def reason(raw: bytes, **limits: int) -> Reason:
    with pytest.raises(Refused) as refused:
        read(raw, **limits)
    return refused.value.reason


def test_a_batch_has_its_head_and_its_samples():
    message = read(batch([sample(1), sample(2.5, user_id="u", cohort="c", feature="f")], batch_id=str(BATCH)))
    assert (message.org_id, message.project_id, message.batch_id) == (str(ORG), str(PROJECT), BATCH)
    assert [(s.value, s.user_id, s.cohort, s.feature) for s in message.samples] == [
        (1, None, None, None),
        (2.5, "u", "c", "f"),
    ]
    assert [message.index(position) for position in (0, 1)] == [0, 1]
    assert not message.unreadable


def test_a_flat_message_is_one_sample():
    message = read(flat(**sample(3, cohort="enterprise", of=4, unit="%"), batch_id=str(BATCH)))
    (only,) = message.samples
    assert (only.metric_name, only.value, only.of, only.unit, only.cohort) == (
        "feature_usage",
        3,
        4,
        "%",
        "enterprise",
    )
    assert message.batch_id == BATCH
    assert message.index(0) == 0


def test_null_is_absent():
    absent: dict[str, Any] = dict.fromkeys(("cohort", "feature", "user_id", "of", "unit"))
    for raw in (
        batch([sample(**absent)], batch_id=None),
        flat(**sample(**absent), batch_id=None, samples=None),
    ):
        message = read(raw)
        (only,) = message.samples
        assert message.batch_id is None
        assert {getattr(only, name) for name in absent} == {None}


def test_of_duplicate_keys_the_last_wins_at_any_depth():
    raw = f'{{"org_id": "nobody", {HEAD}, "samples": [], "samples": [{{"metric_name": "x", "value": 1,\
        "value": 2, "metric_name": "feature_usage", "timestamp": 1, "timestamp": 5}}]}}'
    message = read(raw.encode())
    assert message.org_id == str(ORG)
    assert [(s.metric_name, s.value, s.timestamp) for s in message.samples] == [("feature_usage", 2, 5)]


def test_unknown_fields_are_ignored_even_of_odd_types():
    message = read(batch([sample(colour={"red": [1]}, value2="x")], version=1, sent_by=None))
    assert [s.value for s in message.samples] == [1]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no json",
        b'{"org_id": "x"',
        b'{"a": 1} {"b": 2}',
        b"{'org_id': 1}",
        b'\xff\xfe{"org_id": 1}',
        b'{"org_id": "\xc3\x28"}',
        f'{{{HEAD}, "samples": [{{"value": NaN}}]}}'.encode(),
        f'{{{HEAD}, "samples": [{{"value": 1, "metric_name": "\xff"}}]}}'.encode("latin-1"),
        f'{{{HEAD}, "samples": [{{"metric_name": "retention"}}], "ignored": "\xff"}}'.encode("latin-1"),
        b"[" * 100_000,
        b'{"samples":' * 5_000,
        f'{{{HEAD}, "org_id": 5, "x": {"[" * 5_000}'.encode(),
    ],
)
def test_no_json(raw):
    assert reason(raw) is Reason.NOT_JSON


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b"5",
        b"[]",
        b'"text"',
        b"{}",
        batch([sample()]).replace(b"org_id", b"org"),
        batch([sample()]).replace(f'"{PROJECT}"'.encode(), b"7"),
        batch([sample()], batch_id="no uuid"),
        batch([sample()], batch_id=5),
        json.dumps({"org_id": str(ORG), "project_id": str(PROJECT), "samples": {"0": sample()}}).encode(),
        json.dumps({"org_id": str(ORG), "project_id": str(PROJECT), "samples": "none"}).encode(),
        batch([]),
        flat(),
        flat(metric_name="feature_usage", value=1),
        flat(metric_name="feature_usage", timestamp=1),
        flat(value=1, timestamp=1),
        flat(metric_name="feature_usage", value=None, timestamp=1),
    ],
)
def test_nothing_of_it_can_be_used(raw):
    assert reason(raw) is Reason.BAD_SCHEMA


def test_limits_are_the_largest_that_is_taken():
    raw = batch([sample()] * 3)
    assert len(read(raw, 3, len(raw)).samples) == 3
    assert reason(raw, max_samples=2) is Reason.TOO_LARGE
    assert reason(raw, max_bytes=len(raw) - 1) is Reason.TOO_LARGE


def test_samples_that_cannot_be_read_count_towards_the_limit():
    assert reason(batch([sample("bad")] * 3), max_samples=2) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (sample("1"), Reason.BAD_VALUE),
        (sample(True), Reason.BAD_VALUE),
        (sample(None), Reason.BAD_VALUE),
        (sample([1]), Reason.BAD_VALUE),
        (sample(of="4"), Reason.BAD_VALUE),
        (sample(timestamp=None), Reason.BAD_TIMESTAMP),
        (sample(timestamp={}), Reason.BAD_TIMESTAMP),
        (sample(unit=5), Reason.BAD_UNIT),
        (sample(cohort=5), Reason.BAD_SCHEMA),
        (sample(user_id=12345), Reason.BAD_SCHEMA),
        (sample(metric_name=5), Reason.UNKNOWN_METRIC),
        (sample(metric_name="page_views"), Reason.UNKNOWN_METRIC),
        ({"value": 1, "timestamp": 1}, Reason.BAD_SCHEMA),
        ("text", Reason.BAD_SCHEMA),
        (None, Reason.BAD_SCHEMA),
        ([], Reason.BAD_SCHEMA),
    ],
)
def test_a_bad_sample_does_not_take_its_neighbours_with_it(bad, why):
    message = read(batch([sample(10), bad, sample(30), bad]))
    assert [s.value for s in message.samples] == [10, 30]
    assert [message.index(position) for position in (0, 1)] == [0, 2]
    assert message.unreadable == {why: [1, 3]}


@pytest.mark.parametrize("field", ["value", "of", "timestamp"])
@pytest.mark.parametrize("number", ["1e400", "9" * 5000])
def test_a_number_that_no_float_holds_does_not_either(field, number):
    bad = json.dumps(sample()).replace('"value"', f'"{field}": {number}, "ignored"', 1)
    if field == "of":
        bad = bad.replace('"ignored"', '"value"')
    raw = batch([sample(10), sample(30)]).replace(b"}, {", b"}, " + bad.encode() + b", {")
    message = read(raw)
    assert {s.value for s in message.samples} >= {10, 30}
    assert message.samples[0].value == 10
    assert message.samples[-1].value == 30


@pytest.mark.parametrize("field", ["metric_name", "value", "of", "timestamp", "unit", "cohort"])
def test_half_of_a_surrogate_pair_is_about_its_sample_alone(field):
    """A text that was cut in the middle of an emoji."""
    message = read(batch([sample(10), {**sample(20), field: "\ud83d"}, sample(30)]))
    assert [s.value for s in message.samples if s.value != 20] == [10, 30]
    refused = [] if field in {"unit", "cohort", "timestamp"} else [[1]]  # these are judged later
    assert list((message.unreadable or {}).values()) == refused


@pytest.mark.parametrize("more", [{}, {"samples": [{"value": "x"}]}])
def test_nor_does_it_stop_anybody_in_the_head(more):
    head = {"org_id": str(ORG), "project_id": str(PROJECT), "samples": [sample(1)], "batch_id": "\ud83d"}
    assert reason(json.dumps(head | more).encode()) is Reason.BAD_SCHEMA


def test_a_flat_sample_with_a_bad_field_is_named_by_its_index():
    message = read(flat(**sample("bad")))
    assert message.samples == []
    assert message.unreadable == {Reason.BAD_VALUE: [0]}
