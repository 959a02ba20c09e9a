"""Production is the best evidence there is, once enough people speak in it (DataModel.md 12, ADR 0017)."""

import logging
from datetime import datetime
from uuid import UUID

import asyncpg

from settings import Settings
from storage import production, turns
from storage.detection import Watched

log = logging.getLogger(__name__)


async def testify(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Write evidence for each artifact whose telemetry speaks for 1000 people by now, if it is our turn."""
    del settings
    async with pool.acquire() as connection, connection.transaction():
        if not await turns.taken(connection, "production as evidence"):
            return
        found: dict[UUID, tuple[Watched, production.People]] = {}
        for item in await production.promising(connection, now):
            if item.artifact_id in found:
                continue
            people = await production.enough_people(connection, item, now)
            if people is not None:
                found[item.artifact_id] = (item, people)
        # Last, since each holds its artifact's row until the end.
        for item, people in found.values():
            if await production.testify(connection, item, people):
                log.info(
                    "%d people in production are evidence for artifact %s", people.heads, item.artifact_id
                )
