"""`DELETE /v1/me`: who asks is nobody afterwards, and the team still knows what they did."""

from tests.integration.people.conftest import member, tag_of
from tests.integration.teams import Team, slug


async def test_who_erases_themselves_is_nobody_from_the_next_request_on(team: Team):
    tag = await tag_of(team, "max", "me")
    assert slug(await team.ask("max", "DELETE", "me"), 428) == "if-match-required"
    assert slug(await team.ask("max", "DELETE", "me", match="99"), 412) == "stale"
    confined = await team.ask("max", "DELETE", "me", workspace=team.workspace, match=tag)
    assert slug(confined, 403) == "role-too-low"
    answer = await team.ask("max", "DELETE", "me", match=tag)
    assert (answer.status_code, answer.content) == (204, b"")
    assert slug(await team.ask("max", "GET", "me"), 403) == "not-a-member"
    left = await team.read(member(team, "max"))
    assert left["full_name"] == "Erased user"
    assert left["email"] == f"erased-{team.people['max']}@invalid.invalid"
    assert left["removed_at"] is not None


async def test_the_last_admin_stays(team: Team):
    answer = await team.ask("ann", "DELETE", "me", match=await tag_of(team, "ann", "me"))
    assert slug(answer, 409) == "last-admin"
    assert (await team.read("me", "ann"))["role_in_org"] == "ADMIN"
