"""Every number of a report that production code wrote comes out of an export again (docs/recompute.md)."""

import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from pydantic_core import to_json

from cli.telemetry.exporting import COLUMNS, REVISION, CsvWriter
from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import UNITS, Metric
from metrics.users import UserSet
from storage import exports, partitions
from storage.exports import Wanted
from storage.partitions import month_of
from streams.detect import Detect
from streams.news import News
from tests.world import Place, World

EXAMPLES = Path(__file__).parents[2] / "examples"
ZONE = "Europe/Berlin"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SPAN = 9
SERIES = [("mainstream", "F12"), ("mainstream", "F13"), ("power", "F12")]
KEY = b"key"
GIVEN = {"assumed_number", "confidence", "handling_version"}
"""What was assumed is in no telemetry, and how sure the interval is meant to be is a constant.

How often people have acted is theirs."""


class Case(NamedTuple):
    """An assumption, and what telemetry says once it is broken."""

    metric: Metric
    unit: str
    operator: str
    value: float
    cohort: str = ""
    feature: str = ""


CASES = {
    "users": Case(Metric.USER_ADOPTION, "%", ">=", 60, "mainstream", "F12"),
    "all cohorts": Case(Metric.RETENTION, "%", "within", 60),
    "requests": Case(Metric.ERROR_RATE, "%", "<=", 60),
    "median": Case(Metric.LATENCY_P50, "ms", "<=", 60),
    "sum": Case(Metric.FEATURE_USAGE, "count", ">=", 120, "mainstream"),
    "share": Case(Metric.USER_ADOPTION, "share", ">=", 80, "mainstream"),
}


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return loaded("recompute")


@pytest.fixture
def of_prices(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script beside it, which imports the other as Python does where a script lies."""
    monkeypatch.setitem(sys.modules, "recompute", script)
    return loaded("recompute_elasticity")


@pytest.fixture
async def connection(world: World) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, as of one moment like an export's; what is done on it is undone."""
    async with world.database.superuser() as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        yield connection
        await transaction.rollback()


def cell(metric: Metric, percent: float, random: Random, cohort: str, hour: int) -> Cell:
    """Return an hour: users come again in the next ones, so that days are not the sum of their hours."""
    seen = [f"{cohort}{(hour * 40 + number) % 700}" for number in range(120)]
    users = UserSet.of(seen, KEY)
    positive = UserSet.of([user for user in seen if random.random() < percent / 100], KEY)
    match metric:
        case Metric.LATENCY_P50:
            return Cell(samples=300, latency=LatencyBuckets.of([random.gauss(percent, 9) for _ in seen]))
        case Metric.FEATURE_USAGE:
            return Cell(value_micro=round(percent * 1e6), samples=60, users=users)
        case Metric.ERROR_RATE:
            return Cell(round(percent * 1e7), 10**9, samples=9)
    return Cell(round(percent * 1e5), 10**7, samples=130, users=users, positive=positive)


async def write(connection: asyncpg.Connection, place: Place, case: Case) -> None:
    """Write hourly rows of all series, which break the assumption from the first day on."""
    random = Random(7)
    rows: list[tuple[Any, ...]] = []
    broken = 80 if case.operator == "<=" else 42
    start = TODAY - timedelta(days=SPAN)
    for number in range(SPAN * 24):
        if random.random() < 0.1:
            continue
        for cohort, feature in SERIES:
            level = broken + random.gauss(0, 2)
            made = cell(case.metric, level, random, cohort, number + 9 * len(rows))
            measure = made.measure(case.metric)
            assert measure
            rows.append(
                (
                    *(place.org, place.project, start + timedelta(hours=number), str(case.metric)),
                    *(cohort, feature, uuid4(), UNITS[case.metric], measure.value, measure.numerator),
                    *(measure.denominator, made.samples, made.users.count(), made.users.to_bytes()),
                    *(made.positive.to_bytes(), made.latency.to_bytes(), random.randrange(1, 4)),
                )
            )
    await connection.executemany(
        """INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id, unit,
               metric_value, numerator, denominator, sample_count, user_count, users_sketch,
               positive_users_sketch, latency_sketch, revision)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)""",
        rows,
    )


async def began(connection: asyncpg.Connection, ago: int) -> datetime:
    """Forget all telemetry and what was found in it; the first one comes `ago` days ago, at 21:00."""
    moment = TODAY - timedelta(days=ago, hours=3)
    months = {month_of((TODAY - timedelta(days=number)).timestamp()) for number in range(ago + 2)}
    await partitions.make(connection, months)
    for table in (
        "telemetry",
        "detector_state",
        "alert_delivery",
        "report_event",
        "cascade_analysis",
        "divergence_report",
        "exclusion_window",
    ):
        await connection.execute(f"DELETE FROM {table}")
    await connection.execute("UPDATE organization SET timezone = $1", ZONE)
    await connection.execute("UPDATE project_watermark SET first_event = $1", moment)
    await connection.execute("UPDATE project_clock SET day_closed_through = $1", moment.date())
    return moment


async def examined(connection: asyncpg.Connection, world: World, case: Case) -> tuple[Any, Any]:
    """Let the worker judge all days; return the report and its assumption."""
    await connection.execute(
        """UPDATE assumption SET effective_from = $1, metric_name = $2, unit = $3, operator = $4, value = $5,
               cohort = $6, feature = $7, tolerance = 2""",
        await began(connection, SPAN),
        *(str(case.metric), case.unit, case.operator, case.value, case.cohort, case.feature),
    )
    await write(connection, world.places["a1"], case)
    return await judged(connection, world)


async def judged(connection: asyncpg.Connection, world: World) -> tuple[Any, Any]:
    place, nothing = world.places["a1"], None
    await connection.execute(f'SET LOCAL ROLE "{urlsplit(world.database.worker_url).username}"')
    news = News((TODAY - timedelta(days=1)).date())
    detect = Detect(cast("Any", nothing), cast("Any", nothing), None, webhook=False)
    await detect._examine(connection, place.org, place.project, news)
    await connection.execute("RESET ROLE")
    report = await connection.fetchrow("SELECT * FROM divergence_report")
    assumption = await connection.fetchrow("SELECT * FROM assumption WHERE id = $1", place.assumption)
    assert report
    assert assumption
    return dict(report), {**assumption, "alarms_per_year": 0.5}


async def exported(connection: asyncpg.Connection, place: Place, path: Path, *columns: str) -> None:
    with path.open("wb") as file:
        writer = CsvWriter(file, [*COLUMNS, *columns])
        async for rows in exports.telemetry(connection, Wanted(place.org, place.project)):
            writer.write(rows)
        writer.close()


@pytest.mark.parametrize("name", CASES)
async def test_every_number_of_a_report_comes_out_of_an_export_again(
    connection: asyncpg.Connection,
    world: World,
    script: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
):
    report, assumption = await examined(connection, world, CASES[name])
    await exported(connection, world.places["a1"], tmp_path / "rows.csv", REVISION)
    arguments = [str(tmp_path / "rows.csv")]
    for part, content in (("report", report), ("assumption", assumption)):
        (tmp_path / part).write_bytes(to_json(content))
        arguments.append(str(tmp_path / part))
    arguments += ["--timezone", ZONE, "--fold"]
    code = script.main(arguments)
    shown = capsys.readouterr().out
    assert code == 0, shown
    numbers = {name for name, value in report.items() if type(value) in {int, float}}
    assert numbers - GIVEN <= set(shown.split()), "a number that nobody can recompute"

    (tmp_path / "report").write_bytes(to_json({**report, "sample_count": report["sample_count"] + 1}))
    assert script.main(arguments[:-1]) == 1


RAISED = 20
"""Days before and under the second price."""


async def priced(connection: asyncpg.Connection, place: Place) -> list[dict[str, Any]]:
    """Raise a price by a fifth, which takes nothing of the demand; return the versions as the API does."""
    moment = await began(connection, 2 * RAISED)
    await connection.execute("SET LOCAL session_replication_role = replica")
    await connection.execute(
        """UPDATE assumption SET effective_from = $1, metric_name = 'feature_usage', unit = 'elasticity',
               operator = 'within', value = -1.2, tolerance = 0.3, cohort = 'mainstream', feature = '',
               divergence_type = 'PRICING_ELASTICITY_MISS'""",
        moment,
    )
    await connection.execute(
        """UPDATE artifact SET type = 'PRICING', content = '{"price": 10}', deployed_at = $2 WHERE id = $1""",
        *(place.artifact, moment),
    )
    await connection.execute(
        """INSERT INTO artifact (org_id, id, project_id, type, key, version, status, approved_by, approved_at,
               deployed_at, content, evidence_tier, created_by)
           SELECT org_id, $2, project_id, type, key, 2, status, approved_by, $3, $3, '{"price": 12}',
               evidence_tier, created_by FROM artifact WHERE id = $1""",
        *(place.artifact, uuid4(), TODAY - timedelta(days=RAISED)),
    )
    await connection.execute("SET LOCAL session_replication_role = origin")
    rows = await connection.fetch("SELECT * FROM artifact WHERE type = 'PRICING' ORDER BY version")
    return [{**row, "content": json.loads(row["content"])} for row in rows]


async def use(connection: asyncpg.Connection, place: Place) -> None:
    """Write nine hours of use on each day, which wobbles, of two cohorts."""
    random, metric = Random(9), Metric.FEATURE_USAGE
    users = UserSet.of([str(number) for number in range(1200)], KEY)
    rows: list[tuple[Any, ...]] = []
    for day in range(2 * RAISED):
        start = TODAY - timedelta(days=2 * RAISED - day) + timedelta(hours=7)
        for cohort, level in (("mainstream", 1000), ("power", 300)):
            made = Cell(value_micro=round(level * random.gauss(1, 0.03)) * 10**6, samples=60, users=users)
            measure = made.measure(metric)
            assert measure
            rows += [
                (
                    *(place.org, place.project, start + timedelta(hours=hour), cohort, measure.value),
                    *(made.users.count(), made.users.to_bytes()),
                )
                for hour in range(9)
            ]
    await connection.executemany(
        """INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id, unit,
               metric_value, numerator, denominator, sample_count, user_count, users_sketch, revision)
           VALUES ($1, $2, $3, 'feature_usage', $4, 'F12', gen_random_uuid(), 'count', $5, $5, 0, 60, $6, $7,
               1)""",
        rows,
    )


async def test_every_number_of_an_elasticity_comes_out_of_an_export_again(
    connection: asyncpg.Connection,
    world: World,
    of_prices: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    place = world.places["a1"]
    versions = await priced(connection, place)
    await use(connection, place)
    report, assumption = await judged(connection, world)
    assert report["lane"] == "estimate"
    await exported(connection, place, tmp_path / "rows.csv", REVISION)
    parts = {"report": report, "assumption": assumption, "old": versions[0], "new": versions[1]}
    for name, content in parts.items():
        (tmp_path / name).write_bytes(to_json(content))
    arguments = [str(tmp_path / name) for name in ("rows.csv", *parts)] + ["--timezone", ZONE]
    code = of_prices.main(arguments)
    shown = capsys.readouterr().out
    assert code == 0, shown
    numbers = {name for name, value in report.items() if type(value) in {int, float}}
    assert numbers - GIVEN <= set(shown.split()), "a number that nobody can recompute"

    (tmp_path / "report").write_bytes(to_json({**report, "actual_number": report["actual_number"] + 1e-4}))
    assert of_prices.main(arguments) == 1
