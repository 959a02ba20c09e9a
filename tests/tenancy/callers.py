"""Everybody who sends requests to the API: members, strangers, machines."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from settings import Settings
from storage.database import engine
from storage.entities import keys
from storage.tenancy import Claims
from tests import databases
from tests.databases import Database
from tests.integration.conftest import bearer_of
from tests.world import HOUR, World, build, report

_FAILED = (
    "status = 'FAILED', error_message = 'away', completed_at = now(), tokens_input = 0, tokens_output = 0,"
    " cost_usd = 0, model_used = 'gpt-4', input_per_million = 30, output_per_million = 60"
)
Headers = dict[str, str]

# In whose place they ask: the project's, and what is around it.
ASKS_IN = {"max, in a2": "a2", "cem, who only looks at a2": "a2", "eve, who may not edit a2": "a2"}
STRANGERS = {
    "nobody": "401 no-token",
    "a bad token": "401 bad-token",
    "fay, who has left": "403 not-a-member",
    "bob, never a member": "403 not-a-member",
    "ann, by a token of B": "403 not-a-member",
    "a workspace of B in a token of A": "403 wrong-workspace",
    "a revoked key": "401 bad-token",
    "an expired key": "401 bad-token",
}
# Whoever asks for what is in a1, and where they are at home.
OUTSIDERS = {
    "bob": "b1",
    "sam, by a token of B": "b1",
    "ann in a2": "a2",
    "a key of a2": "a2",
    "a key of B": "b1",
}


@dataclass(frozen=True)
class Callers:
    """The headers of each, and the world's ids by the names that a path or a body has for them."""

    world: World
    settings: Settings
    headers: dict[str, Headers]
    invitations: dict[UUID, UUID]

    def ids(self, place: str) -> dict[str, str]:
        there = self.world.places[place]
        in_a = there.org == self.world.a
        found = {
            **{name: getattr(there, name) for name in there.__dataclass_fields__},
            "member": self.world.vic if in_a else self.world.sam,
            "granted": self.world.cem if in_a else self.world.bob,
            "invitation": self.invitations[there.org],
            "quiet": self.world.windows[there.org],
            "channel": self.world.channels[there.org],
        }
        return {**{name: str(value) for name, value in found.items()}, "tag": "vrc_gate_submission"}


def nowhere(ids: dict[str, str]) -> dict[str, str]:
    """Return ids of nothing in place of these."""
    return {name: value if name == "tag" else str(uuid4()) for name, value in ids.items()}


@contextmanager
def besieged(template: Database, home: Path) -> Iterator[Callers]:
    """Yield a world in a database of its own, with everybody who sends requests to it."""
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    try:
        world = asyncio.run(build(clone))
        asyncio.run(_grouped(clone))
        asyncio.run(_executed(world))
        asyncio.run(_closed(world))
        yield asyncio.run(_everybody(world, clone.settings(home)))
    finally:
        asyncio.run(databases.drop(clone))


async def _grouped(database: Database) -> None:
    """Make an incident of each report, known by its id."""
    async with database.superuser() as connection:
        await connection.execute("UPDATE divergence_report SET incident_id = id")


async def _closed(world: World) -> None:
    """Let a person have resolved a report in each project."""
    mighty = engine(world.database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        for place in world.places.values():
            by = world.ann if place.org == world.a else world.bob
            said = {"closed_at": HOUR, "closed_by": by, "close_reason": "as planned", "closed_as": "MINOR"}
            session.add(report(place, HOUR - timedelta(days=1), id=place.closed, **said))
    await mighty.dispose()


async def _executed(world: World) -> None:
    """Let an execution run, and another have failed, in each project: with places left for more."""
    async with world.database.superuser() as connection:
        await connection.execute("UPDATE organization SET subscription_tier = 'PRO'")
        for place in world.places.values():
            for execution in (place.failed, place.running):
                await connection.execute(
                    "INSERT INTO agent_execution (org_id, id, project_id, agent_id, phase, queued_by)"
                    " SELECT org_id, $2, project_id, 1, '', queued_by FROM agent_execution WHERE id = $1",
                    place.execution,
                    execution,
                )
                await connection.execute("SELECT set_config('session_replication_role', 'replica', false);")
                ended = execution == place.failed
                await connection.execute(
                    f"""UPDATE agent_execution SET started_at = now(), seen_at = now(),
                        claimed_by = queued_by, {_FAILED if ended else "status = 'RUNNING'"} WHERE id = $1""",
                    execution,
                )
                await connection.execute("SELECT set_config('session_replication_role', 'origin', false);")


async def _everybody(world: World, settings: Settings) -> Callers:
    people = {
        "ann": world.claims("ann"),
        "sam": world.claims("sam"),
        "max": world.claims("max"),
        "vic": world.claims("vic"),
        "cem": world.claims("cem"),
        "eve": world.claims("eve"),
        "ann in a1": world.claims("ann", workspace="a1"),
        "ann in a2": world.claims("ann", workspace="a2"),
        "max, in a2": world.claims("max"),
        "cem, who only looks at a2": world.claims("cem"),
        "eve, who may not edit a2": world.claims("eve"),
        "bob": world.claims("bob", "b"),
        "sam, by a token of B": world.claims("sam", "b"),
        "fay, who has left": world.claims("fay"),
        "bob, never a member": world.claims("bob", "a"),
        "ann, by a token of B": world.claims("ann", "b"),
        "a workspace of B in a token of A": Claims(world.ann, world.a, world.places["b1"].workspace),
    }
    return Callers(
        world,
        settings,
        {
            **{name: bearer_of(settings, claims) for name, claims in people.items()},
            "nobody": {},
            "a bad token": {"Authorization": "Bearer x"},
            **{name: {"Authorization": f"Bearer {key}"} for name, key in (await _machines(world)).items()},
        },
        await _invitations(world),
    )


async def _machines(world: World) -> dict[str, str]:
    made = {}
    async with world.database.sessions() as sessions, world.database.superuser() as connection:
        for name, place, more in (
            ("a key of a1", "a1", {}),
            ("a key of a2", "a2", {}),
            ("a key of B", "b1", {}),
            ("a key for publishing", "a1", {"scopes": ["publish"]}),
            ("an expired key", "a1", {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}),
            ("a revoked key", "a1", {}),
        ):
            claims = world.claims("bob", "b") if place == "b1" else world.claims("ann")
            async with sessions.open(claims) as session:
                key_id, made[name] = await keys.create(
                    session, claims, world.places[place].project, name, **more
                )
        await connection.execute("UPDATE machine_key SET revoked_at = now() WHERE id = $1", key_id)
    return made


async def _invitations(world: World) -> dict[UUID, UUID]:
    async with world.database.superuser() as connection:
        return {row[0]: row[1] for row in await connection.fetch("SELECT org_id, id FROM invitation")}
