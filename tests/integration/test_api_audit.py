"""What requests leave in the audit log: why, from where and with what, and how it is read."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from settings import Settings
from tests.integration.teams import Team, opened
from tests.world import World

RATIONALE = "Augentis-Rationale"


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as opened_:
        yield opened_


async def newest(team: Team, **filters: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await team.read("audit-log", "ann", limit=1, **filters))["items"][0]
    return found


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("PRD meets all VCD indicators", "PRD meets all VCD indicators"),
        (quote("Größe geändert, 100 %"), "Größe geändert, 100 %"),
        ("Größe geändert".encode(), "Größe geändert"),
        ("  ", None),
        (quote("ä" * 1000), "ä" * 1000),
    ],
)
async def test_a_change_is_told_with_the_reason_that_its_header_gives(
    team: Team, sent: str | bytes, told: str | None
):
    headers: dict[Any, Any] = {RATIONALE: sent, "User-Agent": "Firefox " + 600 * "x"}
    project = await team.project()
    answer = await team.ask(
        "max", "PATCH", f"projects/{project['id']}", match=1, json={"name": "Another"}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    entry = await newest(team, resource_id=project["id"])
    assert entry["rationale"] == told
    assert (entry["ip_address"], entry["user_agent"]) == ("127.0.0.1", ("Firefox " + 600 * "x")[:500])
    assert (entry["actor_kind"], entry["actor_id"]) == ("user", str(team.people["max"]))
    assert (entry["changes_after"], entry["is_erased"]) == ({"name": "Another"}, False)


@pytest.mark.parametrize("sent", [quote("ä" * 1001), "%FF", b"\xff", "%00"])
async def test_a_reason_that_is_none_is_refused_and_nothing_changed(team: Team, sent: str | bytes):
    headers: dict[Any, Any] = {RATIONALE: sent}
    body = {
        "workspace_id": str(team.workspace),
        "name": "A project",
        "problem_statement": "It takes too long.",
    }
    answer = await team.ask("max", "POST", "projects", json=body, headers=headers)
    assert answer.status_code == 422
    assert f"header.{RATIONALE}" in answer.text
    assert (await team.read("projects"))["items"] == []


async def test_where_somebody_says_they_are_is_not_believed(team: Team):
    headers = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"}
    await team.ask("ann", "PATCH", "organization", match=1, json={"name": "Renamed"}, headers=headers)
    assert (await newest(team))["ip_address"] == "127.0.0.1"


async def test_what_is_a_persons_is_shown_as_it_was_told_and_kept_apart(team: Team, changing_world: World):
    answer = await team.ask(
        "ann", "POST", "invitations", json={"email": "new@people.example", "role_in_org": "MEMBER"}
    )
    assert answer.status_code == 201, answer.text
    entry = await newest(team, resource_type="Invitation", action="CREATE")
    assert entry["changes_after"]["email"] == "new@people.example"
    async with changing_world.database.superuser() as connection:
        row = await connection.fetchrow(
            "SELECT changes_after ? 'email' AS has FROM audit_log WHERE id = $1", entry["id"]
        )
        assert row is not None
        assert not row["has"]
        await connection.execute("SELECT auth.erase_personal($1)", team.people["ann"])
    erased = await newest(team, resource_type="Invitation")
    assert (erased["ip_address"], erased["user_agent"], erased["is_erased"]) == (None, None, True)
    assert erased["changes_after"]["email"] == "new@people.example", "it is another's"


async def test_the_log_is_filtered_and_paged_by_time(team: Team):
    projects = [await team.project() for _ in range(3)]
    await team.ask("max", "PATCH", f"projects/{projects[1]['id']}", match=1, json={"description": "New"})
    mine = {"actor_id": str(team.people["max"]), "resource_type": "Project"}
    page = await team.read("audit-log", "ann", limit=2, **mine)
    assert [entry["action"] for entry in page["items"]] == ["UPDATE", "CREATE"]
    rest = await team.read("audit-log", "ann", cursor=page["next_cursor"], **mine)
    assert [entry["resource_id"] for entry in rest["items"]] == [project["id"] for project in projects[1::-1]]
    since = page["items"][0]["timestamp"]
    assert len((await team.read("audit-log", "ann", since=since, **mine))["items"]) == 1
    assert (await team.read("audit-log", "ann", action="APPROVE"))["items"] == []
