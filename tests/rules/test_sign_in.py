"""Who an identity is: matched by provider and the provider's id (DataModel.md 2), made only when invited."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.entities import signing_in
from storage.errors import IdentityRefusedError
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import asking, posing, sqlstate

FUNCTIONS = {
    "auth.sign_in()": "SELECT auth.sign_in()",
    "auth.accept_invitation(uuid)": "SELECT auth.accept_invitation(gen_random_uuid())",
}


async def user(team: Team, user_id: UUID) -> tuple[Any, ...]:
    """Return e-mail, name, provider, the provider's id and the last login of a user."""
    (row,) = await team.fetch(
        """SELECT email, full_name, auth_provider, auth_provider_id, last_login_at
           FROM app_user WHERE id = $1""",
        user_id,
    )
    return tuple(row)


async def test_a_user_of_an_email_alone_is_linked_to_the_first_identity_that_has_it(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    async with shared.sessions() as sessions:
        signed = await signing_in.sign_in(sessions, team.identity("ann", full_name="Ann of Google"))
    assert signed.user_id == team.people["ann"]
    assert [(one.org_id, one.slug, one.role_in_org) for one in signed.memberships] == [
        (team.org, team.slug, "ADMIN")
    ]
    *who, login = await user(team, signed.user_id)
    # The name is theirs to change: no provider changes it.
    assert who == [team.email("ann"), "Ann", "google", f"ann of {team.slug}"]
    assert login is not None


async def test_a_linked_user_is_found_by_the_providers_id_whatever_the_email(shared: Database):
    team = await gathered(shared, ann="ADMIN", max="MEMBER")
    async with shared.sessions() as sessions:
        first = await signing_in.sign_in(sessions, team.identity("ann"))
        before = (await user(team, first.user_id))[-1]
        again = await signing_in.sign_in(sessions, team.identity("ann", email=team.email("max")))
    assert again.user_id == team.people["ann"]
    after = await user(team, first.user_id)
    assert after[0] == team.email("ann")
    assert after[-1] > before, "each login is noted"
    assert (await user(team, team.people["max"]))[-2:] == (None, None)


@pytest.mark.parametrize("changed", [{"subject": "another"}, {"provider": "github"}])
async def test_an_email_belongs_to_one_identity(shared: Database, changed: dict[str, str]):
    team = await gathered(shared, ann="ADMIN")
    async with shared.sessions() as sessions:
        await signing_in.sign_in(sessions, team.identity("ann"))
        with pytest.raises(IdentityRefusedError):
            await signing_in.sign_in(sessions, team.identity("ann", **changed))
        # An invitation to the address is no way round that.
        invitation = await team.invite(team.email("ann"), "ADMIN")
        with pytest.raises(IdentityRefusedError):
            await signing_in.sign_in(sessions, team.identity("ann", **changed))
        with pytest.raises(IdentityRefusedError):
            await signing_in.accept(sessions, team.identity("ann", **changed), invitation)
        assert (await signing_in.sign_in(sessions, team.identity("ann"))).user_id == team.people["ann"]
    assert (await user(team, team.people["ann"]))[2:4] == ("google", f"ann of {team.slug}")


async def test_the_case_of_an_email_does_not_matter(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    async with shared.sessions() as sessions:
        signed = await signing_in.sign_in(sessions, team.identity("ann", email=team.email("ANN").upper()))
    assert signed.user_id == team.people["ann"]


@pytest.mark.parametrize("why", ["never invited", "expired", "revoked"])
async def test_a_user_is_made_only_for_who_is_invited(shared: Database, why: str):
    team = await gathered(shared, ann="ADMIN")
    if why != "never invited":
        life = -timedelta(seconds=1) if why == "expired" else timedelta(days=7)
        await team.invite(team.email("new"), life=life, revoked=why == "revoked")
    async with shared.sessions() as sessions:
        with pytest.raises(IdentityRefusedError):
            await signing_in.sign_in(sessions, team.identity("new"))
        assert await team.fetch("SELECT 1 FROM app_user WHERE email = $1", team.email("new")) == []
        asks = await gathered(shared, bob="ADMIN")
        invitation = await asks.invite(team.email("New"), "VIEWER")
        signed = await signing_in.sign_in(sessions, team.identity("new"))
    assert (await user(team, signed.user_id))[:4] == (
        *(team.email("new"), "New"),
        *("google", f"new of {team.slug}"),
    )
    assert signed.memberships == []
    (asked,) = signed.invitations
    assert (asked.id, asked.org_id, asked.slug, asked.role_in_org) == (
        *(invitation, asks.org),
        *(asks.slug, "VIEWER"),
    )


async def test_who_signs_in_twice_at_once_is_one_user(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    await team.invite(team.email("new"))
    async with shared.sessions() as sessions:
        signed = await asyncio.gather(
            *(signing_in.sign_in(sessions, team.identity(who)) for who in ("new", "ann") * 4)
        )
    assert len({each.user_id for each in signed[::2]}) == 1
    assert {each.user_id for each in signed[1::2]} == {team.people["ann"]}


async def test_only_what_is_open_to_the_email_is_told(shared: Database):
    team = await gathered(shared, zoe="ADMIN", ann="ADMIN")
    other = await gathered(shared, bob="ADMIN", ann="VIEWER")
    await other.invite(team.email("ann"), "MEMBER")
    await other.invite(team.email("max"))
    await team.invite(team.email("ann"), life=-timedelta(seconds=1))
    await team.fetch(
        "UPDATE organization_members SET removed_at = now() WHERE user_id = $1", team.people["ann"]
    )
    async with shared.sessions() as sessions:
        signed = await signing_in.sign_in(sessions, team.identity("ann"))
        assert signed.memberships == [], "they were removed, and the other organisation's ann is another"
        assert [one.org_id for one in signed.invitations] == [other.org]


@pytest.mark.parametrize("call", FUNCTIONS.values(), ids=FUNCTIONS)
async def test_sql_alone_signs_nobody_in(shared: Database, call: str):
    team = await gathered(shared, ann="ADMIN")
    identity = {"provider": "google", "subject": "x", "email": team.email("ann"), "full_name": "Ann"}
    forged = {"identity": identity, "db_exp": 4_000_000_000}
    for session in (
        asking(shared, None),
        posing(shared, forged, ""),
        posing(shared, forged, "0" * 64),
        # A token of one's own is no identity either.
        asking(shared, team.claims("ann")),
    ):
        async with session as asked:
            with pytest.raises(DBAPIError) as refused:
                await asked.execute(text(call))
            assert sqlstate(refused.value) == "42501"
    assert (await user(team, team.people["ann"]))[-2:] == (None, None)
    async with asking(shared, team.identity("ann")) as signed:
        found = await signed.scalars(text("SELECT auth.sign_in()"))
        assert found.one() == team.people["ann"]


@pytest.mark.parametrize("function", ["my_memberships", "my_invitations"])
async def test_without_an_identity_nothing_is_told(shared: Database, function: str):
    team = await gathered(shared, ann="ADMIN")
    await team.invite(team.email("ann"))
    query = text(f"SELECT count(*) FROM auth.{function}()")
    for claims in (None, team.claims("ann")):
        async with asking(shared, claims) as session:
            assert (await session.scalars(query)).one() == 0
    async with asking(shared, team.identity("ann")) as session:
        await session.execute(text("SELECT auth.sign_in()"))
        assert (await session.scalars(query)).one() == 1
