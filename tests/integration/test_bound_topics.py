"""Topics bound to one project: bound and unbound while a worker runs, and believed without a key."""

import json
import signal

import asyncpg

from migrations import topics
from storage import bindings
from tests.streaming import RAW, Project, System, eventually, sample
from tests.world import World


async def reasons(system: System, topic: str) -> dict[int, str]:
    """Return why records of `topic`'s first partition were refused, by offset; letters wait in the outbox."""
    rows = await system.fetch(
        """SELECT headers FROM outbox WHERE topic = $1 AND headers->>'augentis-topic' = $2
           AND headers->>'augentis-partition' = '0'""",
        *(f"{RAW}.dlq", topic),
    )
    headers = [json.loads(row["headers"]) for row in rows]
    return {int(each["augentis-offset"]): each["augentis-reason"] for each in headers}


async def sent(system: System, topic: str, value: bytes) -> int:
    async with system.producer() as producer:
        return int((await producer.send_and_wait(topic, value, partition=0)).offset)


async def test_a_bound_topic_is_read_at_once_and_believed_for_its_project_alone(system: System):
    project, other = await system.organisation(), await system.organisation()
    topic = f"{RAW}.{project.slug}"
    with system.worker(AUGENTIS_INGEST_AUTH="topic") as worker:
        await worker.says("claimed")
        unbound = await sent(system, RAW, project.batch([sample(1)]))
        bind = system.augentis("topic", "bind", topic, "--org", project.slug, "--project", str(project.id))
        assert (bind.returncode, bind.stdout) == (0, ""), bind.stderr
        await sent(system, topic, project.batch([sample(1), sample(2)]))
        foreign = await sent(system, topic, other.batch([sample(1)]))
        await eventually(lambda: _count(system, project, 2))
        await eventually(lambda: _is(system, topic, {foreign: "tenant_mismatch"}))
        assert (await reasons(system, RAW))[unbound] == "bad_key"
        assert await system.count(other) == 0
        assert system.augentis("topic", "unbind", topic).returncode == 0
        await eventually(lambda: worker.log.count("worker is up") == 3)
        # Ours is the process that was started: no supervisor had to start it again.
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0


async def _count(system: System, project: Project, samples: int) -> bool:
    return bool(await system.count(project) == samples)


async def _is(system: System, topic: str, expected: dict[int, str]) -> bool:
    return await reasons(system, topic) == expected


async def test_a_topic_is_one_projects_for_ever(world: World):
    a1, b1 = ((place.org, place.project) for place in (world.places["a1"], world.places["b1"]))
    connection = await asyncpg.connect(world.database.worker_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        assert await bindings.bind(connection, "raw_metrics.acme", a1)
        assert await bindings.bind(connection, "raw_metrics.acme", a1)
        assert not await bindings.bind(connection, "raw_metrics.acme", b1)
        assert (await bindings.bound(connection))["raw_metrics.acme"] == a1
        assert await bindings.unbind(connection, "raw_metrics.acme")
        assert not await bindings.unbind(connection, "raw_metrics.acme")
        assert "raw_metrics.acme" not in await bindings.bound(connection)
        assert not await bindings.bind(connection, "raw_metrics.acme", b1)
        assert await bindings.bind(connection, "raw_metrics.acme", a1)
        (row,) = [each for each in await bindings.every(connection) if each.topic == "raw_metrics.acme"]
        assert (row.project_id, row.unbound_at) == (a1[1], None)
        for name, found in (("acme", [a1]), (str(world.a), [a1]), ("beta", [])):
            assert await bindings.projects_named(connection, name, "Project a1") == found
    finally:
        await transaction.rollback()
        await connection.close()


def test_what_a_bound_topic_may_be_called():
    for name in ("raw_metrics.acme", "otlp_metrics.a.b-c_1"):
        assert topics.may_be_bound(name), name
    for name in (
        *("raw_metrics", "raw_metrics.", "other.acme", "raw_metrics.dlq", "raw_metrics.acme.parked"),
        *("raw_metrics.a b", "raw_metrics.ä", "raw_metrics." + "x" * 230),
    ):
        assert not topics.may_be_bound(name), name
    assert [topics.base_of(name) for name in ("raw_metrics", "otlp_metrics.a.b")] == [
        "raw_metrics",
        "otlp_metrics",
    ]
