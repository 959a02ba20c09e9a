"""An organisation with channels to a receiver, and relays of deliveries to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from settings import Settings
from storage import channel_secrets, deliveries
from storage import database as databases
from storage.deliveries import CHANNEL, New
from streams.channels.senders import Senders
from streams.deliveries import Deliveries
from streams.listening import listen
from tests.databases import SECRET, Database
from tests.streaming import eventually

SIGNING = "whsec_" + "c2VjcmV0" * 4


@dataclass
class Team:
    """An organisation and its channels, by the paths of the receiver that they lead to."""

    database: Database
    pool: asyncpg.Pool
    org: UUID = field(default_factory=uuid4)
    user: UUID = field(default_factory=uuid4)
    channels: dict[str, UUID] = field(default_factory=dict)

    async def make(self) -> None:
        async with self.database.superuser() as connection:
            await connection.execute(
                "INSERT INTO organization (id, name, slug) VALUES ($1, 'Acme', $2)",
                self.org,
                f"acme-{self.org.hex[:8]}",
            )
            await connection.execute(
                "INSERT INTO app_user (id, email, full_name) VALUES ($1, $2, 'Ann')",
                self.user,
                f"{self.user}@people.example",
            )

    async def channel(self, url: str, rate: int = 6000) -> UUID:
        made = uuid4()
        async with self.database.superuser() as connection:
            await connection.execute(
                """INSERT INTO alert_channel
                       (org_id, id, name, kind, settings, sealed, rate_per_minute, created_by)
                   VALUES ($1, $2, $3, 'webhook', jsonb_build_object('url', $4::text), $5, $6, $7)""",
                self.org,
                made,
                str(made),
                url,
                channel_secrets.seal(SECRET, {"secrets": [SIGNING]}),
                rate,
                self.user,
            )
        self.channels[url.rpartition("/")[2]] = made
        return made

    def new(self, channel: UUID, thread: UUID, text: str, kind: str = "detected") -> New:
        return New(self.org, channel, None, None, thread, kind, f'{{"say": "{text}"}}'.encode(), {})

    async def put(self, *news: New) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await deliveries.put(connection, news)

    async def rows(self, what: str = "*", where: str = "true") -> list[Any]:
        sql = f"SELECT {what} FROM alert_delivery WHERE {where} ORDER BY sequence"
        return list(await self.pool.fetch(sql))

    async def lane(self, channel: UUID) -> Any:
        return await self.pool.fetchrow("SELECT * FROM alert_lane WHERE channel_id = $1", channel)

    async def none_waits(self, seconds: float = 20) -> None:
        async def done() -> bool:
            waiting = "SELECT count(*) FROM alert_delivery WHERE status = 'PENDING'"
            return not await self.pool.fetchval(waiting)

        await eventually(done, seconds)


@asynccontextmanager
async def relaying(pool: asyncpg.Pool, settings: Settings, count: int = 1) -> AsyncIterator[list[Deliveries]]:
    """Run relays of deliveries in this process, each with a listener of its own; they wait but shortly."""
    senders = Senders(settings, None)
    relays = [Deliveries(pool, senders, settings, lambda: 0.1) for _ in range(count)]
    news = [asyncio.Event() for _ in relays]
    works: Iterable[Any] = [
        *(relay.run(event) for relay, event in zip(relays, news, strict=True)),
        *(listen(pool, {CHANNEL: event}, settings.retry_for) for event in news),
    ]
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield relays
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for relay in relays:
            await relay.finish()
        assert {type(end) for end in ended} == {asyncio.CancelledError}, ended
        with contextlib.suppress(Exception):
            await senders.close()


@asynccontextmanager
async def team_of(database: Database) -> AsyncIterator[Team]:
    pool = await databases.worker_pool(database.worker_url, name="deliveries", size=10)
    team = Team(database, pool)
    await team.make()
    yield team
    await pool.close()
