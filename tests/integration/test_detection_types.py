"""From a file of assumptions to reports about the mix of cohorts and about price, on real PostgreSQL."""

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import yaml
from faust.types import TP

from cli.exits import Exit
from cli.main import run
from metrics.users import UserSet
from storage import database as databases
from storage import partitions
from storage.partitions import month_of
from streams.chunks import Chunk
from streams.detect import Detect
from streams.holdings import Holdings
from tests.databases import Database
from tests.members import PATIENCE, Consumer
from tests.unit.streams.messages import KEY, Record
from tests.world import World

FIRST = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
CLOSED = TP("telemetry_closed", 0)


@dataclass(frozen=True)
class Team:
    """An organisation of the test's own, made and filled by the commands that people use."""

    database: Database
    slug: str
    org: UUID
    project: UUID
    path: Path

    def apply(self, *artifacts: dict[str, Any]) -> None:
        project = {"name": "Checkout", "artifacts": [{"approve": True, **each} for each in artifacts]}
        self.path.write_text(yaml.safe_dump({"org": self.slug, "projects": [project]}))
        assert run(["apply", str(self.path)]) == Exit.DONE

    def ask(self, work: Callable[[asyncpg.Connection], Coroutine[Any, Any, Any]]) -> Any:
        async def asked() -> Any:
            async with self.database.superuser() as connection, connection.transaction():
                return await work(connection)

        return asyncio.run(asked())

    def detect(self, *events: dict[str, Any]) -> None:
        """Let a worker that has seen nothing yet take these events as one chunk."""
        asyncio.run(self._detect(events))

    async def _detect(self, events: Iterable[dict[str, Any]]) -> None:
        pool = await databases.worker_pool(self.database.worker_url, name="types")
        consumer: Any = Consumer(assigned=frozenset({CLOSED}))
        holdings = Holdings(pool, secrets.token_hex(5), "one", PATIENCE, {CLOSED.topic: "made once"})
        await holdings.claim(consumer)
        project = {"org_id": str(self.org), "project_id": str(self.project)}
        records = [Record(at, json.dumps({**project, **each}).encode()) for at, each in enumerate(events)]
        chunk = Chunk(CLOSED, 0, len(records), records, consumer.token, 0.0)
        await Detect(pool, holdings, None, webhook=True).take(chunk, PATIENCE)
        await pool.close()

    def close(self, number: int) -> None:
        """Close the days up to `number`, and let it be heard."""
        day = (FIRST + timedelta(days=number)).date()
        clock = """INSERT INTO project_clock (org_id, project_id, closed_through, day_closed_through)
                   VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, project_id)
                   DO UPDATE SET day_closed_through = $4"""
        end = FIRST + timedelta(days=number + 1)
        self.ask(lambda connection: connection.execute(clock, self.org, self.project, end, day))
        self.detect({"kind": "day_closed", "day": day.isoformat()})

    def reports(self) -> list[dict[str, Any]]:
        query = "SELECT * FROM divergence_report WHERE project_id = $1 ORDER BY detected_at"
        return [dict(row) for row in self.ask(lambda c: c.fetch(query, self.project))]

    def state(self) -> tuple[str, dict[str, Any]]:
        query = """SELECT s.status, s.verdict FROM detector_state s
                   JOIN assumption a ON (a.org_id, a.id) = (s.org_id, s.assumption_id)
                   WHERE s.project_id = $1 AND a.superseded_at IS NULL"""
        row = self.ask(lambda c: c.fetchrow(query, self.project))
        assert row is not None
        return row["status"], json.loads(row["verdict"])

    def alerts(self) -> list[str]:
        query = "SELECT destination FROM outbox WHERE org_id = $1 AND topic IS DISTINCT FROM $2 ORDER BY 1"
        return [row[0] for row in self.ask(lambda c: c.fetch(query, self.org, CLOSED.topic))]


@pytest.fixture
def team(
    changing_world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Team:
    database = changing_world.database
    for name, value in database.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AUGENTIS_JWT_ISSUER", raising=False)
    slug = f"team-{secrets.token_hex(5)}"
    admin = f"ada@{slug}.example"
    assert run(["init", "--org", slug, "--admin", admin, "--project", "Checkout", "--json"]) == Exit.DONE
    made = json.loads(capsys.readouterr().out)
    team = Team(database, slug, UUID(made["org_id"]), UUID(made["project_id"]), tmp_path / "apply.yaml")
    team.ask(lambda connection: _began(connection, team))
    return team


async def _began(connection: asyncpg.Connection, team: Team) -> None:
    await partitions.make(connection, {month_of((FIRST + timedelta(n)).timestamp()) for n in range(81)})
    await connection.execute(
        """INSERT INTO project_watermark (org_id, project_id, topic, partition, first_event, event_time,
               seen_at) VALUES ($1, $2, 'raw_metrics', 0, $3, $3, $3)""",
        *(team.org, team.project, FIRST),
    )


Row = tuple[datetime, str, str, int, UserSet]
"""Hour, metric, cohort, sum or samples, users."""


def came(team: Team, rows: Iterable[Row]) -> None:
    """Note closed hours: of uses their number, of a rate 0 of its users."""
    values = [
        (team.org, team.project, hour, metric, cohort, number, users.count(), users.to_bytes())
        for hour, metric, cohort, number, users in rows
    ]
    team.ask(
        lambda connection: connection.executemany(
            """INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id, unit,
                   metric_value, numerator, denominator, sample_count, user_count, users_sketch, revision)
               SELECT $1, $2, $3, $4, $5, '', gen_random_uuid(), CASE WHEN uses THEN 'count' ELSE '%' END,
                   n, CASE WHEN uses THEN n ELSE 0 END, CASE WHEN NOT uses THEN $7::int END, n, $7, $8, 1
               FROM (SELECT $4 = 'feature_usage' AS uses, $6::int AS n) AS of""",
            values,
        )
    )


def changed(number: int) -> dict[str, str]:
    return {"kind": "hour_closed", "first": (FIRST + timedelta(days=number)).isoformat()}


def crowd(day: int, mainstream: int, random: Random) -> Iterable[Row]:
    """A day of 200 users: early adopters come in every hour, the mainstream in one."""
    hours = [FIRST + timedelta(days=day, hours=hour) for hour in range(8, 18)]
    mainstream += random.randint(-8, 8)
    for at, hour in enumerate(hours):
        early = [f"{day}-{n}" for n in range(200 - mainstream)]
        others = [f"{day}-m{n}" for n in range(mainstream) if n % len(hours) == at]
        yield hour, "user_adoption", "early_adopter", 200, UserSet.of(early, KEY)
        yield hour, "user_adoption", "mainstream", 200, UserSet.of(others, KEY)


def assuming(key: str, kind: str, tier: str, *, price: float | None = None, **assumed: Any) -> dict[str, Any]:
    content = {"price": price, "assumptions": [{**assumed, "key": key, "effective_from": FIRST.isoformat()}]}
    return {"key": key, "type": kind, "evidence_tier": tier, "content": content}


def personas(share: float) -> dict[str, Any]:
    mix: dict[str, Any] = {"metric_name": "user_adoption", "unit": "share", "cohort": "mainstream"}
    return assuming("personas", "PERSONA", "E1", **mix, operator=">=", value=share)


def test_a_mix_of_cohorts_that_is_not_as_assumed_is_told(team: Team):
    random = Random(9_700_000)
    team.apply(personas(60))
    came(team, [row for day in range(20) for row in crowd(day, 90, random)])
    team.close(19)
    (report,) = team.reports()
    assert (report["divergence_type"], report["unit"]) == ("PERSONA_MISMATCH", "share")
    assert (report["assumed_value"], report["assumed_number"]) == ("60 %", 60)
    assert report["actual_number"] == pytest.approx(45, abs=1.5)
    assert report["relative_gap"] == pytest.approx(-0.25, abs=0.03)
    assert report["summary"] == (
        f"We assumed that mainstream is at least 60 % of users; in production it is {report['actual_value']}."
    )
    # All users, not the cohort's alone, make the telemetry's tier.
    assert report["user_count"] >= 1000
    assert (report["telemetry_evidence_tier"], report["tier_delta"]) == ("E4", 3)
    assert (report["classification"], report["status"]) == ("MAJOR", "OPEN")
    assert team.alerts() == ["kafka", "webhook"]
    assert team.state()[0] == "DIVERGED"

    # Folded again, the same comes out, and nothing more is sent.
    team.detect(changed(2))
    (again,) = team.reports()
    assert {**again, "updated_at": None} == {**report, "updated_at": None}
    assert team.alerts() == ["kafka", "webhook"]


def test_a_mix_as_assumed_is_not_told_though_others_come_more_often(team: Team):
    random = Random(9_700_001)
    team.apply(personas(60))
    # In each hour the mainstream is one in seven.
    came(team, [row for day in range(20) for row in crowd(day, 128, random)])
    team.close(19)
    assert team.reports() == []
    assert team.state()[0] in {"OK", "LEARNING"}


def pricing(price: float) -> dict[str, Any]:
    response = {"metric_name": "feature_usage", "unit": "elasticity", "value": -1.2, "tolerance": 0.3}
    return assuming("pricing", "PRICING", "E2", price=price, **response, operator="within")


def usage(days: Iterable[int], an_hour: float, random: Random) -> Iterable[Row]:
    users = UserSet.of([f"u{n}" for n in range(1200)], KEY)
    for day in days:
        today = an_hour * random.gauss(1, 0.03)
        for hour in range(10):
            yield FIRST + timedelta(days=day, hours=hour), "feature_usage", "", round(today), users


def deployed(team: Team, version: int, day: int) -> None:
    async def note(connection: asyncpg.Connection) -> None:
        # An approved version is frozen.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE artifact SET deployed_at = $3 WHERE org_id = $1 AND key = 'pricing' AND version = $2",
            *(team.org, version, FIRST + timedelta(days=day)),
        )

    team.ask(note)


def test_demand_that_does_not_answer_to_price_as_assumed_is_told_until_corrected(team: Team):
    random = Random(9_700_002)
    team.apply(pricing(10))
    deployed(team, 1, 0)
    came(team, usage(range(40), 1000, random))
    team.close(39)
    status, verdict = team.state()
    assert (status, verdict["mean"], team.reports()) == ("NOT_IDENTIFIABLE", None, [])
    assert "price has not changed" in verdict["reason"]

    team.apply(pricing(12))
    deployed(team, 2, 40)
    came(team, usage(range(40, 60), 1000, random))
    team.close(59)
    (report,) = team.reports()
    assert (report["divergence_type"], report["unit"]) == ("PRICING_ELASTICITY_MISS", "elasticity")
    assert report["detected_at"] == FIRST + timedelta(days=47)
    assert (report["lane"], report["confidence"], report["days"]) == ("estimate", 0.95, 47)
    assert report["interval_low"] < report["actual_number"] < report["interval_high"]
    assert report["actual_number"] == pytest.approx(0, abs=0.3)
    assert report["interval_low"] > -0.9
    assert report["e_value"] >= report["threshold"] > 0
    assert report["configuration"]
    assert (report["tier_delta"], report["classification"]) == (2, "MINOR")
    assert team.alerts() == ["kafka", "webhook"]
    status, verdict = team.state()
    assert (status, verdict["interval"][0] < 0) == ("DIVERGED", True)

    # Folded again, the same comes out, and nothing more is sent.
    team.detect(changed(42))
    assert [{**each, "updated_at": None} for each in team.reports()] == [{**report, "updated_at": None}]
    assert team.alerts() == ["kafka", "webhook"]

    # It turns out that the new price was not deployed then; and then that it was.
    deployed(team, 2, 60)
    team.close(59)
    (report,) = team.reports()
    assert (report["status"], report["resolution"]) == ("SUPERSEDED", "the prices in force were changed")
    assert team.state()[0] == "NOT_IDENTIFIABLE"
    deployed(team, 2, 40)
    team.close(59)
    assert [(each["id"], each["status"]) for each in team.reports()] == [(report["id"], "OPEN")]
    assert team.alerts() == ["kafka", "webhook"]

    # The counter of the new price had counted a quarter too much.
    team.ask(
        lambda connection: connection.execute(
            """UPDATE telemetry SET numerator = round(numerator * 0.8), revision = 2
               WHERE project_id = $1 AND timestamp >= $2""",
            *(team.project, FIRST + timedelta(days=40)),
        )
    )
    team.detect(changed(40))
    (corrected,) = team.reports()
    assert (corrected["status"], corrected["resolution"]) == ("SUPERSEDED", "telemetry was corrected")
    assert team.state()[0] == "OK"
