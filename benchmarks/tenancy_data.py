"""Organisations for `benchmarks.tenancy`, and how one of them is named."""

import hashlib
import math
import random
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

SERIES = 18
"""Rows of an hour: six metrics, three cohorts."""
LEAST = 60
"""Rows that every organisation has, so that each has a page."""
SCRIPT = Path(__file__).with_name("tenancy.sql")


@dataclass(frozen=True)
class Tenant:
    """One of the organisations."""

    org: UUID
    user: UUID
    project: UUID


def named(kind: str, number: int) -> UUID:
    """Return the id that tenancy.sql gives."""
    return UUID(hashlib.md5(f"{kind}:{number}".encode(), usedforsecurity=False).hexdigest())


def some(organizations: int, count: int) -> list[Tenant]:
    """Return some of the organisations, the same ones in every run."""
    numbers = random.Random(4).sample(range(1, organizations + 1), min(count, organizations))
    return [Tenant(*(named(kind, number) for kind in ("org", "user", "project"))) for number in numbers]


async def fill(connection: asyncpg.Connection, organizations: int, rows: int) -> int:
    """Write `organizations` with about `rows` of telemetry in all; return how many. As a superuser."""
    sizes = {
        "organizations": organizations,
        "hours": math.ceil(max(LEAST, rows // organizations) / SERIES),
        "reports": max(LEAST, rows // 10 // organizations),
    }
    for name, size in sizes.items():
        await connection.execute("SELECT set_config('bench.' || $1, $2, false)", name, str(size))
    await connection.execute(SCRIPT.read_text())
    await connection.execute("VACUUM (ANALYZE)")
    return int(await connection.fetchval("SELECT count(*) FROM telemetry"))
