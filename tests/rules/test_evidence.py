"""DataModel.md 12: a piece of evidence goes through a review, and what pieces make together raises a tier."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import artifacts, evidence
from storage.entities.artifacts import Name
from storage.errors import StaleError
from storage.tables import Artifact, Evidence
from storage.tables.evidence import EVIDENCE_SOURCES
from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import DENIED, asking, changed, rows, sqlstate
from tests.undone import undone
from tests.world import World

BRIEFLY = 0.3
LINK = "https://analyst.example/checkout"


class Piece(NamedTuple):
    """A source, its data points, and whether somebody has reviewed it."""

    source: str
    points: int
    reviewed: bool = True


RESEARCH, ANALYST = Piece("market_research", 1), Piece("analyst_report", 1)
PRODUCTION = Piece("telemetry", 1000)
TEN = Piece("interview", 10)

# What pieces support, at and around every boundary.
LADDER: list[tuple[list[Piece], str]] = [
    ([], "E0"),
    ([Piece("survey", 0)], "E0"),
    ([Piece("survey", 0), Piece("interview", 0), Piece("market_research", 0)], "E0"),
    ([Piece("interview", 1, reviewed=False)], "E1"),
    ([Piece("analyst_report", 1, reviewed=False)], "E1"),
    ([Piece("survey", 100_000)], "E1"),
    ([Piece("interview", 9)], "E1"),
    ([Piece("interview", 10)], "E2"),
    ([Piece("interview", 10, reviewed=False)], "E1"),
    ([Piece("interview", 9), Piece("interview", 1)], "E2"),
    ([Piece("interview", 9), Piece("interview", 1, reviewed=False)], "E1"),
    ([Piece("interview", 9), Piece("survey", 9)], "E1"),
    ([RESEARCH], "E2"),
    ([Piece("market_research", 1, reviewed=False)], "E1"),
    ([ANALYST], "E1"),
    ([ANALYST, Piece("interview", 9)], "E1"),
    ([ANALYST, TEN], "E3"),
    ([ANALYST, RESEARCH], "E3"),
    ([Piece("analyst_report", 1, reviewed=False), RESEARCH], "E2"),
    ([Piece("analyst_report", 0), RESEARCH], "E2"),
    ([PRODUCTION], "E1"),
    ([PRODUCTION, TEN], "E2"),
    ([PRODUCTION, ANALYST], "E1"),
    ([Piece("telemetry", 999), ANALYST, TEN], "E3"),
    ([PRODUCTION, ANALYST, TEN], "E4"),
    ([PRODUCTION, ANALYST, RESEARCH], "E4"),
]


async def put(connection: asyncpg.Connection, world: World, piece: Piece) -> UUID:
    """Add a piece to a draft of a1 that nothing is known about."""
    place, counted = world.places["a1"], piece.source == "telemetry"
    evidence_id: UUID = await connection.fetchval(
        """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                                 evidence_count, url_or_reference, created_by, escalation_status,
                                 reviewed_by, reviewed_at)
           VALUES ($1, gen_random_uuid(), $2, $3, $4, 50, $5, $6, $7, $8, $9::uuid,
                   CASE WHEN $9::uuid IS NOT NULL THEN now() END)
           RETURNING id""",
        place.org,
        place.project,
        place.other,
        piece.source,
        piece.points,
        LINK,
        None if counted else world.max,
        "ESCALATED" if piece.reviewed else "NONE",
        world.ann if piece.reviewed and not counted else None,
    )
    return evidence_id


async def tiers(connection: asyncpg.Connection, world: World) -> tuple[str, str]:
    """What evidence supports, and what the artifact says."""
    place = world.places["a1"]
    query = "SELECT evidence_tier_of(org_id, id), evidence_tier FROM artifact WHERE org_id = $1 AND id = $2"
    [(supports, says)] = await connection.fetch(query, place.org, place.other)
    return supports, says


@pytest.mark.parametrize(("pieces", "tier"), LADDER)
async def test_what_pieces_support_and_raise(world: World, pieces: list[Piece], tier: str):
    async with undone(world) as connection:
        for piece in pieces:
            await put(connection, world, piece)
        assert await tiers(connection, world) == (tier, tier)


ALONE = [
    *[(Piece(source, 0), "E0") for source in EVIDENCE_SOURCES],
    *[(Piece("interview", 9), "E1"), (Piece("interview", 10), "E2"), (Piece("survey", 5000), "E1")],
    *[(RESEARCH, "E2"), (ANALYST, "E3"), (Piece("telemetry", 999), "E1"), (PRODUCTION, "E4")],
]


@pytest.mark.parametrize(("piece", "tier"), ALONE)
async def test_a_piece_says_what_it_would_support_alone(world: World, piece: Piece, tier: str):
    async with undone(world) as connection:
        found = await put(connection, world, piece)
        query = "SELECT evidence_tier FROM evidence WHERE id = $1"
        assert await connection.fetchval(query, found) == tier


def supported(pieces: list[Piece]) -> str:
    """The ladder once more, as the specification's arrows read."""
    counted = [piece for piece in pieces if piece.points > 0]
    total = {
        source: sum(piece.points for piece in counted if piece.source == source and piece.reviewed)
        for source in EVIDENCE_SOURCES
    }
    rungs = (
        bool(counted),
        total["interview"] >= 10 or total["market_research"] > 0,
        total["analyst_report"] > 0,
        total["telemetry"] >= 1000,
    )
    return f"E{(*rungs, False).index(False)}"


@pytest.mark.parametrize("seed", range(8))
async def test_adding_evidence_never_lowers_a_tier(world: World, seed: int):
    """Of any pieces in any order: what is supported, and what the artifact says, only rises."""
    rolled = random.Random(seed)  # no secret
    pieces: list[Piece] = []
    async with undone(world) as connection:
        before = ("E0", "E0")
        for _ in range(12):
            source = rolled.choice(EVIDENCE_SOURCES)
            counted = source == "telemetry"
            if counted and any(piece.source == source for piece in pieces):
                continue
            count = rolled.choice((999, 1000)) if counted else rolled.choice((0, 1, 4, 9))
            pieces.append(Piece(source, count, reviewed=counted or rolled.random() < 0.6))
            await put(connection, world, pieces[-1])
            after = await tiers(connection, world)
            assert after[0] == supported(pieces), pieces
            assert after >= before
            before = after


async def test_the_ladder_tells_what_counts_what_waits_and_what_is_missing(world: World):
    async with undone(world) as connection:
        seven = await put(connection, world, Piece("interview", 7))
        three = await put(connection, world, Piece("interview", 3, reviewed=False))
        analyst = await put(connection, world, ANALYST)
        place = world.places["a1"]
        query = "SELECT * FROM evidence_rungs_of($1, $2)"
        e1, e2, e3, e4 = [tuple(row) for row in await connection.fetch(query, place.org, place.other)]
    assert (e1[:2], set(e1[2]), e1[3:]) == (("E1", True), {seven, three, analyst}, ([], None))
    assert e2 == ("E2", False, [seven], [three], "7 of 10 interviews or 0 of 1 market research papers")
    assert e3 == ("E3", False, [analyst], [], None), "its own condition is met, the one below is not"
    assert e4 == ("E4", False, [], [], "0 of 1000 users of production telemetry")


class Crew(NamedTuple):
    """A team with an artifact of ann's; max edits too, vic looks."""

    team: Team
    sessions: TenantSessions
    artifact: UUID

    @asynccontextmanager
    async def acting(self, who: str) -> AsyncIterator[AsyncSession]:
        async with self.sessions.open(self.team.claims(who)) as session:
            yield session

    async def add(self, who: str, source: str = "interview", count: int = 5) -> Evidence:
        async with self.acting(who) as session:
            found = await session.get_one(Artifact, (self.team.org, self.artifact))
            values = {"confidence_score": 50, "evidence_count": count, "url_or_reference": LINK}
            return await evidence.add(session, self.team.claims(who), found, source=source, **values)

    async def step(self, who: str, piece: Evidence, status: str) -> Evidence:
        async with self.acting(who) as session:
            return await evidence.step(session, self.team.org, piece.id, None, status)

    async def in_review(self, who: str, source: str = "interview", count: int = 5) -> Evidence:
        return await self.step(who, await self.add(who, source, count), "IN_REVIEW")

    async def tier(self) -> str:
        query = "SELECT evidence_tier FROM artifact WHERE id = $1"
        [(tier,)] = await self.team.fetch(query, self.artifact)
        return str(tier)

    async def told(self) -> list[Any]:
        """The log's entries that are no CREATE, oldest first."""
        return await self.team.fetch(
            """SELECT action, resource_type, resource_id, actor_id, changes_before, changes_after
               FROM audit_log WHERE org_id = $1 AND action <> 'CREATE' ORDER BY timestamp""",
            self.team.org,
        )


@asynccontextmanager
async def crew(shared: Database, *, approved: bool = False, tier: str = "E0") -> AsyncIterator[Crew]:
    team = await gathered(shared, ann="ADMIN", max="MEMBER", vic="VIEWER")
    claims = team.claims("ann")
    async with shared.sessions() as sessions:
        async with sessions.open(claims) as session:
            name = Name("PRD", "checkout")
            made = await artifacts.create_version(
                session, claims, team.project, name, content={}, evidence_tier=tier
            )
            for status in ("REVIEW", "APPROVED") if approved else ():
                await session.execute(
                    text("UPDATE artifact SET status = :status WHERE id = :id"),
                    {"status": status, "id": made.id},
                )
        yield Crew(team, sessions, made.id)


async def refused(attempt: Awaitable[Any]) -> str | None:
    with pytest.raises(DBAPIError) as caught:
        await attempt
    return sqlstate(caught.value)


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


INSERT = """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                                  evidence_count, url_or_reference, created_by{more})
            VALUES (:org, :id, :project, :artifact, '{source}', {score}, 1000, 'x', {author}{values})"""
FORGED: dict[str, tuple[dict[str, Any], str | None]] = {
    "as it should be": ({}, None),
    "no score": ({"score": 0}, None),
    "all of it": ({"score": 100}, None),
    "less than nothing": ({"score": -1}, "23514"),
    "more than all": ({"score": 101}, "23514"),
    "telemetry": ({"source": "telemetry", "author": "NULL"}, DENIED),
    "telemetry in one's name": ({"source": "telemetry"}, DENIED),
    "nobody's": ({"author": "NULL"}, DENIED),
    "reviewed": ({"more": ", escalation_status", "values": ", 'ESCALATED'"}, DENIED),
    "in review": ({"more": ", escalation_status", "values": ", 'IN_REVIEW'"}, DENIED),
    "by a reviewer": ({"more": ", reviewed_by", "values": ", :user"}, DENIED),
    "long ago": ({"more": ", created_at", "values": ", '2020-01-01Z'"}, DENIED),
    "of a tier": ({"more": ", evidence_tier", "values": ", 'E4'"}, "428C9"),
}


@pytest.mark.parametrize("what", FORGED)
async def test_what_sql_as_the_apis_role_may_add(world: World, what: str):
    place, (changes, expected) = world.places["a1"], FORGED[what]
    filled = {"more": "", "source": "interview", "score": 50, "author": ":user", "values": "", **changes}
    statement = INSERT.format(**filled)
    named = {"org": place.org, "id": uuid4(), "project": place.project, "artifact": place.artifact}
    if ":user" in statement:
        named["user"] = world.max
    async with asking(world.database, world.claims("max")) as session:
        if expected is None:
            await session.execute(text(statement), named)
        else:
            assert await refused(session.execute(text(statement), named)) == expected


@pytest.mark.parametrize(
    "column", ["reviewed_by", "reviewed_at", "created_by", "artifact_id", "version", "id"]
)
async def test_what_the_database_says_nobody_else_says(world: World, column: str):
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, "UPDATE evidence SET evidence_count = evidence_count") > 0
        statement = f"UPDATE evidence SET {column} = {column}"
        assert await refused(session.execute(text(statement))) == DENIED


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE artifact SET evidence_tier = 'E4' WHERE id = :approved",
        "UPDATE artifact SET declared_tier = 'E4' WHERE id = :approved",
        "SET LOCAL ROLE augentis_assessor",
    ],
)
async def test_nobody_raises_an_approved_tier_by_hand(world: World, attempt: str):
    named = {"approved": world.places["a1"].artifact} if ":approved" in attempt else {}
    async with asking(world.database, world.claims("ann")) as session:
        assert await refused(session.execute(text(attempt), named)) in {DENIED, "AG004"}


async def test_nobody_forges_an_escalation_in_the_log(world: World):
    place = world.places["a1"]
    entry = "SELECT action, changes_after FROM audit_log WHERE resource_id = :id AND timestamp >= now()"
    async with asking(world.database, world.claims("ann")) as session:
        await session.execute(text("""SELECT set_config('augentis.evidence', '["forged"]', true)"""))
        await session.execute(
            text("UPDATE artifact SET evidence_tier = 'E3' WHERE id = :id"), {"id": place.other}
        )
        assert await rows(session, entry, id=place.other) == [("UPDATE", {"evidence_tier": "E3"})]


async def test_a_role_of_the_database_reviews_nothing(world: World):
    """Whoever reviews is a person: not the owner, nor a superuser that row security does not stop."""
    async with undone(world) as connection:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await connection.execute(
                "UPDATE evidence SET escalation_status = 'ESCALATED' WHERE source = 'survey'"
            )
    assert caught.value.sqlstate == "AG011"


async def test_the_worker_writes_what_production_says_and_nothing_else(world: World):
    place = world.places["a1"]
    insert = """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                                      evidence_count, url_or_reference, created_by, escalation_status)
                VALUES ($1, gen_random_uuid(), $2, $3, $4, 100, 1000, 'x', $5, $6)"""
    within = (place.org, place.project, place.artifact)
    attempts: dict[tuple[Any, ...], str] = {
        ("telemetry", None, "ESCALATED"): "",
        ("telemetry", None, "NONE"): "23514",
        ("interview", world.max, "NONE"): DENIED,
        ("interview", None, "ESCALATED"): DENIED,
    }
    connection = await asyncpg.connect(world.database.worker_url)
    try:
        for values, expected in attempts.items():
            assert await outcome(connection, insert, *within, *values) == expected, values
    finally:
        await connection.close()


async def outcome(connection: asyncpg.Connection, statement: str, *arguments: Any) -> str:
    """Return the SQLSTATE that a statement is refused with, '' if it is done; undone either way."""
    work = connection.transaction()
    await work.start()
    try:
        await connection.execute(statement, *arguments)
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    finally:
        await work.rollback()
    return ""
