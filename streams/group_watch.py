"""Asks the group's coordinator, every few seconds, whether some worker has each partition.

A worker that is restarted under its name gets back what it had, and the group does not look what there is
now: partitions that were added meanwhile, or a topic that was made again, nobody would ever read.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError

from settings import Settings
from settings.kafka import client_options
from streams.kafka_watch import KafkaWatch

log = logging.getLogger(__name__)

EVERY_SECONDS = 3.0
ANSWER_SECONDS = 5.0
STABLE = "Stable"
Place = tuple[str, int]


class GroupWatch:
    """Watches the partitions of the topics of `watch`; `on_unread` is told when some are nobody's."""

    def __init__(
        self, settings: Settings, group: str, watch: KafkaWatch, on_unread: Callable[[], Awaitable[None]]
    ) -> None:
        self._settings, self._group, self._watch, self._on_unread = settings, group, watch, on_unread

    async def run(self) -> None:
        """Ask for ever; that no broker answers is for `KafkaWatch` to say."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    unread = await self._unread()
            except (KafkaError, OSError, TimeoutError):
                continue
            if unread:
                first = "{}[{}]".format(*unread[0])
                log.warning("%d partitions are nobody's, such as %s: joining anew", len(unread), first)
                await self._on_unread()

    async def _unread(self) -> Sequence[Place]:
        options = client_options(self._settings)
        admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(ANSWER_SECONDS * 1000))
        try:
            await admin.start()
            (answer,) = await admin.describe_consumer_groups([self._group])
        finally:
            await admin.close()
        ((_, _, state, _, _, members, *_),) = answer.groups
        return unassigned(self._watch.places(), members) if state == STABLE else []


def unassigned(places: set[Place], members: Sequence[Any]) -> Sequence[Place]:
    """Return those of `places` that none of a stable group's `members` was given, in order."""
    given = {
        (topic, partition)
        for *_, assignment in members
        for topic, partitions in ConsumerProtocol.ASSIGNMENT.decode(assignment).assignment
        for partition in partitions
    }
    return sorted(places - given)
