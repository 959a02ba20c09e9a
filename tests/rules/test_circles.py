"""No version rests on itself, and no document does: what a document rests on is what its versions in force
and to come say."""

import asyncio
import time
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from storage.database import refusal
from storage.entities import approval, artifacts
from storage.entities.artifacts import Name
from storage.tables import Artifact
from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Documents:
    """Documents of a project of its own, by the names of their versions: "prd 1" is version 1 of one."""

    def __init__(self, team: Team, sessions: TenantSessions) -> None:
        self._team, self._sessions = team, sessions
        self._ids: dict[str, UUID] = {}

    async def make(self, *names: str) -> None:
        async with self._sessions.open(self._team.claims("ann")) as session:
            for name in names:
                kind = Name("PRD", name.split()[0])
                made = await artifacts.create_version(
                    session,
                    self._team.claims("ann"),
                    self._team.project,
                    kind,
                    content={},
                    evidence_tier="E0",
                )
                assert made.version == int(name.split()[1])
                self._ids[name] = made.id

    async def approve(self, *names: str) -> None:
        async with self._sessions.open(self._team.claims("ann")) as session:
            for name in names:
                await approval.approve(session, self._team.org, self._ids[name], NOW)

    async def rest(self, *chain: str, meeting: asyncio.Barrier | None = None) -> str | None:
        """Note that each rests on the next, in one transaction; return what the database refuses it for."""
        async with self._sessions.open(self._team.claims("ann")) as session:
            for name, other in pairwise(chain):
                artifact = await session.get_one(Artifact, (self._team.org, self._ids[name]))
                if meeting:
                    await meeting.wait()
                try:
                    await artifacts.link(session, artifact, [self._ids[other]])
                except DBAPIError as error:
                    await session.rollback()
                    refused = refusal(error)
                    assert refused
                    assert refused.sqlstate == "AG007"
                    return refused.message.removeprefix("the artifact would rest on itself: ")
        return None


@pytest.fixture
async def documents(shared: Database):
    async with shared.sessions() as sessions:
        yield Documents(await gathered(shared, ann="ADMIN"), sessions)


async def test_a_circle_is_refused_and_named(documents: Documents):
    await documents.make("a 1", "b 1", "c 1", "d 1")
    assert await documents.rest("a 1", "b 1", "c 1", "d 1") is None
    assert await documents.rest("a 1", "c 1") is None
    refused = await documents.rest("d 1", "a 1")
    assert refused == "PRD/d v1 -> PRD/a v1 -> PRD/c v1 -> PRD/d v1"


async def test_a_circle_through_another_version_of_a_document(documents: Documents):
    await documents.make("a 1", "b 1", "c 1", "a 2", "b 2")
    assert await documents.rest("a 1", "b 1", "c 1") is None
    assert await documents.rest("c 1", "a 2") == "PRD/c v1 -> PRD/a v2 -> PRD/b v1 -> PRD/c v1"


async def test_a_version_does_not_rest_on_another_of_its_document(documents: Documents):
    await documents.make("a 1", "a 2")
    assert await documents.rest("a 2", "a 1") == "PRD/a v2 -> PRD/a v1"


async def test_what_was_replaced_says_nothing_of_its_document(documents: Documents):
    """The way between two documents can be turned, once the version that says otherwise is replaced."""
    await documents.make("a 1", "b 1", "a 2", "b 2")
    assert await documents.rest("a 1", "b 1") is None
    assert await documents.rest("b 2", "a 2") == "PRD/b v2 -> PRD/a v2 -> PRD/b v1"
    await documents.approve("a 2")
    assert await documents.rest("b 2", "a 2") is None
    assert await documents.rest("a 2", "b 1") == "PRD/a v2 -> PRD/b v1 -> PRD/a v2"


async def test_what_was_replaced_is_in_no_circle_of_versions(documents: Documents):
    await documents.make("a 1", "b 1", "b 2", "a 2")
    assert await documents.rest("a 1", "b 1") is None
    await documents.approve("a 2", "b 2")
    assert await documents.rest("b 1", "a 1") == "PRD/b v1 -> PRD/a v1 -> PRD/b v1"
    assert await documents.rest("b 1", "a 2") is None


async def test_of_what_was_replaced_anything_may_still_be_noted(documents: Documents):
    await documents.make("a 1", "b 1", "a 2")
    await documents.approve("a 2")
    assert await documents.rest("b 1", "a 2") is None
    assert await documents.rest("a 1", "b 1") is None
    assert await documents.rest("a 2", "b 1") == "PRD/a v2 -> PRD/b v1 -> PRD/a v2"


async def test_no_approval_closes_a_circle(documents: Documents):
    """A draft counts although an older version is in force: it may come in force unasked."""
    await documents.make("a 1", "b 1", "a 2")
    await documents.approve("a 1", "b 1")
    assert await documents.rest("a 2", "b 1") is None
    assert await documents.rest("b 1", "a 1") == "PRD/b v1 -> PRD/a v1 -> PRD/b v1"


@pytest.mark.parametrize("half", ["a 1", "a 2"])
async def test_of_two_that_each_add_half_of_a_circle_one_wins(documents: Documents, half: str):
    await documents.make("a 1", "b 1", "a 2")
    meeting = asyncio.Barrier(2)
    refused = await asyncio.gather(
        documents.rest("a 1", "b 1", meeting=meeting), documents.rest("b 1", half, meeting=meeting)
    )
    assert sum(one is None for one in refused) == 1


async def test_of_a_circle_that_six_add_at_once_one_part_is_refused(documents: Documents):
    names = [f"{letter} 1" for letter in "abcdef"]
    await documents.make(*names)
    meeting = asyncio.Barrier(len(names))
    ways = zip(names, [*names[1:], names[0]], strict=True)
    refused = await asyncio.gather(*(documents.rest(*way, meeting=meeting) for way in ways))
    assert sum(one is not None for one in refused) == 1


LONG = 1500
SECONDS = 30
"""A guard against hanging, no measure: row by row 1,500 links took minutes, and take two seconds now."""


async def test_long_chains_in_one_statement_are_looked_at_once(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    async with shared.superuser() as connection:
        transaction = connection.transaction()
        await transaction.start()
        rows = await connection.fetch(
            """INSERT INTO artifact (org_id, id, project_id, type, key, created_by)
               SELECT $1, gen_random_uuid(), $2, 'PRD', 'k' || n, $3 FROM generate_series(0, $4::int) AS n
               RETURNING id""",
            *(team.org, team.project, team.claims("ann").user_id, LONG),
        )
        chain = [row["id"] for row in rows]
        links = list(pairwise(chain))[::-1]

        async def link(pairs: list[tuple[UUID, UUID]]) -> None:
            await connection.execute(
                """INSERT INTO artifact_dependency (org_id, project_id, artifact_id, depends_on_id)
                   SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[])""",
                *(team.org, team.project, *map(list, zip(*pairs, strict=True))),
            )

        began = time.monotonic()
        await link(links[1:])
        with pytest.raises(
            asyncpg.PostgresError, match=r"would rest on itself: PRD/k1498 v1 -> PRD/k1500 v1"
        ):
            async with connection.transaction():
                await link([(chain[-3], chain[-1]), (chain[-1], chain[-3])])
        await link(links[:1])
        assert time.monotonic() - began < SECONDS
        await transaction.rollback()
