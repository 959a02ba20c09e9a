"""A relay of deliveries as a process of its own: `python -m tests.chaos.lane_relay`, until it is killed."""

import asyncio
from datetime import timedelta

import settings
from storage import database
from storage.deliveries import CHANNEL
from streams import deliveries
from streams.channels.senders import Senders
from streams.listening import listen

LEASE_BEYOND = timedelta(seconds=1)


async def main() -> None:
    """Send what is due."""
    # What a relay had that was killed is free again soon.
    deliveries.LEASE_BEYOND, deliveries.TO_NOTE = LEASE_BEYOND, 0.5
    configured, news = settings.load(), asyncio.Event()
    pool = await database.worker_pool(configured.need("database_url_worker"), name="lane relay", size=4)
    relay = deliveries.Deliveries(pool, Senders(configured, None), configured)
    await asyncio.gather(relay.run(news), listen(pool, {CHANNEL: news}, configured.retry_for))


if __name__ == "__main__":
    asyncio.run(main())
