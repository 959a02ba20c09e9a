"""A month in which an assumption crosses its bound daily: Telemetry, reports, and what a team is told."""

import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from storage import channel_secrets
from streams.notifier import _Looking
from tests.databases import SECRET
from tests.integration.test_detection_course import connection, examine, place, reports, write
from tests.world import Place, World

__all__ = ["connection", "place"]

SOUND, FLAPPING, STEADY = range(60, 45, -1), range(45, 15, -1), range(15, 0, -1)
"""Days ago."""
GOOD, BAD = 75, 45


async def tell_at_once(connection: asyncpg.Connection, world: World, place: Place) -> None:
    """Have one channel told of each report, at once, and let nothing be due from before."""
    channel = uuid4()
    for table in ("alert_due", "alert_told", "alert_delivery", "alert_lane", "alert_route_channel"):
        await connection.execute(f"DELETE FROM {table}")
    await connection.execute(
        """INSERT INTO alert_channel (org_id, id, name, kind, settings, sealed, created_by)
           VALUES ($1, $2, 'flapping', 'webhook', $3, $4, $5)""",
        *(place.org, channel, json.dumps({"url": "https://team.example/"})),
        *(channel_secrets.seal(SECRET, {"secrets": [channel_secrets.generated()]}), world.ann),
    )
    await connection.execute(
        """INSERT INTO alert_route_channel (org_id, route_id, channel_id, role)
           SELECT org_id, id, $2, 'notify' FROM alert_route WHERE org_id = $1 AND is_default""",
        *(place.org, channel),
    )
    # An organisation that tests end in has other routes: this one is asked for all of them.
    await connection.execute("DELETE FROM alert_route WHERE NOT is_default")
    await connection.execute(
        "UPDATE alert_route SET group_wait = '0', cosmetic = 'at_once' WHERE org_id = $1", place.org
    )
    for table in ("alert_silence", "alert_window"):
        await connection.execute(f"DELETE FROM {table}")


async def test_it_is_one_report_told_once_when_it_broke_and_once_when_it_holds(
    connection: asyncpg.Connection, world: World, place: Place, tmp_path: Path
):
    await tell_at_once(connection, world, place)
    await write(connection, place, [*SOUND, *STEADY], GOOD)
    await write(connection, place, [ago for ago in FLAPPING if ago % 2 == 0], GOOD)
    await write(connection, place, [ago for ago in FLAPPING if ago % 2], BAD)
    settings = world.database.settings(tmp_path)
    for ago in (*SOUND, *FLAPPING, *STEADY):
        await examine(connection, world, place, ago)
        await connection.execute(f'SET LOCAL ROLE "{urlsplit(world.database.worker_url).username}"')
        while await _Looking(connection, place.org, settings).look(200):
            pass
        await connection.execute("RESET ROLE")
        if ago == FLAPPING[-1]:
            assert await reports(connection) == [("OPEN", None)]
    assert await reports(connection) == [("RESOLVED", "data")]
    told = await connection.fetch("SELECT kind FROM alert_delivery ORDER BY sequence")
    assert Counter(row["kind"] for row in told) == {"detected": 1, "resolved": 1}
