"""Two who found or apply the same at the same moment end with one of each."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.applying.file import ApplyFile, read_file
from cli.applying.run import AppliedProject, apply_file
from storage.entities.founding import Founded, found
from storage.entities.operator import find_member
from storage.tenancy import Claims
from tests.databases import Database

EXAMPLE = Path(__file__).parents[2] / "examples" / "checkout.yaml"
TIMES = 4


async def init(database: Database, project: str = "Checkout") -> Founded:
    async with database.sessions() as sessions:
        return await found(
            database.owner_url, sessions, slug="acme", email="ada@acme.example", project=project
        )


async def apply(database: Database, claims: Claims, file: ApplyFile) -> list[AppliedProject]:
    async with database.sessions() as sessions, sessions.open(claims) as session:
        return await apply_file(session, claims, file, datetime.now(UTC))


async def counts(database: Database, *tables: str) -> list[int]:
    async with database.superuser() as connection:
        return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]


async def test_founding_at_once(database: Database):
    made = await asyncio.gather(*(init(database) for _ in range(TIMES)))
    assert len({(one.org_id, one.user_id, one.workspace_id, one.project_id) for one in made}) == 1
    assert sum(one.ingest_key is not None for one in made) == 1
    tables = ("organization", "app_user", "organization_members", "workspace", "project", "machine_key")
    assert await counts(database, *tables) == [1] * len(tables)


@pytest.mark.parametrize("project", ["Checkout", "Another"], ids=["known project", "new project"])
async def test_applying_at_once(database: Database, project: str):
    await init(database, project)
    admin = await find_member(database.owner_url, "acme")
    assert admin
    claims, file = Claims(admin.user_id, admin.org_id), read_file(EXAMPLE)
    applied = await asyncio.gather(*(apply(database, claims, file) for _ in range(TIMES)))
    changes = Counter(artifact.change for [one] in applied for artifact in one.artifacts)
    assert changes == {"created": 5, "unchanged": 5 * (TIMES - 1)}
    assert await counts(database, "artifact", "assumption", "artifact_dependency") == [5, 3, 4]
