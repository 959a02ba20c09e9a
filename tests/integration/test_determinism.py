"""The same log in another order of partitions, cut otherwise, by other workers, from zero: the same rows.

Workers are driven in this process, step by step; with processes `make chaos` does it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from uuid import UUID

import asyncpg
import pytest

from storage import database as databases
from streams.close import Closer, Patience
from streams.fold import Limits
from tests.chaos.storm.flow import Flow
from tests.chaos.storm.replay import FROM_ZERO
from tests.chaos.storm.verdict import HASH
from tests.databases import Database
from tests.members import Member
from tests.reference import differences
from tests.streaming import NOW, Project
from tests.unit.streams.messages import ORG, PROJECT

PARTITIONS, MESSAGES = 4, 60
LIMITS = Limits(10_000, 1_000_000, timedelta(days=7).total_seconds(), 300.0)
Logs = list[list[bytes]]


@dataclass(frozen=True)
class Course:
    """How a log is read: a seed for the order, records a chunk, and workers; closed in between or not."""

    seed: int
    chunk: int
    workers: int
    close_often: bool = False


COURSES = [
    Course(1, 1000, 1),
    Course(2, 7, 1),
    Course(3, 1, 2),
    Course(4, 13, 4, close_often=True),
    Course(5, 1000, 4),
]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with database.superuser() as connection:
        await _found(connection)
    pool = await databases.worker_pool(database.worker_url, name="determinism")
    yield pool
    await pool.close()


async def _found(connection: asyncpg.Connection) -> None:
    """An organisation and a project, which Telemetry rows refer to."""
    user, workspace = UUID(int=1), UUID(int=2)
    await connection.execute("SET session_replication_role = replica")  # audit and limits are not at stake
    await connection.execute("INSERT INTO organization (id, name, slug) VALUES ($1, 'One', 'one')", ORG)
    await connection.execute(
        """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
           VALUES ($1, $2, $3, 'One', 'It varies.', $4)""",
        *(ORG, PROJECT, workspace, user),
    )


def logs_of(flow: Flow) -> Logs:
    logs: Logs = [[] for _ in range(PARTITIONS)]
    messages = [*flow.first(), *flow.wide(4)]
    for number in range(MESSAGES):
        messages += flow.some(number / MESSAGES)
    for partition, message in messages:
        logs[partition].append(message)
    return logs


async def replayed(pool: asyncpg.Pool, logs: Logs, course: Course) -> None:
    random, closer = Random(course.seed), closer_of(pool)
    for partition, log in shares(logs, random):
        name = f"w{partition % course.workers}"
        member = Member(pool, name, limits=LIMITS, partition=partition, clock=NOW.timestamp)
        await member.claim()
        for start in range(0, len(log), course.chunk):
            piece = log[start : start + course.chunk]
            await member.count(member.of(piece, start, int(NOW.timestamp() * 1000)))
            if course.close_often and random.random() < 0.2:
                await closer.tick()
    await pool.execute("UPDATE partition_ledger SET caught_up_at = clock_timestamp()")
    while await closer.tick():
        pass


def closer_of(pool: asyncpg.Pool) -> Closer:
    return Closer(pool, "chaos", Patience(timedelta(0), timedelta(0), timedelta(days=7)))


def shares(logs: Logs, random: Random) -> Sequence[tuple[int, list[bytes]]]:
    numbered = list(enumerate(logs))
    random.shuffle(numbered)
    return numbered


async def test_any_order_any_cut_and_any_worker_write_the_same_rows(database: Database, pool: asyncpg.Pool):
    flow = Flow(Project(ORG, PROJECT), 3, PARTITIONS)
    logs, found = logs_of(flow), {}
    for course in COURSES:
        async with database.superuser() as connection:
            await connection.execute(FROM_ZERO)
            await replayed(pool, logs, course)
            found[course] = await connection.fetchval(HASH, [ORG])
            rows = await connection.fetch("SELECT * FROM telemetry")
            assert differences(rows, flow.samples) == []
    assert len(set(found.values())) == 1, found
    assert None not in found.values()
