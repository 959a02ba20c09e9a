"""DataModel.md 7: an ADMIN leads a project on against its gate, and two at once lead it one phase on."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from storage.entities import gates
from storage.errors import NotAllowedError, NotThereError, StaleError
from tests.rules.gates import CHECKED, STATUS, Site, run


@pytest.mark.parametrize("total", [1200, 0])
async def test_an_override_leads_on_and_leaves_the_decision_as_it_was(site: Site, total: int):
    decision = await site.decide("VRC", total)
    made = await site.override(decision.id, "the board takes the risk")
    assert (made.score, made.decision, made.decided_by, made.rationale) == (
        decision.score,
        decision.decision,
        decision.decided_by,
        decision.rationale,
    )
    assert (made.override_by, made.override_reason) == (site.team.people["ann"], "the board takes the risk")
    assert made.override_at > decision.decided_at
    assert (decision.version, made.version) == (1, 2)
    assert await site.stands() == ("DEFINE", "PASSED")
    assert await site.tried("VCD", 0) is None


async def test_only_an_admin_overrides(site: Site):
    decision = await site.decide("VRC", 1200)
    for who in ("eva", "max", "vic"):
        with pytest.raises(NotAllowedError):
            await site.override(decision.id, who=who)
    with pytest.raises(NotThereError):
        await site.override(uuid4())
    async with site.sessions.open(site.team.claims("ann")) as session:
        with pytest.raises(StaleError):
            await gates.override(session, site.team.org, decision.id, frozenset({2}), "why")
    assert await site.stands() == ("DISCOVER", "CONDITIONAL")


async def test_what_can_be_overridden(site: Site):
    first, latest = await site.decide("VRC", 0), await site.decide("VRC", 1200)
    assert await site.refused(first.id) == "AG017", "there is a later one"
    assert await site.refused(latest.id, "no") == CHECKED
    assert await site.refused(latest.id, "x" * 2001) == CHECKED
    async with site.sessions.open(site.team.claims("ann")) as session:
        nothing = "UPDATE phase_gate_decision SET override_reason = NULL WHERE id = :id"
        assert await run(session, nothing, id=latest.id) == "AG017"
        await session.rollback()
    assert await site.refused(latest.id) is None
    assert await site.refused(latest.id) == "AG017", "once"
    passed = await site.decide("VCD", 1000)
    assert await site.refused(passed.id) == "AG017", "there is nothing to override"
    left = await site.decide("DSP", 0)
    await site.put("DEPLOY")
    assert await site.refused(left.id) == "AG017", "the project has left"
    await site.put("DESIGN")
    assert await site.refused(left.id) is None
    assert await site.stands() == ("DEVELOP", "PASSED")


async def test_of_many_that_pass_at_once_one_leads_on_and_the_others_are_at_another_gate(site: Site):
    tried = await asyncio.gather(*(site.tried("VRC", 2000, who) for who in ("eva", "ann") * 4))
    assert sorted(tried, key=str) == ["AG016"] * 7 + [None]
    assert await site.stands() == ("DEFINE", "PASSED")


async def test_of_many_that_fail_at_once_one_is_the_latest(site: Site):
    made = await asyncio.gather(*(site.decide("VRC", total) for total in (0, 1200) * 4))
    latest = max(made, key=lambda each: each.decided_at)
    assert len({each.decided_at for each in made}) == 8
    assert await site.stands() == ("DISCOVER", STATUS[latest.decision])
    refused = await asyncio.gather(*(site.refused(each.id) for each in made))
    assert [each.id for each, sqlstate in zip(made, refused, strict=True) if sqlstate is None] == [latest.id]


async def test_an_override_and_a_decision_at_once_lead_one_phase_on(site: Site):
    decision = await site.decide("VRC", 1200)
    both = await asyncio.gather(site.refused(decision.id), site.refused(decision.id), site.tried("VRC", 2000))
    assert sorted(both, key=str).count(None) == 1, both
    assert set(both) - {None} <= {"AG016", "AG017"}
    assert await site.stands() == ("DEFINE", "PASSED")


async def test_a_decision_waits_for_who_archives_the_project(site: Site):
    async with site.sessions.open(site.team.claims("ann")) as session:
        await session.execute(
            text("UPDATE project SET is_archived = true WHERE id = :id"), {"id": site.team.project}
        )
        decides = asyncio.create_task(site.tried("VRC", 2000))
        done, _ = await asyncio.wait({decides}, timeout=0.3)
        assert not done
    assert await decides == "AG018"
