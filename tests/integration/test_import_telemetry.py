"""Hourly rows into PostgreSQL and out again, by the commands themselves, closed as a worker closes them."""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pandas as pd
import pytest

from cli.telemetry import importing
from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import Metric
from metrics.users import UserSet
from storage import database as databases
from storage import imports, partials, partitions, watermarks
from storage.ledger import Place
from storage.partials import Held, SeriesHour
from streams.close import Closer, Patience
from tests.integration.conftest import Augentis
from tests.world import World

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
OLD = NOW - timedelta(days=400)
STREAM = Place("w", "raw_metrics", 0)
HEADER = "timestamp,metric_name,cohort,feature,metric_value,unit,numerator,denominator,sample_count"
SAME = "timestamp, metric_name, cohort, feature, id, metric_value, unit, numerator, denominator, sample_count"


@dataclass
class Company:
    """An organisation of its own in a world that others change too, and our commands on it."""

    world: World
    augentis: Augentis
    org: UUID
    project: UUID

    def imports(self, file: Path, *more: str, project: UUID | None = None) -> dict[str, Any]:
        whose = ("--org", self.org, "--project", project or self.project)
        self.code = self.augentis("import-telemetry", file, *whose, "--json", *more)
        assert self.code in (0, 1), self.augentis.err
        found: dict[str, Any] = json.loads(self.augentis.out)
        return found

    def exports(self, file: object, *more: object) -> None:
        whose = ("--org", self.org, "--project", self.project)
        assert self.augentis("telemetry", "export", file, *whose, *more) == 0, self.augentis.err

    def ask(self, work: Callable[[asyncpg.Pool], Any]) -> Any:
        async def asked() -> Any:
            pool = await databases.worker_pool(self.world.database.worker_url, name="test", size=2)
            try:
                return await work(pool)
            finally:
                await pool.close()

        return asyncio.run(asked())

    def closed(self) -> None:
        async def close(pool: asyncpg.Pool) -> None:
            closer = Closer(pool, STREAM.consumer, Patience(timedelta(0), timedelta(0), timedelta(days=7)))
            while await closer.tick():
                pass

        self.ask(close)

    def rows(self, project: UUID | None = None, columns: str = "*") -> list[Any]:
        return list(
            self.ask(
                lambda pool: pool.fetch(
                    f"""SELECT {columns} FROM telemetry WHERE org_id = $1 AND project_id = $2
                        ORDER BY timestamp, metric_name, cohort, feature""",
                    self.org,
                    project or self.project,
                )
            )
        )

    def another(self) -> UUID:
        return asyncio.run(_project(self.world, self.org))


@pytest.fixture
def company(
    changing_world: World, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Company:
    for name, value in changing_world.database.environment(home).items():
        monkeypatch.setenv(name, value)
    org = uuid4()

    async def found() -> UUID:
        async with changing_world.database.superuser() as connection:
            await connection.execute(
                "INSERT INTO organization (id, name, slug) VALUES ($1, 'History', $2)", org, f"history-{org}"
            )
        return await _project(changing_world, org)

    return Company(changing_world, Augentis(capsys), org, asyncio.run(found()))


async def _project(world: World, org: UUID) -> UUID:
    project, workspace = uuid4(), uuid4()
    async with world.database.superuser() as connection:
        await connection.execute(
            "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $2, $3, $4)",
            *(org, workspace, f"History {project}", world.ann),
        )
        await connection.execute(
            """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
               VALUES ($1, $2, $3, $4, 'What happened before?', $5)""",
            *(org, project, workspace, f"History {project}", world.ann),
        )
    return project


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join((HEADER, *lines)) + "\n")
    return path


def adoption(at: datetime, percent: int, cohort: str = "", of: int = 100) -> str:
    return f"{at.isoformat()},user_adoption,{cohort},F12,{percent},%,{percent * of / 100},{of},{of}"


def usage(at: datetime, value: float) -> str:
    return f"{at.isoformat()},feature_usage,,,{value},count,{value},,1"


def hours(count: int, start: datetime = OLD) -> list[datetime]:
    return [start + timedelta(hours=number) for number in range(count)]


def test_rows_of_a_year_ago_become_telemetry_once(company: Company, tmp_path: Path):
    file = written(tmp_path / "a.csv", *(adoption(at, 40 + n % 3) for n, at in enumerate(hours(100))))
    assert company.imports(file) == {
        "read": 100, "written": 100, "unchanged": 0, "dry_run": False, "refused": []
    }  # fmt: skip
    company.closed()
    first = company.rows()
    assert [(row["timestamp"], int(row["metric_value"]), row["revision"]) for row in first] == [
        (at, 40 + n % 3, 1) for n, at in enumerate(hours(100))
    ]
    again = company.imports(file)
    assert (again["written"], again["unchanged"]) == (0, 100)
    company.closed()
    assert company.rows() == first


def test_a_corrected_row_replaces_what_was_imported_and_no_other(company: Company, tmp_path: Path):
    company.imports(written(tmp_path / "a.csv", *(usage(at, 5) for at in hours(3))))
    company.closed()
    done = company.imports(written(tmp_path / "b.csv", usage(hours(3)[1], 7), usage(hours(3)[2], 5)))
    assert (done["written"], done["unchanged"]) == (1, 1)
    company.closed()
    assert [(int(row["metric_value"]), row["revision"]) for row in company.rows()] == [(5, 1), (7, 2), (5, 1)]


def test_it_adds_to_what_was_streamed(company: Company, tmp_path: Path):
    async def stream(pool: asyncpg.Pool) -> None:
        where = SeriesHour(company.org, company.project, int(OLD.timestamp()), Metric.FEATURE_USAGE, "", "")
        async with pool.acquire() as connection, connection.transaction():
            await partitions.make(connection, {partitions.month_of(OLD.timestamp())})
            await partials.save(connection, STREAM, {where: Held(Cell(3_000_000, 0, 2), 1)})

    company.ask(stream)
    company.imports(written(tmp_path / "a.csv", usage(OLD, 5)))
    company.closed()
    ((value, samples),) = company.rows(columns="metric_value::int, sample_count")
    assert (value, samples) == (8, 3)


def test_refused_lines_are_named_and_the_others_imported(company: Company, tmp_path: Path):
    lines = [
        usage(OLD, 1),
        usage(OLD.replace(minute=30), 1),
        f"{OLD.isoformat()},uptime,,,1,,,,1",
        usage(NOW + timedelta(hours=2), 1),
        adoption(OLD, 101),
        "only,three,fields",
        usage(OLD, 2),
        usage(OLD + timedelta(hours=1), 4),
    ]
    done = company.imports(written(tmp_path / "a.csv", *lines))
    assert company.code == 1
    assert (done["read"], done["written"]) == (8, 2)
    assert [(each["line"], each["reason"]) for each in done["refused"]] == [
        (3, "bad_timestamp"), (4, "unknown_metric"), (5, "future"), (6, "bad_value"),
        (7, "bad_schema"), (8, "bad_schema"),
    ]  # fmt: skip
    assert "line 2 is about the same hour and series" in done["refused"][-1]["detail"]
    assert "line 3 refused: bad_timestamp: " in company.augentis.err


def test_a_dry_run_says_the_same_and_writes_nothing(company: Company, tmp_path: Path):
    file = written(tmp_path / "a.csv", usage(OLD, 1), usage(OLD.replace(minute=30), 1))
    tried, done = company.imports(file, "--dry-run"), company.imports(file)
    assert tried == done | {"dry_run": True}
    assert done["written"] == 1
    assert company.imports(file, "--dry-run")["unchanged"] == 1


def test_an_import_that_was_killed_is_finished_by_the_next(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = written(tmp_path / "a.csv", *(usage(at, 5) for at in hours(10)))
    monkeypatch.setattr(importing, "ROWS_A_TRANSACTION", 3)
    real, calls = imports.write, []

    async def dies(*arguments: Any) -> Any:
        calls.append(await real(*arguments))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return calls[-1]

    with monkeypatch.context() as patched:
        patched.setattr(imports, "write", dies)
        whose = ("--org", company.org, "--project", company.project)
        assert company.augentis("import-telemetry", file, *whose, "--json") == 130
        assert json.loads(company.augentis.out)["written"] == 6
    done = company.imports(file)
    assert (done["written"], done["unchanged"]) == (4, 6)
    company.closed()
    assert [int(row["metric_value"]) for row in company.rows()] == [5] * 10


def test_a_series_beyond_the_cap_is_refused(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUGENTIS_MAX_SERIES", "2")
    lines = [adoption(at, 40, cohort) for at in hours(2) for cohort in ("a", "b", "c")]
    done = company.imports(written(tmp_path / "a.csv", *lines))
    assert done["written"] == 4
    assert [(each["line"], each["reason"]) for each in done["refused"]] == [
        (4, "too_many_series"), (7, "too_many_series"),
    ]  # fmt: skip


def test_a_project_that_is_not_there_is_said(company: Company, tmp_path: Path):
    file = written(tmp_path / "a.csv", usage(OLD, 1))
    for command in (("import-telemetry", file), ("telemetry", "export", "-")):
        assert company.augentis(*command, "--org", company.world.b, "--project", company.project) == 2
        assert "has no project" in company.augentis.err


def test_years_close_in_steps_and_keep_no_live_hour_open(company: Company, tmp_path: Path):
    """More hours than one transaction merges wait; the hour of now is closed by the first."""
    live = NOW - timedelta(hours=3)
    company.imports(written(tmp_path / "a.csv", *(usage(at, 5) for at in hours(200))))
    company.closed()

    async def stream(pool: asyncpg.Pool) -> None:
        where = SeriesHour(company.org, company.project, int(live.timestamp()), Metric.FEATURE_USAGE, "", "")
        epoch = live.timestamp()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                """INSERT INTO partition_ledger (consumer, topic, partition, next_offset, epoch, owner,
                       topic_id, fresh_at, caught_up_at)
                   VALUES ($1, $2, $3, 1, 1, 'w', 'x', now(), now()) ON CONFLICT DO NOTHING""",
                *(STREAM.consumer, STREAM.topic, STREAM.partition),
            )
            await partials.save(connection, STREAM, {where: Held(Cell(9_000_000, 0, 1), 1)})
            seen = {(company.org, company.project): (epoch, epoch + 7200)}
            await watermarks.advance(connection, STREAM, seen)

    company.ask(stream)
    company.imports(written(tmp_path / "b.csv", *(usage(at, 6) for at in hours(200))))

    async def tick(pool: asyncpg.Pool) -> None:
        closer = Closer(pool, STREAM.consumer, Patience(timedelta(0), timedelta(hours=9), timedelta(days=7)))
        await closer.tick()

    company.ask(tick)
    values = [(row["timestamp"], int(row["metric_value"])) for row in company.rows()]
    assert values[-1] == (live, 9)
    assert {value for _, value in values[:-1]} == {5}

    async def come_on(pool: asyncpg.Pool) -> Any:
        seen = {(company.org, company.project): (live.timestamp(), live.timestamp() + 10800)}
        async with pool.acquire() as connection:
            await watermarks.advance(connection, STREAM, seen)
        await tick(pool)
        return await pool.fetchval(
            "SELECT closed_through FROM project_clock WHERE project_id = $1", company.project
        )

    # An hour without a sample is closed as promptly.
    assert company.ask(come_on) == live + timedelta(hours=3)
    assert 5 in {int(row["metric_value"]) for row in company.rows()}
    company.closed()
    assert {int(row["metric_value"]) for row in company.rows()[:-1]} == {6}


KEY = b"a key of the organisation"
USERS = UserSet.of([str(number) for number in range(50)], KEY)
CELLS = {
    Metric.FEATURE_USAGE: Cell(12_345_678, 0, 7, USERS),
    Metric.USER_ADOPTION: Cell(1_000_000, 2_000_000, 60, USERS, UserSet.of(["1", "2"], KEY)),
    Metric.CRASH_RATE: Cell(7_000_000, 5_000_000, 5),
    Metric.LATENCY_P50: Cell(samples=4, latency=LatencyBuckets.of([0, 12.5, 13, 900])),
}


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_what_is_exported_comes_back_as_it_was(company: Company, tmp_path: Path, name: str):
    async def stream(pool: asyncpg.Pool) -> None:
        states = {
            SeriesHour(company.org, company.project, int(at.timestamp()), metric, cohort, ""): Held(known, 1)
            for at in hours(2) for metric, known in CELLS.items() for cohort in ("", 'früh, "A"')
        }  # fmt: skip
        async with pool.acquire() as connection, connection.transaction():
            await partitions.make(connection, {partitions.month_of(at.timestamp()) for at in hours(2)})
            await partials.save(connection, Place("", "import", 0), states)
            span = {(company.org, company.project): (OLD.timestamp(), OLD.timestamp() + 7200)}
            await watermarks.advance(connection, Place("", "import", 0), span)

    company.ask(stream)
    company.closed()
    company.exports(tmp_path / name)
    assert not (tmp_path / f"{name}.part").exists()
    other = company.another()
    done = company.imports(tmp_path / name, project=other)
    assert (done["written"], done["refused"]) == (16, [])
    company.closed()
    columns = SAME.replace("id, ", "") + ", user_count, latency_sketch, users_sketch, positive_users_sketch"
    assert company.rows(other, columns) == company.rows(columns=columns)
    assert len(company.rows(other)) == 16


def test_an_export_is_of_the_hours_and_the_metric_asked_for(company: Company, tmp_path: Path):
    lines = [line for at in hours(4) for line in (usage(at, 5), adoption(at, 40))]
    company.imports(written(tmp_path / "a.csv", *lines))
    company.closed()
    spans = ("--since", f"{hours(4)[1]:%Y-%m-%dT%H:%M:%S}", "--until", f"{hours(4)[3]:%Y-%m-%dT%H:%M:%SZ}")
    company.exports(tmp_path / "some.parquet", *spans, "--metric", "user_adoption", "--no-sketches")
    frame = pd.read_parquet(tmp_path / "some.parquet")
    assert list(frame["timestamp"]) == hours(4)[1:3]
    assert set(frame["metric_name"]) == {"user_adoption"}
    assert "users_sketch" not in frame.columns
    company.exports("-", "--metric", "feature_usage")
    rows: Sequence[Any] = list(csv.DictReader(io.StringIO(company.augentis.out)))
    assert [(row["timestamp"], row["metric_value"], row["denominator"]) for row in rows] == [
        (f"{at:%Y-%m-%dT%H:%M:%SZ}", "5", "") for at in hours(4)
    ]
    whose = ("--org", company.org, "--project", company.project)
    assert company.augentis("telemetry", "export", "-", *whose, "--since", "yesterday") == 2
