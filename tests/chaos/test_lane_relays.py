"""Relays of deliveries that are killed again and again: nothing is lost, and each thread keeps its order."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Self
from uuid import uuid4

from tests.databases import Database
from tests.lanes import SIGNING, team_of
from tests.receivers import Receiver

KILLS, RELAYS, CHANNELS, THREADS = 10, 3, 6, 5


class Fleet:
    """Relays, each a process."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._processes = [self._start() for _ in range(RELAYS)]

    def kill(self, place: int) -> None:
        """Kill one, and start another in its place."""
        self._processes[place].kill()
        self._processes[place].wait()
        self._processes[place] = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "tests.chaos.lane_relay"], env=self._environment)


async def test_relays_that_are_killed_lose_nothing_and_keep_the_order(
    database: Database, home: Path, tmp_path: Path
):
    environment = {
        **os.environ,
        **database.environment(home),
        "AUGENTIS_WEBHOOK_ALLOW": "127.0.0.0/8",
        "AUGENTIS_DELIVERY_TIMEOUT": "2s",
    }
    chance = random.Random(7)
    with Receiver(tmp_path / "receiver") as receiver, Fleet(environment) as fleet:
        async with team_of(database) as team:
            receiver.trust("/team", SIGNING)
            receiver.always("/team", "slow:0.1")
            receiver.script("/team", *["503", "reset"] * 3)
            channels = [await team.channel(receiver.url("/team")) for _ in range(CHANNELS)]
            threads = [(channel, uuid4()) for channel in channels for _ in range(THREADS)]
            for number in range(KILLS):
                news = [
                    team.new(channel, thread, f"{thread} {number * 2 + more:03}")
                    for channel, thread in threads
                    for more in range(2)
                ]
                await team.put(*news)
                before = len(receiver.received())
                # Killed with sends on their way: at once where they hang back, else as they begin.
                for _ in range(40):
                    if len(receiver.received()) > before:
                        break
                    await asyncio.sleep(0.05)
                await asyncio.sleep(chance.random() / 10)
                fleet.kill(number % RELAYS)
            await team.none_waits(60)
            sent = {str(row["id"]) for row in await team.rows("id", "status = 'SENT'")}
            accepted = receiver.accepted()
    # As they were taken first: what was on its way as its relay was killed comes twice.
    first = {each.id: each.json["say"] for each in reversed(accepted)}
    assert set(first) == sent, "each was taken, and none that was not put"
    assert len(sent) == KILLS * 2 * len(threads)
    told = [first[each] for each in dict.fromkeys(each.id for each in accepted)]
    for _, thread in threads:
        own = [say for say in told if say.startswith(str(thread))]
        assert own == sorted(own)
    # At most what each relay that was killed had on its way.
    assert len(accepted) - len(sent) <= KILLS * len(threads)
