"""Two organisations and everybody who might ask, with a row in every table for each project."""

from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from storage.database import engine
from storage.partitions import BY_MONTH
from tests.databases import Database
from tests.world.alerts import channels, deliveries, windows
from tests.world.findings import assumption, report, telemetry
from tests.world.people import accesses, memberships, people
from tests.world.places import CHANNEL_SECRET, HOUR, Place, World, named_places
from tests.world.projects import evidence, gate, indicators, project

__all__ = [
    "CHANNEL_SECRET",
    "HOUR",
    "Place",
    "World",
    "assumption",
    "build",
    "evidence",
    "indicators",
    "report",
    "telemetry",
]


async def build(database: Database) -> World:
    """Fill the database as a superuser, whom row security does not stop."""
    world = World(database)
    for name, org in (("a1", world.a), ("a2", world.a), ("b1", world.b)):
        world.places[name] = Place(org, uuid4())
        world.channels.setdefault(org, uuid4())
        world.windows.setdefault(org, uuid4())
    mighty = engine(database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        # What is made ahead depends on the day on which the tests run.
        await session.execute(
            text("SELECT ensure_partitions(:tables, ARRAY[CAST(:day AS date)])"),
            {"tables": list(BY_MONTH), "day": HOUR.date()},
        )
        places = map(project, named_places(world))
        for rows in (
            people(world),
            memberships(world),
            channels(world),
            windows(world),
            *places,
            deliveries(world),
            accesses(world),
        ):
            for row in rows:
                session.add(row)
                # One by one: the models name their foreign keys, not their relationships.
                await session.flush()
        # Without triggers: nobody reviewed what these rest on, and no project follows them.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        session.add_all(row for named in named_places(world) for row in gate(named, world.sam))
    return world
