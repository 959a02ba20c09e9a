"""Oneself, the organisation and its members, over HTTP on real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.integration.people.conftest import member, patched, refused_at, tag_of
from tests.integration.teams import Team, slug

# oneself


async def test_people_change_their_own_name(team: Team):
    tag = await tag_of(team, "vic", "me")
    changed = await patched(team, "vic", "me", tag, full_name="Victoria")
    assert (changed.status_code, changed.json()["full_name"]) == (200, "Victoria")
    assert changed.headers["etag"].strip('"') == await tag_of(team, "vic", "me") != tag
    assert (await team.read("me"))["full_name"] == "Victoria"
    assert slug(await patched(team, "vic", "me", tag, full_name="Late"), 412) == "stale"
    anyhow = await team.ask("vic", "PATCH", "me", json={"full_name": "Anyhow"})
    assert slug(anyhow, 428) == "if-match-required"
    assert (await team.read("me", "max"))["full_name"] == "max"
    # In every organisation they are the same person: a token of a workspace is good enough.
    headers = {"If-Match": "*"}
    confined = await team.ask(
        "max", "PATCH", "me", workspace=team.workspace, headers=headers, json={"full_name": "Maximilian"}
    )
    assert confined.json()["workspace_id"] == str(team.workspace)


async def test_me_is_new_when_anything_of_it_is(team: Team):
    """304 may not hide a role that was taken away."""

    async def known(tag: str) -> int:
        answer = await team.ask("max", "GET", "me", headers={"If-None-Match": f'"{tag}"'})
        return answer.status_code

    first = await tag_of(team, "max", "me")
    assert await known(first) == 304
    await patched(team, "ann", member(team, "max"), "1", role_in_org="VIEWER")
    assert await known(first) == 200
    second = await tag_of(team, "max", "me")
    await patched(team, "ann", "organization", "1", name="Renamed")
    assert await known(second) == 200
    third = await tag_of(team, "max", "me")
    assert await known(third) == 304
    await patched(team, "max", "me", third, full_name="Maximilian")
    assert await known(third) == 200


BAD_NAMES: list[tuple[dict[str, Any], str]] = [
    ({"full_name": "M"}, "body.full_name"),
    ({"full_name": "M" * 101}, "body.full_name"),
    ({"full_name": None}, "body.full_name"),
    ({}, "body.full_name"),
    ({"full_name": "Max", "email": "x@y.example"}, "body.email"),
    ({"full_name": "Max", "role_in_org": "ADMIN"}, "body.role_in_org"),
]


async def test_a_change_of_me_that_is_not_valid(team: Team):
    for body, path in BAD_NAMES:
        assert refused_at(await patched(team, "max", "me", "1", **body)) == [path], body
    for length in (2, 100):
        assert (
            await patched(team, "max", "me", await tag_of(team, "max", "me"), full_name="x" * length)
        ).is_success


# the organisation


async def test_the_organisation_says_what_its_tier_allows(team: Team, other: Team):
    for who in ("ann", "vic"):
        read = await team.read("organization", who)
        assert (read["id"], read["subscription_tier"], read["version"]) == (str(team.org), "BASIC", 1)
        assert (read["max_projects"], read["max_agents_per_project"]) == (3, 1)
    assert (await other.read("organization"))["max_projects"] is None


async def test_an_admin_changes_name_and_time_zone(team: Team):
    changed = await patched(team, "ann", "organization", "1", name="Acme & Co", timezone="Europe/Vienna")
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["name"], changed.json()["timezone"]) == ("Acme & Co", "Europe/Vienna")
    again = await patched(team, "ann", "organization", "2", timezone="UTC")
    assert (again.json()["name"], again.json()["timezone"]) == ("Acme & Co", "UTC")
    assert await team.read("organization") == again.json()
    assert slug(await patched(team, "ann", "organization", "2", name="Late"), 412) == "stale"
    missing = await team.ask("ann", "PATCH", "organization", json={"name": "Anyhow"})
    assert slug(missing, 428) == "if-match-required"


BAD_ORGANIZATIONS: list[tuple[dict[str, Any], str]] = [
    ({"name": "ab"}, "body.name"),
    ({"name": "a" * 101}, "body.name"),
    ({"name": None}, "body.name"),
    ({"timezone": "Europe/Atlantis"}, "body.timezone"),
    ({"timezone": "CET+1"}, "body.timezone"),
    ({"timezone": "+02:00"}, "body.timezone"),
    ({"timezone": "europe/vienna"}, "body.timezone"),
    ({"timezone": "../etc/passwd"}, "body.timezone"),
    # Python knows it, from the machine; PostgreSQL does not, and days are formed there.
    ({"timezone": "localtime"}, "body.timezone"),
    ({"timezone": ""}, "body.timezone"),
    ({"alarms_per_year": 0}, "body.alarms_per_year"),
    ({"alarms_per_year": 365.5}, "body.alarms_per_year"),
    ({"alarms_per_year": "1"}, "body.alarms_per_year"),
    ({"alarms_per_year": True}, "body.alarms_per_year"),
    ({"alarms_per_year": None}, "body.alarms_per_year"),
    ({"subscription_tier": "ENTERPRISE"}, "body.subscription_tier"),
    ({"slug": "another"}, "body.slug"),
    ({"max_projects": 9}, "body.max_projects"),
    ({}, "body"),
]


async def test_a_change_of_the_organisation_that_is_not_valid(team: Team):
    for body, path in BAD_ORGANIZATIONS:
        assert refused_at(await patched(team, "ann", "organization", "1", **body)) == [path], body
    assert (await team.read("organization"))["version"] == 1


async def test_a_time_zone_that_our_days_cannot_be_formed_in_is_refused(team: Team):
    """By name, before the database is asked: a name of Python's and the machine's is none of everybody's."""
    for zone in ("Europe/Atlantis", "localtime", "CET+1"):
        (error,) = (await patched(team, "ann", "organization", "1", timezone=zone)).json()["errors"]
        assert error["message"].startswith("this is no IANA time zone"), zone


async def test_a_time_zone_that_the_database_lacks_is_refused(team: Team, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.schemas.people._zones", lambda: {"Europe/Atlantis", "Europe/Vienna"})
    answer = await patched(team, "ann", "organization", "1", timezone="Europe/Atlantis")
    assert refused_at(answer) == ["body.timezone"]
    assert "the database does not know" in answer.json()["errors"][0]["message"]
    assert (await patched(team, "ann", "organization", "1", timezone="Europe/Vienna")).is_success


@pytest.mark.parametrize("path", ["organization", "member", "invitation"])
async def test_what_concerns_all_is_an_admins_and_no_token_of_one_workspace(team: Team, path: str):
    method, where, body = {
        "organization": ("PATCH", "organization", {"name": "Renamed"}),
        "member": ("PATCH", member(team, "vic"), {"role_in_org": "MEMBER"}),
        "invitation": ("POST", "invitations", {"email": "new@x.example", "role_in_org": "VIEWER"}),
    }[path]

    async def tried(who: str, workspace: UUID | None = None) -> httpx.Response:
        headers = {"If-Match": "*"}
        return await team.ask(who, method, where, workspace=workspace, headers=headers, json=body)

    for who in ("max", "vic"):
        refused = await tried(who)
        assert slug(refused, 403) == "role-too-low"
        assert refused.json()["detail"] == "this asks for ADMIN"
    refused = await tried("ann", team.workspace)
    assert slug(refused, 403) == "role-too-low"
    assert "names no workspace" in refused.json()["detail"]
    assert (await tried("ann")).is_success


# members


@pytest.mark.usefixtures("other")
async def test_members_are_listed_filtered_sorted_and_turned(team: Team):
    listed = (await team.read("members", sort="full_name"))["items"]
    assert [(one["full_name"], one["role_in_org"]) for one in listed] == [
        ("ann", "ADMIN"),
        ("max", "MEMBER"),
        ("vic", "VIEWER"),
    ]
    assert {one["user_id"] for one in listed} == {str(user) for user in team.people.values()}
    assert {(one["org_id"], one["removed_at"], one["version"]) for one in listed} == {
        (str(team.org), None, 1)
    }
    admins = (await team.read("members", role_in_org="ADMIN"))["items"]
    assert [one["full_name"] for one in admins] == ["ann"]
    future = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert (await team.read("members", since=future))["items"] == []
    for sort in ("email", "-email", "created_at", "-created_at", "full_name", "-full_name"):
        found: list[Any] = []
        cursor: dict[str, Any] = {}
        for _ in range(3):
            page = await team.read("members", sort=sort, limit=1, **cursor)
            found += page["items"]
            cursor = {"cursor": page["next_cursor"]}
        assert cursor == {"cursor": None}
        assert found == (await team.read("members", sort=sort))["items"]
        assert len({one["user_id"] for one in found}) == 3


async def test_a_member_is_read_and_is_new_when_their_name_is(team: Team, other: Team):
    path = member(team, "max")
    read = await team.ask("vic", "GET", path)
    assert read.json()["full_name"] == "max"
    assert read.json()["email"].endswith("@teams.example")
    known = {"If-None-Match": read.headers["etag"]}
    assert (await team.ask("vic", "GET", path, headers=known)).status_code == 304
    await patched(team, "max", "me", "1", full_name="Maximilian")
    assert (await team.ask("vic", "GET", path, headers=known)).json()["full_name"] == "Maximilian"
    # Their name is theirs: it does not stand in the way of whoever gives them another role.
    assert (await patched(team, "ann", path, "1", role_in_org="VIEWER")).is_success
    for nobody in (member(other, "max"), f"members/{uuid4()}"):
        assert slug(await team.ask("vic", "GET", nobody), 404) == "not-found"


async def test_another_role_holds_at_the_next_request(team: Team):
    new = {"name": "Another team"}
    changed = await patched(team, "ann", member(team, "max"), "1", role_in_org="VIEWER")
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2.1"')
    assert (changed.json()["role_in_org"], changed.json()["full_name"]) == ("VIEWER", "max")
    assert slug(await team.ask("max", "POST", "workspaces", json=new), 403) == "role-too-low"
    assert (await patched(team, "ann", member(team, "max"), "2", role_in_org="ADMIN")).is_success
    assert (await patched(team, "max", "organization", "1", name="Renamed")).is_success
    stale = await patched(team, "ann", member(team, "max"), "1", role_in_org="VIEWER")
    assert slug(stale, 412) == "stale"
    assert (await team.read("me", "max"))["role_in_org"] == "ADMIN"


async def test_a_removed_member_is_out_at_the_next_request(team: Team):
    assert (await team.ask("max", "GET", "projects")).status_code == 200
    removed = await team.ask("ann", "DELETE", member(team, "max"), match="1")
    assert (removed.status_code, removed.content) == (204, b"")
    for path in ("projects", "me", "members"):
        assert slug(await team.ask("max", "GET", path), 403) == "not-a-member"
    standing = (await team.read("members"))["items"]
    assert {one["full_name"] for one in standing} == {"ann", "vic"}
    everybody = (await team.read("members", include_removed=True))["items"]
    assert [one["full_name"] for one in everybody if one["removed_at"]] == ["max"]
    ended = await team.read(member(team, "max"))
    assert ended["removed_at"] is not None
    for again in (
        await team.ask("ann", "DELETE", member(team, "max"), match="2"),
        await patched(team, "ann", member(team, "max"), "2", role_in_org="ADMIN"),
    ):
        assert slug(again, 409) == "conflict"
        assert again.json()["detail"] == "the membership has ended: invite the person again"


async def test_a_removal_asks_for_the_version_that_was_read(team: Team):
    await patched(team, "ann", member(team, "max"), "1", role_in_org="VIEWER")
    assert slug(await team.ask("ann", "DELETE", member(team, "max")), 428) == "if-match-required"
    assert slug(await team.ask("ann", "DELETE", member(team, "max"), match="1"), 412) == "stale"
    assert (await team.read("me", "max"))["role_in_org"] == "VIEWER"


async def test_the_last_admin_stays_over_http(team: Team):
    for answer in (
        await patched(team, "ann", member(team, "ann"), "1", role_in_org="MEMBER"),
        await team.ask("ann", "DELETE", member(team, "ann"), match="1"),
    ):
        assert slug(answer, 409) == "last-admin"
    assert (await patched(team, "ann", member(team, "max"), "1", role_in_org="ADMIN")).is_success
    assert (await team.ask("ann", "DELETE", member(team, "ann"), match="1")).status_code == 204
    assert slug(await team.ask("ann", "GET", "me"), 403) == "not-a-member"


async def test_nobody_outside_is_a_member_to_change(team: Team, other: Team):
    told = []
    for user in (other.people["vic"], uuid4()):
        for method, body in (("PATCH", {"role_in_org": "ADMIN"}), ("DELETE", None)):
            answer = await team.ask("ann", method, f"members/{user}", match="1", json=body)
            told.append((slug(answer, 404), answer.json()["detail"]))
    assert set(told) == {("not-found", "there is no such member")}
    assert (await other.read("me", "vic"))["role_in_org"] == "VIEWER"


async def test_a_role_is_one_of_three(team: Team):
    for role in ("OWNER", "admin", None, ""):
        answer = await patched(team, "ann", member(team, "max"), "1", role_in_org=role)
        assert refused_at(answer) == ["body.role_in_org"]
