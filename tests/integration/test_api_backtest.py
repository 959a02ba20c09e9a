"""An assumption tried on stored telemetry over HTTP: when it would have fired, and what cannot be tried."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from settings import Settings
from tests.integration.teams import Team, opened
from tests.world import World

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAYS, BROKE = 100, 60
ADOPTION = {
    "key": "adoption", "metric_name": "user_adoption", "cohort": "mainstream", "operator": ">=", "value": 60,
}  # fmt: skip
FILL = """
    INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id,
        metric_value, unit, numerator, denominator, sample_count, user_count, revision)
    SELECT $1, $2, hour, 'user_adoption', cohort, '', gen_random_uuid(), v, '%', v, 100, 100, 0, 1
    FROM generate_series($3::timestamptz, $4::timestamptz, '1 hour') AS hour,
         unnest(ARRAY['mainstream', 'enterprise']) AS cohort,
         LATERAL (SELECT (CASE WHEN cohort = 'mainstream' AND hour >= $5 THEN 45 ELSE 63 END)
                         + (extract(epoch FROM hour)::bigint / 3600 * 7919 % 5)::int - 2 AS v) AS found
"""


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


@pytest.fixture
async def project(team: Team, changing_world: World) -> str:
    """A project with a hundred days of telemetry; one cohort falls on day 60."""
    project_id: str = (await team.project())["id"]
    begins = TODAY - timedelta(days=DAYS)
    async with changing_world.database.superuser() as connection:
        months = [(begins + timedelta(days=31 * number)).date().replace(day=1) for number in range(5)]
        await connection.execute("SELECT ensure_partitions(ARRAY['telemetry'], $1::date[])", months)
        await connection.execute(
            FILL, team.org, project_id, begins, TODAY - timedelta(hours=1), begins + timedelta(days=BROKE)
        )
    return project_id


async def tried(team: Team, project: str, item: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await team.ask("vic", "POST", f"projects/{project}/backtests", json={"assumption": item, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_it_says_when_it_would_have_fired(team: Team, project: str):
    found = await tried(team, project, ADOPTION)
    broke = TODAY - timedelta(days=DAYS - BROKE)
    assert (found["fired"], found["assumption_key"]) == (1, "adoption")
    assert (found["first_day"], found["last_day"]) == (
        f"{TODAY - timedelta(days=DAYS):%Y-%m-%d}",
        f"{TODAY - timedelta(days=1):%Y-%m-%d}",
    )
    (event,) = (each for each in found["events"] if each["event"] == "notify")
    assert broke < datetime.fromisoformat(event["at"]) <= broke + timedelta(days=3)
    assert event["state"] == "DIVERGED"
    assert f"once in {DAYS} days, on" in found["summary"]


async def test_other_cohorts_and_later_days_say_nothing(team: Team, project: str):
    sound = await tried(team, project, ADOPTION | {"cohort": "enterprise"})
    assert (sound["fired"], sound["summary"]) == (0, f"It would not have fired in {DAYS} days.")
    since = (TODAY - timedelta(days=20)).isoformat()
    late = await tried(team, project, ADOPTION, since=since)
    assert late["first_day"] == since[:10]
    assert late["fired"] == 1
    none = await tried(team, project, ADOPTION | {"cohort": "nobody"})
    assert (none["first_day"], none["events"]) == (None, [])


async def test_hours_that_were_taken_out_are_left_out(team: Team, project: str):
    window = {
        "starts_at": (TODAY - timedelta(days=DAYS - BROKE)).isoformat(),
        "ends_at": TODAY.isoformat(),
        "kind": "INCIDENT",
        "reason": "the import was broken",
    }
    await team.made(f"projects/{project}/exclusions", **window)
    assert (await tried(team, project, ADOPTION))["fired"] == 0


async def test_a_draft_is_tried_before_it_is_approved(team: Team, project: str):
    price = {
        "key": "price",
        "metric_name": "user_adoption",
        "operator": ">=",
        "value": -1,
        "unit": "elasticity",
    }
    content = {"assumptions": [ADOPTION, ADOPTION | {"key": "low", "value": 40}, price]}
    draft = await team.made(f"projects/{project}/artifacts", type="PRD", content=content)
    found = await team.read(f"artifacts/{draft['id']}/backtest")
    assert [(each["assumption_key"], each["fired"]) for each in found["backtests"]] == [
        ("adoption", 1),
        ("low", 0),
    ]
    assert found["not_tested"] == ["price"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"assumption": ADOPTION | {"value": 160}}, "body.assumption"),
        ({"assumption": ADOPTION | {"value": -1, "unit": "elasticity"}}, "body.assumption.unit"),
        ({"since": "2020-01-01T00:00:00Z"}, "body.since"),
        ({"alarms_per_year": 0}, "body.alarms_per_year"),
    ],
)
async def test_what_cannot_be_tried_is_said_with_its_path(
    team: Team, project: str, change: dict[str, Any], path: str
):
    body = {"assumption": ADOPTION} | change
    answer = await team.ask("vic", "POST", f"projects/{project}/backtests", json=body)
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["errors"]] == [path]
