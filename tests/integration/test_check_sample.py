"""`augentis check-sample` without a database, and with one."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from storage.ledger import Place
from storage.watermarks import advance
from tests.integration.conftest import Augentis
from tests.world import World

ORG, PROJECT = str(uuid4()), str(uuid4())
AT = "2026-11-01T10:15:00Z"
SAMPLE = {"metric_name": "feature_usage", "value": 3, "timestamp": AT}
IDS = {"org_id": ORG, "project_id": PROJECT}
PAST = ("--backfill", "--json")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Augentis:
    monkeypatch.setenv("AUGENTIS_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("DATABASE_URL_WORKER", raising=False)
    return Augentis(capsys)


def checked(
    augentis: Augentis, path: Path, *messages: Any, options: tuple[str, ...] = PAST
) -> dict[str, Any]:
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in messages))
    code = augentis("check-sample", path, *options)
    found: dict[str, Any] = json.loads(augentis.out)
    assert code == (1 if found["refused"] else 0), augentis.err
    return found


def test_a_batch_is_told_by_hour_and_series(offline: Augentis, tmp_path: Path):
    rate = {"metric_name": "user_adoption", "value": 0, "timestamp": AT, "cohort": "a", "user_id": "u1"}
    batch_id = str(uuid4())
    samples = [rate, rate | {"value": 1}, rate | {"user_id": "u2"}, SAMPLE]
    found = checked(offline, tmp_path / "a", IDS | {"batch_id": batch_id, "samples": samples})
    (message,) = found["checked"]
    assert (message["line"], message["batch_id"], message["org_id"]) == (1, batch_id, ORG)
    assert [
        (
            each["hour"],
            each["metric_name"],
            each["metric_value"],
            each["unit"],
            each["samples"],
            each["users"],
        )
        for each in message["counted"]
    ] == [
        ("2026-11-01T10:00:00Z", "feature_usage", 3.0, "count", 1, 0),
        ("2026-11-01T10:00:00Z", "user_adoption", 50.0, "%", 3, 2),
    ]
    assert found["tenants_checked"] is False


@pytest.mark.parametrize(
    ("message", "reason", "indices"),
    [
        ("{", "not_json", []),
        (IDS | {"samples": []}, "bad_schema", []),
        (SAMPLE | {"org_id": "acme", "project_id": PROJECT}, "unknown_org", []),
        (IDS | SAMPLE | {"value": -1}, "bad_value", [0]),
        (IDS | {"samples": [SAMPLE, SAMPLE | {"metric_name": "uptime"}]}, "unknown_metric", [1]),
        (IDS | {"samples": [SAMPLE, SAMPLE, SAMPLE | {"timestamp": "3026-11-01T10:15:00Z"}]}, "future", [2]),
    ],
)
def test_what_would_be_refused_is_told_with_its_reason_in_words(
    offline: Augentis, tmp_path: Path, message: Any, reason: str, indices: list[int]
):
    found = checked(offline, tmp_path / "a", IDS | SAMPLE, message)
    first, second = found["checked"]
    assert (first["refused"], found["refused"]) == ([], 1)
    (refused,) = second["refused"]
    assert (second["line"], refused["reason"], refused["indices"]) == (2, reason, indices)
    assert " " in refused["means"]


def test_ids_are_filled_in_as_publish_does(offline: Augentis, tmp_path: Path):
    options = (*PAST, "--org", ORG, "--project", PROJECT)
    other = str(uuid4())
    found = checked(offline, tmp_path / "a", SAMPLE, SAMPLE | IDS | {"project_id": other}, options=options)
    assert [each["project_id"] for each in found["checked"]] == [PROJECT, other]
    assert found["refused"] == 0


def test_one_document_may_stand_on_many_lines(offline: Augentis, tmp_path: Path):
    found = checked(offline, tmp_path / "a", json.dumps(IDS | SAMPLE, indent=2))
    assert (found["messages"], found["refused"]) == (1, 0)


def test_for_people(offline: Augentis, tmp_path: Path):
    (tmp_path / "a").write_text(f"{json.dumps(IDS | SAMPLE)}\n[]\n")
    assert offline("check-sample", tmp_path / "a", "--backfill") == 1
    first, second, last = offline.out.splitlines()
    assert first == "line 1: 2026-11-01T10:00:00Z feature_usage: 3 count from 1 sample"
    assert second.startswith("line 2: refused, all of it: bad_schema: ")
    assert last == "2 messages, 1 with something refused; whose they are was not checked"


def test_a_database_knows_whose_it_is_and_how_late(reading: Augentis, world: World, tmp_path: Path):
    org, project = str(world.a), str(world.places["a2"].project)
    ids = {"org_id": org, "project_id": project}
    strange = SAMPLE | {"org_id": org, "project_id": str(world.places["b1"].project)}
    found = checked(reading, tmp_path / "a", SAMPLE | ids, strange)
    assert found["tenants_checked"] is True
    assert [[r["reason"] for r in each["refused"]] for each in found["checked"]] == [[], ["unknown_project"]]
    assert checked(reading, tmp_path / "a", strange, options=(*PAST, "--offline"))["refused"] == 0


def test_an_ingest_key_is_judged_where_keys_are_asked_for(
    reading: Augentis, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    message = SAMPLE | {"org_id": str(world.a), "project_id": str(world.places["a2"].project)}
    wrong = (*PAST, "--key", "ak_wrong")
    monkeypatch.setenv("AUGENTIS_INGEST_AUTH", "key")
    (judged,) = checked(reading, tmp_path / "a", message, options=wrong)["checked"]
    assert [each["reason"] for each in judged["refused"]] == ["bad_key"]
    assert checked(reading, tmp_path / "a", message)["refused"] == 0
    monkeypatch.setenv("AUGENTIS_INGEST_AUTH", "open")
    assert checked(reading, tmp_path / "a", message, options=wrong)["refused"] == 0


def test_what_is_behind_its_project_is_too_late_unless_it_is_history(
    reading: Augentis, changing_world: World, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name, value in changing_world.database.environment(home).items():
        monkeypatch.setenv(name, value)
    place = changing_world.places["b1"]

    async def come_on() -> None:
        async with changing_world.database.superuser() as connection:
            seen = {(place.org, place.project): (0.0, 1_793_528_100.0 + 30 * 86400)}
            await advance(connection, Place("", "raw_metrics", 99), seen)

    asyncio.run(come_on())
    message = SAMPLE | {"org_id": str(place.org), "project_id": str(place.project)}
    late = checked(reading, tmp_path / "a", message, options=("--json",))
    assert late["checked"][0]["refused"][0]["reason"] == "too_late"
    assert checked(reading, tmp_path / "a", message)["refused"] == 0
