"""Invited by an ADMIN, for 7 days, once an address; accepted by whoever has the address, once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.database import refusal
from storage.entities import invitations, members, signing_in
from storage.errors import InvitationGoneError
from storage.reading import invitations as reading
from storage.reading import people
from storage.tenancy import Claims, TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import sqlstate

PAST = -timedelta(seconds=1)


async def invite(sessions: TenantSessions, team: Team, email: str, role: str = "MEMBER") -> UUID:
    claims = team.claims("ann")
    async with sessions.open(claims) as session:
        return await invitations.create(session, claims, email, role)


async def seen(sessions: TenantSessions, team: Team, invitation: UUID) -> Any:
    async with sessions.open(team.claims("ann"), read_only=True) as session:
        return await reading.one(session, team.org, invitation)


async def revoke(sessions: TenantSessions, team: Team, who: str, invitation: UUID) -> None:
    async with sessions.open(team.claims(who)) as session:
        await invitations.revoke(session, team.org, invitation)


async def test_an_invitation_lives_for_seven_days(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    async with shared.sessions() as sessions:
        made = await seen(sessions, team, await invite(sessions, team, "new@x.example"))
    assert made.expires_at - made.created_at == timedelta(days=7)
    assert (made.status, made.role_in_org, made.invited_by) == ("PENDING", "MEMBER", team.people["ann"])


@pytest.mark.parametrize("again", ["new@x.example", "NEW@X.Example"])
async def test_an_address_is_invited_once_at_a_time(shared: Database, again: str):
    team, other = await gathered(shared, ann="ADMIN"), await gathered(shared, ann="ADMIN")
    async with shared.sessions() as sessions:
        first = await invite(sessions, team, "new@x.example")
        with pytest.raises(DBAPIError) as refused:
            await invite(sessions, team, again)
        said = refusal(refused.value)
        assert said
        assert said.constraint == "uq_invitation_pending"
        # Another organisation may invite it, and this one again once the first has ended.
        await invite(sessions, other, again)
        await revoke(sessions, team, "ann", first)
        assert (await seen(sessions, team, await invite(sessions, team, again))).status == "PENDING"
        assert (await seen(sessions, team, first)).status == "REVOKED"


async def test_two_who_invite_an_address_at_once_make_one_invitation(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    expired = await team.invite("new@x.example", life=PAST)
    async with shared.sessions() as sessions:
        outcomes = await asyncio.gather(
            *(invite(sessions, team, "new@x.example") for _ in range(6)), return_exceptions=True
        )
        assert sum(isinstance(outcome, UUID) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, DBAPIError) for outcome in outcomes) == 5
        assert (await seen(sessions, team, expired)).status == "REVOKED"


async def test_an_expired_invitation_makes_room_and_others_stay(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    expired = await team.invite("New@x.example", life=PAST)
    elses = await team.invite("else@x.example", life=PAST)
    async with shared.sessions() as sessions:
        assert (await seen(sessions, team, expired)).status == "EXPIRED"
        await invite(sessions, team, "new@X.example")
        assert (await seen(sessions, team, expired)).status == "REVOKED"
        assert (await seen(sessions, team, elses)).status == "EXPIRED"


async def invite_as(sessions: TenantSessions, claims: Claims, in_its_name: Claims) -> None:
    async with sessions.open(claims) as session:
        await invitations.create(session, in_its_name, "else@x.example", "ADMIN")


async def test_an_admin_of_all_invites_and_nobody_else(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER", vic="VIEWER")
    other = await gathered(shared, ann="ADMIN")
    pending = await team.invite("new@x.example")
    async with shared.sessions() as sessions:
        for claims in (
            *(team.claims(who) for who in ("max", "vic")),
            team.claims("ann", confined=True),
            other.claims("ann"),
        ):
            in_its_name = Claims(claims.user_id, team.org)
            with pytest.raises(DBAPIError) as refused:
                await invite_as(sessions, claims, in_its_name)
            assert sqlstate(refused.value) == "42501"
            async with sessions.open(claims) as session:
                assert await reading.one(session, team.org, pending) is None
                await invitations.revoke(session, team.org, pending)
        assert (await seen(sessions, team, pending)).status == "PENDING"


# accepting


async def accept(sessions: TenantSessions, team: Team, who: str, invitation: UUID, **changed: str) -> UUID:
    return await signing_in.accept(sessions, team.identity(who, **changed), invitation)


async def test_who_has_the_address_joins_with_the_role(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    invitation = await team.invite(team.email("new"), "VIEWER")
    async with shared.sessions() as sessions:
        assert await accept(sessions, team, "new", invitation) == team.org
        found = await seen(sessions, team, invitation)
        team.people["new"] = found.accepted_by
        assert (found.status, found.accepted_at is not None) == ("ACCEPTED", True)
        assert await team.roles() == {"ann": "ADMIN", "new": "VIEWER"}
        # It is used up, and not revoked any more.
        with pytest.raises(InvitationGoneError):
            await accept(sessions, team, "new", invitation)
        await revoke(sessions, team, "ann", invitation)
        assert (await seen(sessions, team, invitation)).status == "ACCEPTED"


async def test_the_case_of_the_address_does_not_matter(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    invitation = await team.invite(f"New@{team.slug.upper()}.example")
    async with shared.sessions() as sessions:
        assert await accept(sessions, team, "new", invitation, email=team.email("nEW")) == team.org


@pytest.mark.parametrize("why", ["another address", "expired", "revoked", "unknown"])
async def test_an_invitation_that_is_gone_is_not_accepted(shared: Database, why: str):
    team = await gathered(shared, ann="ADMIN")
    # Whoever accepts may sign in: another invitation to the address is open.
    await (await gathered(shared, bob="ADMIN")).invite(team.email("new"))
    address = team.email("other" if why == "another address" else "new")
    life = PAST if why == "expired" else invitations.LIFE
    invitation = uuid4() if why == "unknown" else await team.invite(address, life=life)
    async with shared.sessions() as sessions:
        if why == "revoked":
            await revoke(sessions, team, "ann", invitation)
        with pytest.raises(InvitationGoneError):
            await accept(sessions, team, "new", invitation)
        assert await team.roles() == {"ann": "ADMIN"}
        again = await team.invite(team.email("new")) if why in {"unknown", "another address"} else None
        if again:
            assert await accept(sessions, team, "new", again) == team.org


async def test_an_invitation_is_accepted_once_however_many_try_at_once(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    invitation = await team.invite(team.email("new"))
    async with shared.sessions() as sessions:
        outcomes = await asyncio.gather(
            *(accept(sessions, team, "new", invitation) for _ in range(6)), return_exceptions=True
        )
    assert outcomes.count(team.org) == 1
    assert sum(isinstance(outcome, InvitationGoneError) for outcome in outcomes) == 5
    members_now = await team.fetch("SELECT count(*) FROM organization_members WHERE org_id = $1", team.org)
    assert members_now == [(2,)]


async def test_accepting_waits_for_a_revocation_that_is_under_way(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    invitation = await team.invite(team.email("new"))
    async with shared.sessions() as sessions:
        async with sessions.open(team.claims("ann")) as revoking:
            await invitations.revoke(revoking, team.org, invitation)
            accepting = asyncio.create_task(accept(sessions, team, "new", invitation))
            await asyncio.sleep(0.2)
            assert not accepting.done()
        with pytest.raises(InvitationGoneError):
            await accepting
        assert (await seen(sessions, team, invitation)).status == "REVOKED"


async def test_revoking_waits_for_an_acceptance_that_is_under_way(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    invitation = await team.invite(team.email("new"))
    async with shared.sessions() as sessions:
        async with sessions.open(team.identity("new")) as accepting:
            await accepting.execute(text("SELECT auth.accept_invitation(:id)"), {"id": invitation})
            revoking = asyncio.create_task(revoke(sessions, team, "ann", invitation))
            await asyncio.sleep(0.2)
            assert not revoking.done()
        await revoking
        assert (await seen(sessions, team, invitation)).status == "ACCEPTED"


async def test_who_was_removed_comes_back_with_the_invitations_role(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="ADMIN")
    await team.grant("max", "EDITOR")
    async with shared.sessions() as sessions:
        async with sessions.open(team.claims("ann")) as session:
            await members.remove(session, team.org, team.people["max"], None)
        invitation = await invite(sessions, team, team.email("max"), "VIEWER")
        assert await accept(sessions, team, "max", invitation) == team.org
        assert await team.roles() == {"ann": "ADMIN", "max": "VIEWER"}
        async with sessions.open(team.claims("max")) as session:
            assert (await people.standing(session, team.claims("max"))).role == "VIEWER"
    # What they had in projects has not come back.
    assert await team.fetch("SELECT 1 FROM project_access WHERE org_id = $1", team.org) == []


async def test_a_standing_member_keeps_their_role(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    for who, role in (("max", "ADMIN"), ("ann", "VIEWER")):
        invitation = await team.invite(team.email(who), role)
        async with shared.sessions() as sessions:
            assert await accept(sessions, team, who, invitation) == team.org
            assert (await seen(sessions, team, invitation)).status == "ACCEPTED"
    assert await team.roles() == {"ann": "ADMIN", "max": "MEMBER"}
