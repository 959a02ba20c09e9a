"""`augentis otlp preview`: what points become, by the defaults, by a file, by a project's mapping."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Database
from tests.integration.conftest import Augentis
from tests.world import build

HISTOGRAM = {
    "count": "3",
    "sum": 0.3,
    "bucketCounts": ["1", "2"],
    "explicitBounds": [0.1],
    "timeUnixNano": "1",
}


def attribute(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def export(*metrics: dict[str, Any]) -> str:
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": list(metrics)}]}]})


def requests(*statuses: int) -> dict[str, Any]:
    points = [
        {**HISTOGRAM, "attributes": [attribute("http.response.status_code", {"intValue": str(status)})]}
        for status in statuses
    ]
    data = {"aggregationTemporality": 2, "dataPoints": points}
    return {"name": "http.server.request.duration", "unit": "s", "histogram": data}


def carts(**point: Any) -> dict[str, Any]:
    points = [{"asInt": "1", "timeUnixNano": "1", **point}]
    return {"name": "carts", "sum": {"isMonotonic": True, "aggregationTemporality": 1, "dataPoints": points}}


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Augentis:
    """The command line, without a database behind it."""
    return Augentis(capsys)


@pytest.fixture
def told(command: Augentis, tmp_path: Path) -> Any:
    """Returns the exit code and what is printed of an export."""

    def preview(text: str, *options: object) -> tuple[int, str]:
        file = tmp_path / "export"
        file.write_text(text)
        return command("otlp", "preview", file, *options), command.out

    return preview


def test_stock_metrics_need_no_mapping(told: Any):
    code, out = told(export(requests(200, 503), carts()))
    assert code == 0
    assert out.splitlines() == [
        (
            "http.server.request.duration{http.response.status_code=200} histogram:"
            " error_rate (count as denominator); latency_p50 (buckets x 1000)"
        ),
        (
            "http.server.request.duration{http.response.status_code=503} histogram:"
            " error_rate (count as numerator and denominator); latency_p50 (buckets x 1000)"
        ),
        "carts{} counter: nothing, no rule is about it",
    ]


def test_a_refusal_is_told_and_ends_with_1(told: Any):
    code, out = told(export(requests(200), {**requests(200), "unit": "By"}))
    assert (code, out.splitlines()[1].rpartition(": ")[2]) == (1, "refused, bad_unit")


def test_nothing_that_counts_ends_with_1(told: Any):
    assert told(export(carts()))[0] == 1


def test_a_mapping_is_tried_from_a_file(told: Any, tmp_path: Path, command: Augentis):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("rules: [{match: {name: carts}, as: count, metric_name: feature_usage, feature: F1}]")
    code, out = told(export(carts()), "--mapping", mapping, "--json")
    assert code == 0
    [point] = json.loads(out)
    assert (point["index"], point["name"], point["kind"], point["refused"]) == (0, "carts", "counter", None)
    assert point["becomes"] == [
        {
            "metric_name": "feature_usage",
            "cohort": "",
            "feature": "F1",
            "takes": "increase",
            "scale": 1.0,
            "as": [],
        }
    ]
    mapping.write_text("rules: [{match: {name: carts}, as: counts}]")
    assert told(export(carts()), "--mapping", mapping)[0] == 2
    assert "rules.0.as: Input should be" in command.err


def test_each_line_may_be_an_export(told: Any):
    code, out = told("\n".join([export(requests(200)), export(requests(200))]))
    assert (code, len(out.splitlines())) == (0, 2)


@pytest.mark.parametrize("text", ["", "{", "no export", '{"resourceMetrics": []}', "{}\nx"])
def test_what_is_no_export_is_said(told: Any, text: str, command: Augentis):
    assert told(text)[0] == 2
    assert "no OTLP export" in command.err


def test_there_must_be_a_file(command: Augentis):
    assert command("otlp", "preview", "/nowhere") == 2
    assert "cannot be read" in command.err


@pytest.mark.usefixtures("augentis")
async def test_a_projects_own_mapping(told: Any, database: Database, command: Augentis):
    world = await build(database)
    a1, b1 = world.places["a1"], world.places["b1"]
    rules = {"rules": [{"match": {"name": "carts"}, "as": "count", "metric_name": "feature_usage"}]}
    async with database.superuser() as connection:
        await connection.execute(
            """INSERT INTO otlp_mapping (org_id, id, project_id, rules, created_by)
               VALUES ($1, gen_random_uuid(), $2, $3, $4)""",
            a1.org, a1.project, json.dumps(rules), world.ann,
        )  # fmt: skip
    for named, code in ((a1.project, 0), (b1.project, 1), (a1.org, 2)):
        assert (await asyncio.to_thread(told, export(carts()), "--project", named))[0] == code
    assert "there is no project" in command.err
