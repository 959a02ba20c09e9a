"""What holds for every list: its orders, its pages, its cursors; and for every example of the document."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from api.app import application
from api.openapi import document
from settings import Settings
from storage.database import engine
from tests.integration.teams import Team, drafted, opened, slug, workspace
from tests.world import HOUR, Place, World, assumption, report


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


# sorting and pages


async def ids(team: Team, path: str, **filters: Any) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await team.read(path, **filters, **cursor)
        found += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_a_list_is_sorted_as_asked_both_ways_and_in_pages(team: Team):
    made = [await team.project(name=name) for name in ("Beta", "Älpha", "alpha", "Gamma")]
    await team.ask("max", "PATCH", f"projects/{made[0]['id']}", match=1, json={"description": "later"})
    by = {each["name"]: each["id"] for each in made}
    whole = {
        "created_at": [each["id"] for each in made],
        "updated_at": [each["id"] for each in (*made[1:], made[0])],
    }
    for sort, expected in whole.items():
        for limit in (1, 3, 200):
            assert await ids(team, "projects", sort=sort, limit=limit) == expected
            assert await ids(team, "projects", sort=f"-{sort}", limit=limit) == expected[::-1]
    named = await ids(team, "projects", sort="name")
    assert await ids(team, "projects", sort="name", limit=1) == named
    assert await ids(team, "projects", sort="-name", limit=2) == named[::-1]
    assert named.index(by["Beta"]) < named.index(by["Gamma"])
    assert await ids(team, "projects") == whole["created_at"][::-1], "newest first by default"


async def test_since_is_inclusive(team: Team):
    made = [await team.project() for _ in range(3)]
    found = await ids(team, "projects", since=made[1]["created_at"], sort="created_at")
    assert found == [each["id"] for each in made[1:]]


async def test_a_cursor_belongs_to_one_list_in_one_order(team: Team):
    for _ in range(2):
        await team.project()
        await team.made("workspaces", **workspace())
    cursor = (await team.read("projects", limit=1, sort="created_at"))["next_cursor"]
    assert (await team.read("projects", sort="created_at", cursor=cursor))["items"]
    for path, sort in (
        ("projects", "-created_at"),
        ("projects", "updated_at"),
        ("projects", "name"),
        ("workspaces", "created_at"),
    ):
        answer = await team.ask("vic", "GET", path, params={"sort": sort, "cursor": cursor})
        assert slug(answer, 422) == "invalid-request"
        assert [error["path"] for error in answer.json()["errors"]] == ["query.cursor"]


async def test_what_a_list_cannot_be_sorted_by_is_refused(team: Team):
    for sort in ("", "-", "org_id", "--name", "name,created_at", "NAME"):
        answer = await team.ask("vic", "GET", "projects", params={"sort": sort})
        assert slug(answer, 422) == "invalid-request"
        assert [error["path"] for error in answer.json()["errors"]] == ["query.sort"]


async def reported(world: World, team: Team, project: Any, artifact: Any) -> UUID:
    place = Place(team.org, team.workspace, UUID(project["id"]), artifact=UUID(artifact["id"]))
    async with (
        AsyncSession(engine(world.database.superuser_url, poolclass=NullPool)) as session,
        session.begin(),
    ):
        for row in (assumption(place), report(place, HOUR, id=place.report)):
            session.add(row)
            await session.flush()
    return place.report


async def test_every_list_has_each_of_its_orders(changing_world: World, team: Team):
    """Asked of the document, so that a new list is asked too."""
    project = await team.project()
    artifact = await drafted(team, project)
    ids = {
        "project_id": project["id"],
        "artifact_id": artifact["id"],
        "report_id": await reported(changing_world, team, project, artifact),
    }
    for path, methods in document(application())["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["name"] == "sort":
                for sort in parameter["schema"]["enum"]:
                    named = path.removeprefix("/v1/").format(**ids)
                    await team.read(named, who="ann", sort=sort)


# the document


def test_every_example_is_one():
    described = document(application())
    parts = [
        part.get("content", {}).get("application/json")
        for methods in described["paths"].values()
        for operation in methods.values()
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
    ]
    bodies = [part for part in parts if part]
    for body in bodies:
        schema = {**body["schema"], "components": described["components"]}
        Draft202012Validator(schema).validate(body["example"])
    assert len(bodies) > 30
