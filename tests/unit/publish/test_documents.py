"""The wire format's documents agree with each other and with the code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from cli.publishing.messages import Defaults, Flat
from cli.publishing.reader import read_csv, read_jsonl
from metrics.names import UNITS, Metric
from migrations.topics import TOPICS
from streams.event_time import epoch_seconds
from streams.samples import sample_fault
from streams.wire import Reason, decode

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/schemas/raw-message-v1.schema.json").read_text())
ASYNCAPI = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
GUIDE = (ROOT / "docs/wire-format.md").read_text()
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
EXAMPLES = [*SCHEMA["examples"], *map(json.loads, re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL))]
IDS = {name: EXAMPLES[0][name] for name in ("org_id", "project_id")}


def is_taken(message) -> bool:
    """Say whether the worker's own rules take the message whole."""
    read = decode(json.dumps(message).encode(), max_samples=10_000, max_bytes=1_000_000)
    return not read.unreadable and all(
        sample.metric_name in list(Metric)
        and sample_fault(Metric(sample.metric_name), sample) is None
        and epoch_seconds(sample.timestamp) is not None
        for sample in read.samples
    )


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("message", EXAMPLES)
def test_examples_are_valid_and_taken(message):
    VALIDATOR.validate(message)
    assert is_taken(message)


@pytest.mark.parametrize(("metric", "unit"), UNITS.items())
def test_the_schema_knows_every_metric_and_its_unit(metric, unit):
    needs_of = unit == "%"
    sample = {**IDS, "metric_name": metric, "value": 1, "timestamp": 1, "unit": unit}
    sample |= {"of": 2} if needs_of else {}
    assert VALIDATOR.is_valid(sample)
    assert is_taken(sample)
    assert not VALIDATOR.is_valid({**sample, "unit": "furlong"})


@pytest.mark.parametrize(
    "change",
    [
        {"metric_name": "happiness"},
        {"value": -1},
        {"value": "1"},
        {"value": 2},
        {"value": 1e13},
        {"of": 2},
        {"user_id": ""},
        {"user_id": "x" * 201},
        {"user_id": None},
        {"cohort": "x" * 101},
        {"feature": 12},
        {"timestamp": "2026-11-01T10:15:00"},
        {"timestamp": "yesterday"},
        {"timestamp": -1},
        {"metric_name": "error_rate"},
        {"metric_name": "crash_rate", "of": 2},
        {"metric_name": "latency_p50", "of": 2, "user_id": None},
    ],
    ids=str,
)
def test_the_schema_and_the_worker_refuse_the_same(change):
    good = {
        "metric_name": "user_adoption",
        "value": 1,
        "timestamp": "2026-11-01T10:15:00Z",
        "user_id": "u",
        "cohort": "mainstream",
        "feature": "F12",
    }
    assert VALIDATOR.is_valid({**IDS, "samples": [good]})
    assert is_taken({**IDS, "samples": [good]})
    assert not VALIDATOR.is_valid({**IDS, "samples": [good | change]})
    assert not VALIDATOR.is_valid({**IDS, **good, **change})
    if len(change.get("cohort", "")) <= 100:  # which the worker judges by series
        assert not is_taken({**IDS, "samples": [good | change]})


def test_the_schema_needs_a_tenant_and_a_sample():
    sample = {"metric_name": "latency_p50", "value": 1, "timestamp": 1}
    assert not VALIDATOR.is_valid(sample)
    assert not VALIDATOR.is_valid(IDS)
    assert not VALIDATOR.is_valid({**IDS, "samples": []})
    assert not VALIDATOR.is_valid({**IDS, "project_id": "acme", **sample})


def test_the_reasons_are_those_of_the_code():
    reasons = [str(reason) for reason in Reason]
    assert ASYNCAPI["components"]["schemas"]["Reason"]["enum"] == reasons
    table = GUIDE.split("| reason |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == reasons


def test_asyncapi_names_every_topic_that_migrate_makes():
    documented = set()
    for channel in ASYNCAPI["channels"].values():
        names = ASYNCAPI["components"]["parameters"]["topic"]["enum"] if "parameters" in channel else [""]
        documented |= {channel["address"].replace("{topic}", name) for name in names}
    assert documented == set(TOPICS)


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_asyncapi_references_lead_somewhere():
    for reference in references(ASYNCAPI):
        if not reference.startswith("#/"):
            assert (ROOT / "docs" / reference).exists()
            continue
        target = ASYNCAPI
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


@pytest.mark.parametrize(("name", "reader"), [("samples.jsonl", read_jsonl), ("samples.csv", read_csv)])
def test_example_files_are_taken(name, reader):
    lines = (ROOT / "examples" / name).read_bytes().split(b"\n")
    entries = list(reader([line for line in lines if line], Defaults(), 1000))
    assert {entry.content.reason for entry in entries} == {"bad_schema"}  # nobody's, without --org
    entries = list(reader([line for line in lines if line], Defaults(**IDS), 1000))
    assert len(entries) == 6
    for entry in entries:
        assert isinstance(entry.content, Flat)
        message = IDS | json.loads(entry.content.sample)
        VALIDATOR.validate(message)
        assert is_taken(message)


def test_both_example_files_hold_the_same_samples():
    read = []
    for name, reader in (("samples.jsonl", read_jsonl), ("samples.csv", read_csv)):
        lines = [line for line in (ROOT / "examples" / name).read_bytes().split(b"\n") if line]
        contents = [entry.content for entry in reader(lines, Defaults(**IDS), 1000)]
        read.append([json.loads(flat.sample) | {"unit": None} for flat in contents if isinstance(flat, Flat)])
    assert read[0] == read[1] != []
