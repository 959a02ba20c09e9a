"""Says when Kafka cannot be reached, and gives up after a bounded time: aiokafka itself retries for ever."""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from settings import Settings
from settings.kafka import client_options
from streams.errors import GaveUpError

log = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
ANSWER_SECONDS = 5.0


async def watch_kafka(settings: Settings) -> None:
    """Ask the brokers for themselves, for ever.

    Raises:
        GaveUpError: none answered for as long as `settings.retry_for`.
    """
    away_since: float | None = None
    wait = EVERY_SECONDS
    while True:
        error = await _probe(settings)
        if error is None:
            if away_since is not None:
                log.info("Kafka answers again")
            away_since, wait = None, EVERY_SECONDS
        else:
            away_since = away_since or time.monotonic()
            _give_up_or_say(settings, error, time.monotonic() - away_since)
            wait = min(wait * 1.5, 10.0)
        await asyncio.sleep(wait)


async def _probe(settings: Settings) -> Exception | None:
    admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=int(ANSWER_SECONDS * 1000))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await admin.start()
            await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError) as error:
        return error
    finally:
        with suppress(KafkaError, OSError, TimeoutError):
            await admin.close()
    return None


def _give_up_or_say(settings: Settings, error: Exception, seconds: float) -> None:
    servers = settings.kafka_bootstrap_servers
    limit: timedelta = settings.retry_for
    if seconds > limit.total_seconds():
        raise GaveUpError(f"Kafka at {servers} has not answered for {limit}: {error!r}") from error
    log.warning("Kafka at %s does not answer for %.0f s, trying again: %r", servers, seconds, error)
