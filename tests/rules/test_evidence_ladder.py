"""DataModel.md 12: which tier pieces of evidence make together, and what is missing for the next."""

import random
from typing import NamedTuple
from uuid import UUID

import asyncpg
import pytest

from storage.tables.evidence import EVIDENCE_SOURCES
from tests.undone import undone
from tests.world import World

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
