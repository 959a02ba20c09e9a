"""The relay: what waits in the outbox goes to Kafka, and to the webhook; alerts go to the teams' channels.

At least once: a letter is dropped after Kafka has acknowledged it, a webhook's is marked after a 2xx.
Receivers drop repeats by key and revision, or by `webhook-id`. Many relays share the work: each skips
what another has locked or leased.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable
from datetime import timedelta
from typing import NoReturn

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from cryptography.fernet import Fernet

from guarded import RefusedError
from migrations.topics import KafkaUnreachableError, largest_batch
from settings import Settings, SettingsError
from settings.kafka import client_options
from storage import alerting, database, outbox
from storage.deliveries import CHANNEL as DELIVERIES
from storage.outbox import Due, Letter
from storage.secrets import seal
from streams import figures
from streams.alerts import TOPIC as ALERTS
from streams.channels.senders import Senders
from streams.database_watch import watch_database
from streams.deliveries import Deliveries
from streams.errors import exit_code
from streams.kafka_watch import KafkaWatch
from streams.listening import listen, repeat
from streams.logs import configure
from streams.notifier import Notifier
from streams.stopping import Stop
from streams.webhook import Webhook

log = logging.getLogger(__name__)

BATCH = 500
WEBHOOKS = 20
LEASE = timedelta(seconds=30)
"""How long a webhook may take before another relay may try it."""
LONGEST_WAIT = timedelta(minutes=15)
_DOUBLINGS = 10
SEND_SECONDS = 20.0
BATCH_HEADER = 1024
"""More than what a batch of one record has beside the record."""
OMITTED = "augentis-omitted"
"""Header of a letter whose bytes no topic of ours takes: how many they are."""
_SESSION = {
    "idle_in_transaction_session_timeout": "60s",
    # A queue is empty at one time and long at the next: a plan that was kept from then reads all of it now.
    "plan_cache_mode": "force_custom_plan",
}


def run(settings: Settings) -> NoReturn:
    """Run a relay until a signal or a failure ends it, and the process with it.

    Raises:
        SettingsError: something to connect with is missing, or the webhook's address is not fit.
        DatabaseUnreachableError: PostgreSQL is away at the start.
        KafkaUnreachableError: Kafka is away at the start.
    """
    configure(settings.log_level, settings.log_format)
    figures.serve(settings, settings.metrics_port)
    asyncio.run(_main(settings))
    raise AssertionError("the relay ends its process")


async def _main(settings: Settings) -> NoReturn:
    webhook, url = _webhook(settings), settings.need("database_url_worker")
    with database.told_apart(url):
        pool = await database.worker_pool(url, name="augentis-relay", size=8, session=_SESSION)
    producer = AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        max_request_size=largest_batch(settings) - BATCH_HEADER,
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        pool.terminate()
        raise KafkaUnreachableError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not answer: {error}"
        ) from error
    code = await _relay(settings, pool, producer, webhook)
    # Not by way of Python's own end, which would wait for queries to a database that hangs.
    logging.shutdown()
    os._exit(code)


def _webhook(settings: Settings) -> Webhook | None:
    if settings.webhook_url is None:
        return None
    try:
        return Webhook(str(settings.webhook_url), settings.need("webhook_secret"))
    except RefusedError as error:
        raise SettingsError(f"AUGENTIS_WEBHOOK_URL: {error}") from error


async def _relay(
    settings: Settings, pool: asyncpg.Pool, producer: AIOKafkaProducer, webhook: Webhook | None
) -> int:
    stop, news, to_tell, to_send = Stop.on_signals(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    deliveries = Deliveries(pool, Senders(settings, producer), settings)
    to_kafka = KafkaRelay(pool, producer, seal(settings.need("secret_key")))
    works: list[Awaitable[object]] = [
        stop.wait(),
        listen(
            pool, {outbox.CHANNEL: news, alerting.CHANNEL: to_tell, DELIVERIES: to_send}, settings.retry_for
        ),
        repeat(to_kafka.send_some, news, settings.retry_for, "relaying to Kafka"),
        KafkaWatch(settings, [ALERTS]).run(),
        watch_database(settings.need("database_url_worker"), settings.retry_for),
        Notifier(pool, settings).run(to_tell),
        deliveries.run(to_send),
        deliveries.count(),
    ]
    if webhook:
        to_webhook = WebhookRelay(pool, webhook)
        works.append(repeat(to_webhook.send_some, news, settings.retry_for, "relaying to the webhook"))
    log.info("relay is up%s", "" if webhook else "; no webhook is set (AUGENTIS_WEBHOOK_URL)")
    tasks = [asyncio.ensure_future(work) for work in works]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await deliveries.finish()
    return exit_code(done) or stop.exit_code


class KafkaRelay:
    """Sends letters to their topics, oldest first."""

    def __init__(self, pool: asyncpg.Pool, producer: AIOKafkaProducer, cipher: Fernet) -> None:
        self._pool, self._producer, self._cipher = pool, producer, cipher

    async def send_some(self) -> int:
        """Send up to `BATCH` letters and drop those that Kafka has acknowledged; return how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            letters = await outbox.take_for_kafka(connection, BATCH)
            if letters:
                await self._send(letters)
                await outbox.drop(connection, letters)
                figures.RELAYED.labels("kafka").inc(len(letters))
            return len(letters)

    async def _send(self, letters: list[Due]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent = [await self._enqueue(due) for due in letters]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as error:
            # Rolled back and sent again; `watch_kafka` says how long Kafka is away, and gives up.
            raise OSError(f"Kafka did not acknowledge: {error!r}") from error

    async def _enqueue(self, due: Due) -> "asyncio.Future[object]":
        letter = due.letter
        value = self._cipher.decrypt(letter.value) if letter.sealed else letter.value
        headers = [(name, text.encode()) for name, text in letter.headers.items()]
        try:
            return await self._put(letter, value, headers)
        except MessageSizeTooLargeError:
            # Its bytes stay where they came from; the letter is not kept from the others behind it.
            log.warning(
                "%d bytes are too many for %s: the letter goes without them", len(value), letter.topic
            )
            return await self._put(letter, b"", [*headers, (OMITTED, str(len(value)).encode())])

    async def _put(
        self, letter: Letter, value: bytes, headers: list[tuple[str, bytes]]
    ) -> "asyncio.Future[object]":
        sent: asyncio.Future[object] = await self._producer.send(
            letter.topic, value, key=letter.key, headers=headers
        )
        return sent


class WebhookRelay:
    """Posts letters to the webhook, and postpones what it does not accept."""

    def __init__(self, pool: asyncpg.Pool, webhook: Webhook) -> None:
        self._pool, self._webhook = pool, webhook

    async def send_some(self) -> int:
        """Post what is due; return how many letters were tried."""
        async with self._pool.acquire() as connection:
            letters = await outbox.lease_webhooks(connection, WEBHOOKS, LEASE)
        await asyncio.gather(*(self._send(due) for due in letters))
        return len(letters)

    async def _send(self, due: Due) -> None:
        answer = await self._webhook.post(due.letter.topic, due.letter.value)
        async with self._pool.acquire() as connection:
            if answer.accepted:
                await outbox.drop(connection, [due])
                figures.RELAYED.labels("webhook").inc()
                return
            wait = answer.retry_after or waits(due.attempts)
            log.warning("webhook: attempt %d not accepted (%s), again in %s", due.attempts, answer.said, wait)
            await outbox.postpone(connection, due, wait, answer.said)


def waits(attempts: int) -> timedelta:
    """Return how long the webhook is left alone after so many attempts, all of which failed."""
    # Doubled no further than it matters: after half a day it would be more than a timedelta holds.
    return min(timedelta(seconds=1 << min(attempts, _DOUBLINGS)), LONGEST_WAIT)
