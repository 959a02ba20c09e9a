from uuid import UUID

import msgspec
import pytest

from cli.publishing.messages import Defaults, Flat, RefusedLineError, Tenant, Whole, parse_line
from streams.wire import decode

ORG = UUID("11111111-1111-4111-8111-111111111111")
PROJECT = UUID("22222222-2222-4222-8222-222222222222")
OTHER = UUID("33333333-3333-4333-8333-333333333333")
NONE = Defaults()
GIVEN = Defaults(ORG, PROJECT)
SAMPLE = {"metric_name": "user_adoption", "value": 1, "timestamp": "2026-11-01T10:15:00Z"}


def line(**fields) -> bytes:
    return msgspec.json.encode(fields)


def reason(raw: bytes, defaults: Defaults = GIVEN) -> str:
    with pytest.raises(RefusedLineError) as refused:
        parse_line(raw, defaults)
    return refused.value.reason


def test_a_flat_sample_keeps_its_fields_and_loses_what_is_not_of_a_sample():
    flat = parse_line(line(org_id=str(ORG), project_id=str(PROJECT), **SAMPLE, user_id="u", x=1), NONE)
    assert isinstance(flat, Flat)
    assert flat.tenant == Tenant(ORG, PROJECT)
    assert msgspec.json.decode(flat.sample) == {**SAMPLE, "user_id": "u"}


def test_the_line_says_whose_it_is_before_the_options_do():
    flat = parse_line(line(project_id=str(OTHER), **SAMPLE), GIVEN)
    assert flat.tenant == Tenant(ORG, OTHER)


def test_a_batch_passes_through_with_its_id_and_whatever_its_samples_hold():
    samples = [{**SAMPLE, "x": [1]}, {"odd": True}]
    raw = line(org_id=str(ORG), project_id=str(PROJECT), batch_id=str(OTHER), samples=samples)
    whole = parse_line(raw, NONE)
    assert isinstance(whole, Whole)
    assert whole.batch_id == OTHER
    assert [msgspec.json.decode(sample) for sample in whole.samples] == samples


def test_a_flat_sample_with_a_batch_id_is_a_message_of_its_own():
    whole = parse_line(line(batch_id=str(OTHER), **SAMPLE), GIVEN)
    assert isinstance(whole, Whole)
    assert whole.batch_id == OTHER


def test_of_duplicate_keys_the_last_wins():
    flat = parse_line(b'{"metric_name":"a","metric_name":"b","value":1,"timestamp":1}', GIVEN)
    assert isinstance(flat, Flat)
    assert msgspec.json.decode(flat.sample)["metric_name"] == "b"


@pytest.mark.parametrize(
    "raw",
    [b"x", b"{", b'{"a":1}}', b'{"value":NaN}', b'{"metric_name":"\xff","value":1,"timestamp":1}'],
    ids=["word", "open", "two", "nan", "not utf-8"],
)
def test_what_is_no_json_is_refused(raw):
    assert reason(raw) == "not_json"


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"1",
        line(metric_name="a", value=1),
        line(metric_name="a", timestamp=1),
        line(value=1, timestamp=1),
        line(**SAMPLE, user_id=7),
        line(**SAMPLE, org_id="acme"),
        line(**SAMPLE, batch_id="first"),
        line(samples=[]),
        line(samples=SAMPLE),
    ],
)
def test_missing_fields_and_wrong_types_are_bad_schema(raw):
    assert reason(raw) == "bad_schema"


@pytest.mark.parametrize(
    ("field", "wrong", "said"),
    [
        ("value", "1", "bad_value"),
        ("value", None, "bad_value"),
        ("of", "2", "bad_value"),
        ("timestamp", None, "bad_timestamp"),
        ("unit", 1, "bad_unit"),
    ],
)
def test_reasons_are_those_that_the_worker_gives(field, wrong, said):
    assert reason(line(**{**SAMPLE, field: wrong})) == said
    batch = {"org_id": str(ORG), "project_id": str(PROJECT), "samples": [{**SAMPLE, field: wrong}]}
    unreadable = decode(line(**batch), max_samples=9, max_bytes=999).unreadable
    assert unreadable is not None
    assert list(unreadable) == [said]


@pytest.mark.parametrize("defaults", [NONE, Defaults(org_id=ORG), Defaults(project_id=PROJECT)])
def test_a_line_that_is_nobodys_is_refused(defaults):
    assert reason(line(**SAMPLE), defaults) == "bad_schema"
