"""Reports that share a root, one line each, over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from detectors.incidents import incident_id
from settings import Settings
from storage.database import engine
from tests.integration.conftest import bearer_of
from tests.integration.teams import Team, approve, drafted, opened
from tests.world import HOUR, Place, World, report

ASSUMPTION = {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def watched(team: Team, key: str, project: dict[str, Any]) -> Place:
    """Return an approved artifact with an assumption, in the project."""
    draft = await drafted(team, project, key=key, content={"assumptions": [ASSUMPTION]})
    assert (await approve(team, draft)).status_code == 200
    path = f"projects/{project['id']}/assumptions"
    [assumption] = (await team.read(path, artifact_id=draft["id"]))["items"]
    return Place(
        team.org,
        team.workspace,
        UUID(project["id"]),
        artifact=UUID(draft["id"]),
        assumption=UUID(assumption["id"]),
    )


async def write(world: World, *rows: Any) -> None:
    mighty = engine(world.database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        session.add_all(rows)
    await mighty.dispose()


async def test_reports_that_share_a_root_are_one_incident(team: Team, changing_world: World):
    project = await team.project()
    plans, checkout = [await watched(team, key, project) for key in ("plans", "checkout")]
    root, later, hidden = uuid4(), uuid4(), uuid4()
    one, other, silent = (incident_id(known_by) for known_by in (root, later, hidden))
    day = timedelta(days=1)
    ended: dict[str, Any] = {"status": "RESOLVED", "resolution": "data", "resolved_at": HOUR + 9 * day}
    gone: dict[str, Any] = {"status": "SUPERSEDED", "resolution": "ground", "resolved_at": HOUR}
    await write(
        changing_world,
        report(checkout, HOUR, incident_id=one, classification="MAJOR", **ended),
        report(plans, HOUR + day, id=root, incident_id=one, classification="COSMETIC"),
        report(checkout, HOUR + 2 * day, incident_id=one, classification="MAJOR", **gone),
        report(plans, HOUR + 3 * day, incident_id=one, classification="MAJOR", shadow=True),
        report(checkout, HOUR + 5 * day, id=later, incident_id=other, **ended),
        report(plans, HOUR + 6 * day, id=hidden, incident_id=silent, shadow=True),
        report(plans, HOUR + 7 * day),
    )
    found = (await team.read("incidents"))["items"]
    assert [each["id"] for each in found] == [str(other), str(one)]
    assert found[1] == {
        "id": str(one),
        "org_id": str(team.org),
        "project_id": project["id"],
        "root_report_id": str(root),
        "root_artifact_id": str(plans.artifact),
        "detected_at": HOUR.isoformat().replace("+00:00", "Z"),
        "reports": 2,
        "open_reports": 1,
        "classification": "MAJOR",
    }
    assert (found[0]["root_artifact_id"], found[0]["open_reports"]) == (str(checkout.artifact), 0)
    await _filtered(team, project, one, other)


async def _filtered(team: Team, project: dict[str, Any], one: UUID, other: UUID) -> None:
    async def ids(**filters: Any) -> list[str]:
        return [each["id"] for each in (await team.read("incidents", **filters))["items"]]

    assert await ids(is_open=True) == [str(one)]
    assert await ids(is_open=False) == [str(other)]
    assert await ids(project_id=project["id"], sort="detected_at") == [str(one), str(other)]
    assert await ids(project_id=(await team.project())["id"]) == []
    assert await ids(since=(HOUR + timedelta(days=1)).isoformat()) == [str(other)]
    first = await team.read("incidents", limit=1)
    assert [each["id"] for each in first["items"]] == [str(other)]
    assert await ids(limit=1, cursor=first["next_cursor"]) == [str(one)]


async def test_another_teams_incidents_are_not_listed(team: Team, changing_world: World):
    place, root = changing_world.places["a1"], uuid4()
    later = HOUR + timedelta(days=30)
    await write(changing_world, report(place, later, incident_id=incident_id(root), id=root))
    theirs = {"project_id": str(place.project)}
    assert (await team.read("incidents", **theirs))["items"] == []
    ann = bearer_of(team.settings, changing_world.claims("ann"))
    answer = await team.http.get("/v1/incidents", headers=ann, params=theirs)
    assert [each["root_report_id"] for each in answer.json()["items"]] == [str(root)]
