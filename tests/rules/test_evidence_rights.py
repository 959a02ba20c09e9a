"""DataModel.md 12: what nobody writes past the review: not by SQL as the API's role, nor the worker's."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from tests.rules.crew import refused
from tests.tenancy.asking import DENIED, asking, changed, rows
from tests.undone import undone
from tests.world import World

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
