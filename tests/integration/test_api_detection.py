"""What the API says of detection: how assumptions stand, what reports rest on, what alarms may cost."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from settings import Settings
from tests.integration.teams import Team, approve, drafted, opened, slug
from tests.integration.test_api import add
from tests.world import Place, World, report

ASSUMPTION = {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60, "unit": "%"}
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
VERDICT = {
    "status": "WATCH",
    "e_value": 412.5,
    "threshold": 1095.0,
    "bound": 60.0,
    "mean": 57.25,
    "deviation": 1.5,
    "interval": [55.5, None],
}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def watched(team: Team, **more: Any) -> dict[str, Any]:
    """Return a new project's one assumption."""
    project = await team.project()
    draft = await drafted(team, project, content={"assumptions": [{**ASSUMPTION, **more}]})
    assert (await approve(team, draft)).status_code == 200
    [item] = (await team.read(f"projects/{project['id']}/assumptions"))["items"]
    assert item == await team.read(f"assumptions/{item['id']}")
    return dict(item)


async def told(world: World, item: dict[str, Any], **more: Any) -> UUID:
    """Put a report about the assumption there, and return its id."""
    place = Place(
        UUID(item["org_id"]),
        uuid4(),
        project=UUID(item["project_id"]),
        artifact=UUID(item["artifact_id"]),
        assumption=UUID(item["id"]),
        report=uuid4(),
    )
    await add(world, report(place, **{"detected_at": NOW, "id": place.report, **more}))
    return place.report


async def judged(world: World, item: dict[str, Any], status: str, verdict: dict[str, Any] | None) -> None:
    async with world.database.superuser() as connection:
        await connection.execute(
            """INSERT INTO detector_state (org_id, assumption_id, project_id, state, status, folded_through,
                                           telemetry_revisions, verdict)
               VALUES ($1, $2, $3, '{}', $4, '2026-11-20', 0, $5)""",
            *(UUID(item[name]) for name in ("org_id", "id", "project_id")),
            status,
            json.dumps(verdict) if verdict else None,
        )


async def test_an_assumption_says_what_detection_knows(team: Team, changing_world: World):
    item = await watched(team)
    assert (item["detector"], item["in_launch_grace"], item["in_shadow"]) == (None, False, False)
    await judged(changing_world, item, "NO_DATA", VERDICT)
    detector = (await team.read(f"assumptions/{item['id']}"))["detector"]
    assert detector == {
        "status": "NO_DATA",
        "folded_through": "2026-11-20",
        "diverged_since": None,
        "e_value": 412.5,
        "threshold": 1095.0,
        "mean": 57.25,
        "deviation": 1.5,
        "interval_low": 55.5,
        "interval_high": None,
    }
    await told(changing_world, item, detected_at=NOW - DAY)
    await told(changing_world, item, status="RESOLVED")
    [listed] = (await team.read(f"projects/{item['project_id']}/assumptions"))["items"]
    assert listed["detector"] == detector | {"diverged_since": f"{NOW - DAY:%Y-%m-%dT%H:%M:%SZ}"}


async def test_an_assumption_of_which_nothing_was_said_yet(team: Team, changing_world: World):
    item = await watched(team)
    await judged(changing_world, item, "LEARNING", None)
    detector = (await team.read(f"assumptions/{item['id']}"))["detector"]
    assert (detector["status"], detector["folded_through"]) == ("LEARNING", "2026-11-20")
    assert {detector[name] for name in ("e_value", "mean", "interval_low", "diverged_since")} == {None}


async def test_grace_and_shadow_end(team: Team):
    for began, grace, shadow, expected in (
        (6.9, 7, 0, (True, False)),
        (6.9, 0, 7, (False, True)),
        (7.1, 7, 7, (False, False)),
        (-1, 7, 7, (False, False)),
    ):
        since = (NOW - began * DAY).isoformat()
        item = await watched(team, effective_from=since, launch_grace_days=grace, shadow_days=shadow)
        assert (item["in_launch_grace"], item["in_shadow"]) == expected, began


async def test_what_a_report_rests_on(team: Team, changing_world: World):
    grounds = {
        "interval_low": 40.5,
        "interval_high": 43.5,
        "confidence": 0.95,
        "days": 11,
        "lane": "fast",
        "configuration": "c0ffee",
        "telemetry_revisions": 264,
        "telemetry_digest": "ab" * 32,
        "launch": True,
    }
    item = await watched(team)
    incident, other = uuid4(), uuid4()
    one = await told(changing_world, item, **grounds, incident_id=incident)
    plain = await told(changing_world, item, detected_at=NOW - DAY, status="SUPERSEDED", incident_id=other)
    silent = await told(changing_world, item, detected_at=NOW - 2 * DAY, shadow=True, incident_id=incident)

    async def found(**filters: Any) -> list[UUID]:
        items = (await team.read("divergence-reports", **filters))["items"]
        return [UUID(each["id"]) for each in items]

    full = await team.read(f"divergence-reports/{one}")
    assert full | grounds | {"incident_id": str(incident), "shadow": False} == full
    bare = await team.read(f"divergence-reports/{plain}")
    assert (bare["lane"], bare["days"], bare["interval_low"], bare["launch"]) == ("daily", 0, None, False)
    assert await found() == [one, plain]
    assert await found(shadow=False) == [one, plain]
    assert await found(shadow=True) == [silent]
    assert await found(incident_id=incident) == [one]
    assert await found(status="SUPERSEDED") == [plain]
    assert (await team.read(f"divergence-reports/{silent}"))["shadow"] is True


async def test_the_alarm_budget_is_shared_and_told(team: Team, changing_world: World):
    empty = await team.read("organization/alarm-budget")
    assert (empty["live_assumptions"], empty["share"], empty["alarms"]) == (0, None, 0)
    item = await watched(team)
    await watched(team, shadow_days=14)
    later = await watched(team, effective_from=(NOW + DAY).isoformat())
    ended = await watched(team)
    newer = await drafted(team, {"id": ended["project_id"]}, content={})
    assert (await approve(team, newer)).status_code == 200
    changed = await team.ask("ann", "PATCH", "organization", match=1, json={"alarms_per_year": 3})
    assert changed.json()["alarms_per_year"] == 3

    counted: list[dict[str, Any]] = [
        {},
        {"status": "SUPERSEDED"},
        {"launch": True},
        {"shadow": True},
        {"shadow": True, "launch": True},
        {"historical": True},
        {"detected_at": NOW - 366 * DAY},
    ]
    for minute, more in enumerate(counted):
        await told(changing_world, item, **{"detected_at": NOW - timedelta(minutes=minute), **more})
    budget = await team.read("organization/alarm-budget")
    since = datetime.fromisoformat(budget.pop("since"))
    assert abs(NOW - since - 365 * DAY) < timedelta(minutes=10)
    assert budget == {
        "alarms_per_year": 3.0,
        "live_assumptions": 2,
        "shadow_assumptions": 1,
        "share": 1.5,
        "alarms": 2,
        "launch_alarms": 1,
        "shadow_alarms": 2,
    }
    shares = {
        name: (await team.read(f"assumptions/{each['id']}"))["alarms_per_year"]
        for name, each in {"live": item, "later": later, "ended": ended}.items()
    }
    assert shares == {"live": 1.5, "later": None, "ended": None}


async def test_who_sees_a_part_of_the_organisation_is_told_no_share_of_the_whole(team: Team):
    item = await watched(team)
    path = f"assumptions/{item['id']}"
    assert (await team.ask("vic", "GET", path, workspace=team.workspace)).json()["alarms_per_year"] is None
    assert item["alarms_per_year"] == 1.0
    refused = await team.ask("ann", "GET", "organization/alarm-budget", workspace=team.workspace)
    assert slug(refused, 403) == "role-too-low"
