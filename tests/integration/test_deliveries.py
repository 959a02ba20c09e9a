"""Deliveries from lanes to a receiver, by relays that share the work."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from settings import Settings
from tests.databases import Database
from tests.lanes import SIGNING, Team, relaying, team_of
from tests.receivers import Receiver


@pytest.fixture
async def team(database: Database) -> AsyncIterator[Team]:
    async with team_of(database) as team:
        yield team


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as receiver:
        yield receiver


@pytest.fixture
def settings(database: Database, home: Path, receiver: Receiver) -> Settings:
    return database.settings(home, AUGENTIS_WEBHOOK_ALLOW="127.0.0.0/8", AUGENTIS_DELIVERY_TIMEOUT="5s")


async def test_two_relays_send_each_once_and_each_thread_in_its_order(team, receiver, settings):
    receiver.trust("/team", SIGNING)
    receiver.always("/team", "slow:0.02")
    channels = [await team.channel(receiver.url("/team")) for _ in range(3)]
    threads = [uuid4() for _ in range(10)]
    async with relaying(team.pool, settings, count=2):
        for place in range(6):
            await team.put(*(team.new(channel, thread, f"{channel}/{thread}/{place}") for channel in channels for thread in threads))
        await team.none_waits()
    came = [each.json["say"] for each in receiver.received()]
    assert len(came) == len(set(came)) == 180
    for channel in channels:
        for thread in threads:
            own = [say for say in came if say.startswith(f"{channel}/{thread}")]
            assert own == [f"{channel}/{thread}/{place}" for place in range(6)]
