"""When an ingest key was last used, as a worker notes it on real PostgreSQL; the clock is the test's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from storage.database import worker_pool
from storage.entities import keys
from streams.key_uses import AGAIN, KeyUses
from tests.teams import Team, gathered
from tests.world import World


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def team(changing_world: World) -> Team:
    return await gathered(changing_world.database, ann="ADMIN")


@pytest.fixture
async def pool(team: Team) -> AsyncIterator[asyncpg.Pool]:
    pool = await worker_pool(team.database.worker_url, name="test", session={"lock_timeout": "1s"})
    yield pool
    await pool.close()


async def key_of(team: Team) -> UUID:
    claims = team.claims("ann")
    async with team.database.sessions() as sessions, sessions.open(claims) as session:
        key_id, _ = await keys.create(session, claims, team.project, "key")
    return key_id


async def used_at(team: Team, key: UUID) -> datetime | None:
    ((at,),) = await team.fetch("SELECT last_used_at FROM machine_key WHERE id = $1", key)
    found: datetime | None = at
    return found


async def minutes_pass(team: Team, key: UUID) -> None:
    await team.fetch(
        "UPDATE machine_key SET last_used_at = last_used_at - interval '61 s' WHERE id = $1", key
    )


async def test_a_use_is_noted_at_the_next_look_and_no_other_key(team: Team, pool: asyncpg.Pool):
    key, other = await key_of(team), await key_of(team)
    uses = KeyUses(Clock())
    uses.saw(key)
    await uses.note(pool)
    assert await used_at(team, key) is not None
    assert await used_at(team, other) is None


async def test_a_key_in_constant_use_is_noted_once_a_minute(team: Team, pool: asyncpg.Pool):
    key, clock = await key_of(team), Clock()
    uses = KeyUses(clock)
    noted = []
    for second in (0, 1, 30, 60, 61, 62, 121, 122):
        clock.now = 1000.0 + second
        before = await used_at(team, key)
        uses.saw(key)
        await uses.note(pool)
        if await used_at(team, key) != before:
            noted.append(second)
        # The database would let it: it is the worker that does not ask more often.
        await minutes_pass(team, key)
    assert noted == [0, 61, 122]


async def test_nothing_is_asked_while_nothing_is_due(team: Team, pool: asyncpg.Pool):
    key, clock = await key_of(team), Clock()
    uses = KeyUses(clock)
    uses.saw(key)
    await uses.note(pool)
    await pool.close()
    await uses.note(pool)
    uses.saw(key)
    await uses.note(pool)
    clock.now += AGAIN
    await uses.note(pool)
    uses.saw(key)
    with pytest.raises(asyncpg.InterfaceError):
        await uses.note(pool)


async def test_workers_at_once_note_a_key_once(team: Team, pool: asyncpg.Pool):
    found = [await key_of(team) for _ in range(20)]
    workers = [KeyUses(Clock()) for _ in range(3)]
    for turn, worker in enumerate(workers):
        for key in found[turn:] + found[:turn]:
            worker.saw(key)
    await asyncio.gather(*(worker.note(pool) for worker in workers))
    before = [await used_at(team, key) for key in found]
    assert all(before)
    late = KeyUses(Clock())
    for key in found:
        late.saw(key)
    await late.note(pool)
    assert [await used_at(team, key) for key in found] == before


async def test_a_key_that_is_being_edited_is_not_waited_for(team: Team, pool: asyncpg.Pool):
    edited, other = await key_of(team), await key_of(team)
    uses = KeyUses(Clock())
    async with _editing(team, edited):
        uses.saw(edited)
        uses.saw(other)
        async with asyncio.timeout(0.9):
            await uses.note(pool)
    assert await used_at(team, other) is not None


@asynccontextmanager
async def _editing(team: Team, key: UUID) -> AsyncIterator[Any]:
    async with team.database.superuser() as connection, connection.transaction():
        await connection.execute("UPDATE machine_key SET name = 'edited' WHERE id = $1", key)
        yield


async def test_what_could_not_be_noted_is_noted_later(team: Team, pool: asyncpg.Pool):
    key = await key_of(team)
    uses = KeyUses(Clock())
    uses.saw(key)
    async with team.database.superuser() as connection, connection.transaction():
        await connection.execute("LOCK TABLE machine_key")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await uses.note(pool)
    assert await used_at(team, key) is None
    await uses.note(pool)
    assert await used_at(team, key) is not None


async def test_a_use_is_no_edit(team: Team, pool: asyncpg.Pool):
    key = await key_of(team)
    uses = KeyUses(Clock())
    uses.saw(key)
    await uses.note(pool)
    assert await team.fetch(
        "SELECT version, updated_at = created_at FROM machine_key WHERE id = $1", key
    ) == [(1, True)]
