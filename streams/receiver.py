"""The receiver's composition root: one process, an HTTP server between senders and Kafka.

It counts nothing and keeps nothing: what it has acknowledged is in Kafka, and any number of receivers may
run side by side. While Kafka or PostgreSQL are away it stays, and tells senders to come again.
"""

import asyncio
import contextlib
import logging
import socket

import asyncpg
import uvicorn

from migrations.topics import pending_topics
from settings import Settings, SettingsError
from storage import database
from streams.door.door import OTLP_TOPIC, RAW_TOPIC, Door
from streams.door.gate import Gate
from streams.door.posting import Post
from streams.logs import configure
from streams.otlp.mappings import Mappings
from streams.outage import PASSING

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
STOP_SECONDS = 2
_SESSION = {"idle_in_transaction_session_timeout": "15s"}
"""A quota is held while Kafka acknowledges."""


def run(settings: Settings, listener: socket.socket) -> None:
    """Answer requests on `listener` until SIGTERM (returns) or SIGINT (raises KeyboardInterrupt).

    Raises:
        SettingsError: something to connect with is missing, or the topics are not there.
        DatabaseUnreachableError: PostgreSQL is away at the start.
        KafkaUnreachableError: Kafka is away at the start.
    """
    configure(settings.log_level, settings.log_format)
    asyncio.run(_main(settings, listener))


async def _main(settings: Settings, listener: socket.socket) -> None:
    missing = {OTLP_TOPIC, RAW_TOPIC} & set(await pending_topics(settings))
    if missing:
        raise SettingsError(f"topics are missing ({', '.join(missing)}): run `augentis migrate` first")
    url, secret = settings.need("database_url_worker"), settings.need("secret_key")
    with database.told_apart(url):
        pool = await database.worker_pool(url, name="augentis-receiver", session=_SESSION)
    post, mappings = Post(settings), Mappings()
    gate = Gate(pool, settings.ingest_auth, secret)
    try:
        await post.start()
        await mappings.refresh(pool)
        app = Door(settings, gate, post, mappings).application()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        keeping = asyncio.create_task(_keep_fresh(gate, mappings, pool))
        await uvicorn.Server(config).serve(sockets=[listener])
        keeping.cancel()
    finally:
        await post.stop()
        pool.terminate()


async def _keep_fresh(gate: Gate, mappings: Mappings, pool: asyncpg.Pool) -> None:
    while True:
        await gate.keep_fresh()
        with contextlib.suppress(*PASSING):
            if mappings.stale():
                await mappings.refresh(pool)
        await asyncio.sleep(LOOK_EVERY)
