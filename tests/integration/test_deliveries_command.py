"""`augentis deliveries list | replay`, in this process."""

import asyncio
import json
from typing import Any
from uuid import uuid4

from cli.exits import Exit
from tests.integration.conftest import Augentis
from tests.world import World

ORG = ("--org", "acme")
MANY = 430


def changed(world: World, sql: str, *values: object) -> list[Any]:
    async def change() -> list[Any]:
        async with world.database.superuser() as connection:
            return list(await connection.fetch(sql, *values))

    return asyncio.run(change())


def channel_of(world: World, dead: int) -> str:
    """Make a channel with deliveries that were given up, two a thread."""
    channel = uuid4()
    changed(
        world,
        """INSERT INTO alert_channel (org_id, id, name, kind, settings, created_by)
           VALUES ($1, $2, $3, 'kafka', '{}', $4)""",
        world.a,
        channel,
        f"kafka {channel}",
        world.ann,
    )
    changed(
        world,
        """INSERT INTO alert_delivery
               (org_id, id, channel_id, thread_id, sequence, kind, body, status, last_error)
           SELECT $1, gen_random_uuid(), $2, md5((n / 2)::text)::uuid, n + 1, 'detected', '{}', 'DEAD', 'why'
           FROM generate_series(0, $3 - 1) AS n""",
        world.a,
        channel,
        dead,
    )
    return f"kafka {channel}"


def test_what_was_given_up_is_listed(operator: Augentis, changing_world: World):
    name = channel_of(changing_world, 3)
    assert operator("deliveries", "list", *ORG, "--channel", name) == Exit.DONE, operator.err
    lines = operator.out.splitlines()
    assert lines[0].split()[:3] == ["created_at", "status", "kind"]
    assert [line.split()[1:3] for line in lines[1:]] == [["DEAD", "detected"]] * 3
    assert operator("deliveries", "list", *ORG, "--channel", name, "--status", "SENT", "--json") == Exit.DONE
    assert json.loads(operator.out) == {"items": []}
    assert operator("deliveries", "list", *ORG, "--status", "LOST") == Exit.USAGE
    assert operator("deliveries", "list", *ORG, "--channel", "nowhere") == Exit.USAGE
    assert "no channel 'nowhere'" in operator.err


def test_all_of_a_channel_are_sent_again(operator: Augentis, changing_world: World):
    name = channel_of(changing_world, MANY)
    assert operator("deliveries", "replay", *ORG, "--channel", name, "--dry-run") == Exit.DONE, operator.err
    assert operator.out == f"{MANY} would be sent again\n"
    assert operator("deliveries", "replay", *ORG, "--channel", name, "--json") == Exit.DONE, operator.err
    assert json.loads(operator.out) == {"found": MANY, "replayed": MANY, "dry_run": False}
    stand = "SELECT status, count(*), count(next_attempt_at) FROM alert_delivery d JOIN alert_channel c"
    of_it = f"{stand} ON c.id = d.channel_id WHERE c.name = $1 GROUP BY 1"
    assert [tuple(row) for row in changed(changing_world, of_it, name)] == [("PENDING", MANY, MANY // 2)]
    assert operator("deliveries", "replay", *ORG, "--channel", name) == Exit.DONE
    assert operator.out == "0 of 0 sent again\n"


def test_those_that_are_named_are_sent_again_or_none(operator: Augentis, changing_world: World):
    channel_of(changing_world, 2)
    dead = changed(changing_world, "SELECT id FROM alert_delivery ORDER BY created_at DESC LIMIT 2")
    ids = [str(row["id"]) for row in dead]
    assert operator("deliveries", "replay", *ids, uuid4(), *ORG) == Exit.NO
    assert "there is no such delivery; nothing was sent again" in operator.err
    assert operator("deliveries", "replay", *ids, *ORG) == Exit.DONE, operator.err
    assert operator.out == "2 of 2 sent again\n"
    assert operator("deliveries", "replay", *ids, *ORG) == Exit.NO
    assert "it is PENDING, not DEAD" in operator.err
    assert operator("deliveries", "replay", *ORG) == Exit.USAGE


def test_a_channel_that_is_disabled_is_enabled_first(operator: Augentis, changing_world: World):
    name = channel_of(changing_world, 1)
    changed(
        changing_world,
        "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'status 410' WHERE name = $1",
        name,
    )
    assert operator("deliveries", "replay", *ORG, "--channel", name) == Exit.NO
    assert "its channel is disabled: enable it first" in operator.err
