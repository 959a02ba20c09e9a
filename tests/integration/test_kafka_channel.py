"""A team's Kafka channel, on a real broker: its organisation's own topic and no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from settings.kafka import client_options
from streams.alerts import TOPIC
from streams.channels.kafka import topic_of
from streams.channels.parcel import Parcel
from streams.channels.posting import UnfitError
from streams.channels.senders import Senders
from tests.streaming import System
from tests.unit.streams.channels.conftest import parcel


def to(slug: str, thread: str, **more: object) -> Parcel:
    headers = {"content-type": "application/json", "thread": thread}
    return replace(parcel("kafka", {}, {}, org_slug=slug, headers=headers, id=uuid4()), **more)  # type: ignore[arg-type]


@asynccontextmanager
async def sending(system: System) -> AsyncIterator[Senders]:
    async with system.producer(enable_idempotence=True, acks="all") as producer:
        quick = system.settings.model_copy(update={"delivery_timeout": timedelta(seconds=2)})
        senders = Senders(quick, producer)
        yield senders
        await senders.close()


@asynccontextmanager
async def administering(system: System) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(system.settings))
    await admin.start()
    yield admin
    await admin.close()


async def test_a_channel_writes_to_its_organisations_topic_in_order_by_thread(system: System):
    slug, other = f"team-{uuid4().hex[:8]}", f"team-{uuid4().hex[:8]}"
    before = await system.ends(TOPIC)
    told = [to(slug, f"thread {n % 3}", body=b"%d" % n, message="resolved") for n in range(30)]
    async with sending(system) as senders:
        assert (await senders.send(to(other, "t"))).verdict == "accepted"
        for each in told:
            outcome = await senders.send(each)
            assert (outcome.verdict, outcome.said) == ("accepted", f"in {TOPIC}.{slug}")
    records = await system.records(f"{TOPIC}.{slug}")
    assert {record.topic for record in records} == {f"{TOPIC}.{slug}"}
    assert sorted(record.value for record in records) == sorted(each.body for each in told)
    for thread in range(3):
        mine = [record for record in records if record.key == b"thread %d" % thread]
        assert len({record.partition for record in mine}) == 1
        by_place = sorted(mine, key=lambda record: record.offset)
        assert [int(record.value) for record in by_place] == list(range(thread, 30, 3))
    heads = {dict(record.headers)["augentis-id"] for record in records}
    assert heads == {str(each.id).encode() for each in told}
    assert {dict(record.headers)["augentis-kind"] for record in records} == {b"resolved"}
    assert len(await system.records(f"{TOPIC}.{other}")) == 1
    assert await system.ends(TOPIC) == before, "the operators' topic was written to"


async def test_a_topic_is_made_once_as_the_settings_say_and_anew_where_it_was_deleted(system: System):
    slug = f"team-{uuid4().hex[:8]}"
    async with sending(system) as senders, administering(system) as admin:
        first = await asyncio.gather(*(senders.send(to(slug, str(n))) for n in range(20)))
        assert {each.verdict for each in first} == {"accepted"}
        assert len(await system.ends(f"{TOPIC}.{slug}")) == system.settings.topic_partitions
        await admin.delete_topics([f"{TOPIC}.{slug}"])
        async with asyncio.timeout(30):
            while (await senders.send(to(slug, "again"))).verdict != "accepted":  # noqa: ASYNC110  # a broker's time
                await asyncio.sleep(0.1)


async def test_what_is_too_large_is_refused_and_without_a_broker_it_waits(system: System):
    slug = f"team-{uuid4().hex[:8]}"
    async with sending(system) as senders:
        large = await senders.send(to(slug, "t", body=b"x" * (1 << 21)))
        assert (large.verdict, large.said) == ("refused", f"{1 << 21} bytes are too many for the topic")
    alone = Senders(system.settings, None)
    assert (await alone.send(to(slug, "t"))).verdict == "retry"
    await alone.close()


@pytest.mark.parametrize(
    "slug", ["", "acme.beta", ".", "acme/x", "ACME", "acme_beta", "acme\n", "-acme", "acme-", "a" * 240]
)
async def test_no_slug_leads_to_another_topic(system: System, slug: str):
    with pytest.raises(UnfitError):
        topic_of(slug)
    async with sending(system) as senders:
        assert (await senders.send(to(slug, "t", id=UUID(int=1)))).verdict == "refused"
