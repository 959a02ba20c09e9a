"""DataModel.md 12: a piece of evidence goes through a review, and what pieces make together raises a tier."""

import asyncio
import json

import pytest
from sqlalchemy import text

from storage.entities import evidence
from storage.errors import StaleError
from storage.tables import Evidence
from tests.databases import Database
from tests.rules.crew import LINK, crew, refused

BRIEFLY = 0.3


async def test_a_piece_is_reviewed_by_somebody_else(shared: Database):
    async with crew(shared) as here:
        piece = await here.in_review("max")
        assert await refused(here.step("max", piece, "ESCALATED")) == "AG011"
        done = await here.step("ann", piece, "ESCALATED")
        people = here.team.people
        assert (done.reviewed_by, done.created_by) == (people["ann"], people["max"])
        assert done.reviewed_at is not None
        # The same step again is none.
        assert (await here.step("max", done, "ESCALATED")).version == done.version


async def test_steps_that_are_none(shared: Database):
    async with crew(shared) as here:
        piece = await here.add("max")
        assert await refused(here.step("ann", piece, "ESCALATED")) == "AG013"
        piece = await here.step("max", piece, "IN_REVIEW")
        assert (await here.step("ann", piece, "NONE")).reviewed_by is None, "returned"
        await here.step("max", piece, "IN_REVIEW")
        await here.step("ann", piece, "ESCALATED")
        for status in ("NONE", "IN_REVIEW"):
            assert await refused(here.step("ann", piece, status)) == "AG013"


CHANGES = {"source": "survey", "confidence_score": 51, "evidence_count": 6, "url_or_reference": "elsewhere"}


@pytest.mark.parametrize("column", CHANGES)
async def test_what_is_in_review_or_reviewed_stays_as_it_is(shared: Database, column: str):
    change = {column: CHANGES[column]}
    async with crew(shared) as here:
        piece = await here.add("max")

        async def edit(who: str) -> Evidence:
            async with here.acting(who) as session:
                return await evidence.edit(session, here.team.org, piece.id, None, change)

        assert await refused(edit("ann")) == "AG012", "an ADMIN too adds one of their own"
        assert getattr(await edit("max"), column) == CHANGES[column]
        change[column] = {"source": "analyst_report", "confidence_score": 52, "evidence_count": 7}.get(
            column, LINK
        )
        await here.step("max", piece, "IN_REVIEW")
        assert await refused(edit("max")) == "AG010"
        await here.step("ann", piece, "ESCALATED")
        assert await refused(edit("max")) == "AG010"


async def test_what_is_submitted_is_what_was_said(shared: Database):
    """Nothing is changed on the way into review, nor on the way out of it."""
    async with crew(shared) as here:
        piece = await here.add("max")
        for who, start in (("max", "NONE"), ("max", "IN_REVIEW"), ("ann", "IN_REVIEW")):
            await here.step("max", piece, start)
            target = {"NONE": "IN_REVIEW", "IN_REVIEW": "ESCALATED" if who == "ann" else "NONE"}[start]
            async with here.acting(who) as session:
                both = {"evidence_count": 900, "escalation_status": target}
                assert await refused(evidence.edit(session, here.team.org, piece.id, None, both)) == "AG010"


async def test_a_reviewer_counts_what_they_have_read(shared: Database):
    async with crew(shared) as here:
        piece = await here.in_review("max")
        read = piece.version
        await here.step("max", piece, "NONE")
        async with here.acting("max") as session:
            await evidence.edit(session, here.team.org, piece.id, None, {"evidence_count": 900})
        await here.step("max", piece, "IN_REVIEW")
        with pytest.raises(StaleError):
            async with here.acting("ann") as session:
                await evidence.step(session, here.team.org, piece.id, frozenset({read}), "ESCALATED")


async def test_an_author_who_changes_it_meanwhile_waits_and_is_refused(shared: Database):
    async with crew(shared) as here:
        piece = await here.add("max")

        async def edit() -> None:
            async with here.acting("max") as session:
                await evidence.edit(session, here.team.org, piece.id, None, {"evidence_count": 900})

        async with here.acting("ann") as session:
            await evidence.step(session, here.team.org, piece.id, None, "IN_REVIEW")
            await evidence.step(session, here.team.org, piece.id, None, "ESCALATED")
            waiting = asyncio.create_task(edit())
            assert await asyncio.wait({waiting}, timeout=BRIEFLY) == (set(), {waiting})
        assert await refused(waiting) == "AG010"
    assert await here.team.fetch("SELECT evidence_count FROM evidence WHERE id = $1", piece.id) == [(5,)]


async def test_the_author_is_refused_however_many_ask_at_once(shared: Database):
    async with crew(shared) as here:
        piece = await here.in_review("max")
        asked = (here.step(who, piece, "ESCALATED") for who in ("max", "ann") * 5)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        by_ann = [answer for answer in answers if isinstance(answer, Evidence)]
        assert len(by_ann) >= 5
        assert {answer.reviewed_by for answer in by_ann} == {here.team.people["ann"]}


async def test_two_reviews_at_once_lose_no_rung(shared: Database):
    async with crew(shared) as here:
        five, other = await here.in_review("max"), await here.in_review("max")
        async with here.acting("ann") as session:
            await evidence.step(session, here.team.org, five.id, None, "ESCALATED")
            waiting = asyncio.create_task(here.step("ann", other, "ESCALATED"))
            assert await asyncio.wait({waiting}, timeout=BRIEFLY) == (set(), {waiting})
        await waiting
        assert await here.tier() == "E2"


async def test_many_who_add_at_once_do_not_wait_for_each_other_in_a_circle(shared: Database):
    async with crew(shared) as here:
        await asyncio.gather(*(here.add(who) for who in ("ann", "max") * 8))
        assert await here.tier() == "E1"


@pytest.mark.parametrize("approved", [False, True])
async def test_a_tier_that_rises_is_told_with_the_evidence_behind_it(shared: Database, *, approved: bool):
    async with crew(shared, approved=approved) as here:
        first = await here.add("max")
        nine = await here.in_review("max", count=9)
        one = await here.in_review("max", count=1)
        for piece in (nine, one):
            await here.step("ann", piece, "ESCALATED")
        assert await here.tier() == "E2"
        ann, max_ = here.team.people["ann"], here.team.people["max"]
        told = [row for row in await here.told() if row[1] == "Artifact" and row[0] == "ESCALATE"]
        assert [(row[2], row[3]) for row in told] == [(here.artifact, max_), (here.artifact, ann)]
        before, after = ([json.loads(row[index]) for row in told] for index in (4, 5))
        assert [each["evidence_tier"] for each in before] == ["E0", "E1"]
        assert [each["evidence_tier"] for each in after] == ["E1", "E2"]
        assert [set(each["evidence"]) for each in after] == [
            {str(first.id)},
            {str(nine.id), str(one.id)},
        ]
        pieces = [row for row in await here.told() if row[1] == "Evidence"]
        assert [row[0] for row in pieces] == ["UPDATE", "UPDATE", "ESCALATE", "ESCALATE"]


async def test_a_declared_tier_is_never_lowered_and_is_kept(shared: Database):
    query = "SELECT evidence_tier, declared_tier, evidence_tier_of(org_id, id) FROM artifact WHERE id = $1"
    async with crew(shared, tier="E2") as here:
        await here.add("max")
        assert await here.team.fetch(query, here.artifact) == [("E2", None, "E1")]
        for source, count in (("interview", 10), ("analyst_report", 1)):
            await here.step("ann", await here.in_review("max", source, count), "ESCALATED")
        assert await here.team.fetch(query, here.artifact) == [("E3", "E2", "E3")]
        # What a team declares on a draft is its own to say again.
        async with here.acting("ann") as session:
            await session.execute(text("UPDATE artifact SET evidence_tier = 'E1'"))
        assert await here.team.fetch(query, here.artifact) == [("E1", None, "E3")]
