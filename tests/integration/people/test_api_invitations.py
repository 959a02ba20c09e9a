"""Who is invited to an organisation, over HTTP on real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from storage.entities import signing_in
from storage.tenancy import Identity
from tests.databases import Database
from tests.integration.people.conftest import member, refused_at
from tests.integration.teams import Team, slug


async def invite(team: Team, email: str, role: str = "MEMBER", who: str = "ann") -> httpx.Response:
    return await team.ask(who, "POST", "invitations", json={"email": email, "role_in_org": role})


async def accept(database: Database, email: str, invitation: str) -> UUID:
    identity = Identity("google", f"of {email}".lower(), email, "Somebody New")
    async with database.sessions() as sessions:
        return await signing_in.accept(sessions, identity, UUID(invitation))


def address() -> str:
    return f"new-{uuid4()}@x.example"


async def test_an_invitation_is_made_read_accepted(team: Team, database: Database):
    email = address()
    made = await invite(team, email, "VIEWER")
    body = made.json()
    assert made.status_code == 201
    assert made.headers["location"] == f"/v1/invitations/{body['id']}"
    assert (body["email"], body["role_in_org"], body["status"]) == (email, "VIEWER", "PENDING")
    assert body["invited_by"] == str(team.people["ann"])
    life = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"])
    assert life == timedelta(days=7)
    assert await team.read(f"invitations/{body['id']}", "ann") == body
    assert await accept(database, email, body["id"]) == team.org
    after = await team.read(f"invitations/{body['id']}", "ann")
    assert after["status"] == "ACCEPTED"
    joined = await team.read(f"members/{after['accepted_by']}")
    assert (joined["email"], joined["role_in_org"], joined["full_name"]) == (email, "VIEWER", "Somebody New")
    refused = await team.ask("ann", "DELETE", f"invitations/{body['id']}")
    assert slug(refused, 409) == "conflict"
    assert refused.json()["detail"] == "it was accepted: remove the member instead"


async def test_an_address_is_invited_once_at_a_time_over_http(team: Team, other: Team):
    email = address()
    first = (await invite(team, email)).json()
    again = await invite(team, email.upper())
    assert slug(again, 409) == "conflict"
    assert again.json()["detail"] == "an invitation for this address is pending"
    assert (await invite(other, email)).status_code == 201
    revoked = await team.ask("ann", "DELETE", f"invitations/{first['id']}")
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert (await invite(team, email)).status_code == 201
    # Revoking it again changes nothing.
    revoked_at = (await team.read(f"invitations/{first['id']}", "ann"))["revoked_at"]
    assert (await team.ask("ann", "DELETE", f"invitations/{first['id']}")).status_code == 204
    assert (await team.read(f"invitations/{first['id']}", "ann"))["revoked_at"] == revoked_at is not None


async def test_a_member_is_not_invited_until_removed(team: Team):
    email = (await team.read("me", "max"))["email"]
    for written in (email, email.upper()):
        answer = await invite(team, written)
        assert slug(answer, 409) == "conflict"
        assert answer.json()["detail"] == "this address is a member's"
    await team.ask("ann", "DELETE", member(team, "max"), match="1")
    assert (await invite(team, email)).status_code == 201


async def test_an_expired_invitation_makes_room(team: Team, database: Database):
    email = address()
    first = (await invite(team, email)).json()
    async with database.superuser() as connection:
        await connection.execute("UPDATE invitation SET expires_at = now() WHERE id = $1", UUID(first["id"]))
    assert (await team.read(f"invitations/{first['id']}", "ann"))["status"] == "EXPIRED"
    assert (await invite(team, email)).status_code == 201
    assert (await team.read(f"invitations/{first['id']}", "ann"))["status"] == "REVOKED"


async def test_invitations_are_listed_by_what_has_become_of_them(team: Team, database: Database):
    made = {}
    for status in ("PENDING", "ACCEPTED", "REVOKED", "EXPIRED"):
        made[status] = (await invite(team, f"{status.lower()}-{uuid4()}@x.example")).json()
    await accept(database, made["ACCEPTED"]["email"], made["ACCEPTED"]["id"])
    await team.ask("ann", "DELETE", f"invitations/{made['REVOKED']['id']}")
    async with database.superuser() as connection:
        await connection.execute(
            "UPDATE invitation SET expires_at = now() WHERE id = $1", UUID(made["EXPIRED"]["id"])
        )
    for status, one in made.items():
        found = (await team.read("invitations", "ann", status=status))["items"]
        assert [(each["id"], each["status"]) for each in found] == [(one["id"], status)]
    for sort in ("created_at", "-expires_at", "email"):
        page = await team.read("invitations", "ann", sort=sort, limit=3)
        rest = await team.read("invitations", "ann", sort=sort, cursor=page["next_cursor"])
        everything = (await team.read("invitations", "ann", sort=sort))["items"]
        assert page["items"] + rest["items"] == everything
        assert len(everything) == 4
    future = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert (await team.read("invitations", "ann", since=future))["items"] == []


async def test_invitations_are_shown_to_admins_of_all_alone(team: Team, other: Team):
    made = (await invite(team, address())).json()
    for path in ("invitations", f"invitations/{made['id']}"):
        assert (await team.ask("ann", "GET", path)).status_code == 200
        for who, workspace in (("max", None), ("vic", None), ("ann", team.workspace)):
            assert slug(await team.ask(who, "GET", path, workspace=workspace), 403) == "role-too-low"
    for path in (f"invitations/{made['id']}", f"invitations/{uuid4()}"):
        for method in ("GET", "DELETE"):
            answer = await other.ask("ann", method, path)
            assert slug(answer, 404) == "not-found"
            assert answer.json()["detail"] == "there is no such invitation"
    assert (await other.read("invitations", "ann"))["items"] == []
    assert (await team.read(f"invitations/{made['id']}", "ann"))["status"] == "PENDING"


BAD_INVITATIONS: list[tuple[dict[str, Any], str]] = [
    ({"email": "nobody"}, "body.email"),
    ({"email": "a@b"}, "body.email"),
    ({"email": "Ann <ann@x.example>"}, "body.email"),
    ({"email": "ann@x.example\n"}, "body.email"),
    ({"email": f"{'a' * 300}@x.example"}, "body.email"),
    ({"email": None}, "body.email"),
    ({"role_in_org": "OWNER"}, "body.role_in_org"),
    ({"expires_at": "2100-01-01T00:00:00Z"}, "body.expires_at"),
    ({"org_id": str(uuid4())}, "body.org_id"),
]


async def test_an_invitation_that_is_not_valid(team: Team):
    for changed, path in BAD_INVITATIONS:
        body = {"email": address(), "role_in_org": "VIEWER", **changed}
        answer = await team.ask("ann", "POST", "invitations", json=body)
        assert refused_at(answer) == [path], changed


async def test_an_invitation_sent_again_under_its_key_is_one(team: Team):
    email, headers = address(), {"Idempotency-Key": "once"}
    body = {"email": email, "role_in_org": "VIEWER"}
    first = await team.ask("ann", "POST", "invitations", json=body, headers=headers)
    again = await team.ask("ann", "POST", "invitations", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
