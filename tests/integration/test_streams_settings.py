"""Workers with settings of their own: ingest keys, and hours that close by event time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cli.sessions import tenant_sessions
from storage import machine_keys
from storage.entities import keys
from storage.secrets import seal
from storage.tenancy import Claims
from tests.streaming import NOW, RAW, Process, Project, System, eventually, sample

Header = tuple[str, bytes]
DLQ = f"{RAW}.dlq"


async def waiting(system: System) -> dict[int, str]:
    """Return the reasons of dead letters that wait in the outbox, by the offset in partition 0."""
    rows = await system.fetch(
        """SELECT headers->>'augentis-offset' AS at, headers->>'augentis-reason' AS reason FROM outbox
           WHERE topic = $1 AND headers->>'augentis-partition' = '0'""",
        DLQ,
    )
    return {int(row["at"]): row["reason"] for row in rows}


async def send_with(system: System, project: Project, *headers: Header) -> int:
    async with system.producer() as producer:
        sent = await producer.send_and_wait(
            RAW, project.batch([sample(1)]), partition=0, headers=list(headers)
        )
    return int(sent.offset)


async def test_with_keys_a_message_counts_for_the_project_of_its_key_alone(system: System):
    project, other = await system.organisation(), await system.organisation()
    third = await system.another_project(project, "Loyalty")
    assert project.ingest_key
    assert other.ingest_key
    name = "augentis-key"
    right, foreign = project.ingest_key.encode(), other.ingest_key.encode()
    reading = await key_of(system, project, scopes=["read"])
    expired = await key_of(system, project, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with system.worker(AUGENTIS_INGEST_AUTH="key") as worker:
        refused = {
            await send_with(system, project): "bad_key",
            await send_with(system, project, (name, b"")): "bad_key",
            await send_with(system, project, (name, b"no key \xff")): "bad_key",
            await send_with(system, project, (name, machine_keys.make()[1].encode())): "bad_key",
            await send_with(system, project, (name, right[:-1] + b"!")): "bad_key",
            await send_with(system, project, (name.upper(), right)): "bad_key",
            await send_with(system, project, (name, reading)): "bad_key",
            await send_with(system, project, (name, expired)): "bad_key",
            await send_with(system, project, (name, foreign)): "tenant_mismatch",
            await send_with(system, third, (name, right)): "tenant_mismatch",
        }
        counted = await send_with(system, project, ("trace", b"1"), (name, right))
        await system.read()
        # No relay runs: what is refused waits in the outbox.
        found = await waiting(system)
        assert {offset: found.get(offset) for offset in refused} == refused
        assert counted not in found
        assert await system.count(project) == 1
        assert await system.count(third) == 0
        assert right.decode() not in worker.log
        # Nothing more is sent: the use is noted all the same.
        await eventually(lambda: _is_used(system, right), 10)
        assert not await _is_used(system, reading)
        assert not await _is_used(system, expired)

        async with system.superuser() as connection:
            await connection.execute("UPDATE machine_key SET revoked_at = now() WHERE id = $1", _id(right))
    with system.worker(AUGENTIS_INGEST_AUTH="key"):  # a worker notices within 30 s; a new one at once
        revoked = await send_with(system, project, (name, right))
        await system.read()
        assert (await waiting(system))[revoked] == "bad_key"
        assert await system.count(project) == 1


async def key_of(system: System, project: Project, **more: Any) -> bytes:
    """Return one more key of the project."""
    (admin,) = await system.fetch("SELECT created_by FROM project WHERE id = $1", project.id)
    claims = Claims(admin["created_by"], project.org_id)
    async with tenant_sessions(system.settings) as sessions, sessions.open(claims) as session:
        return (await keys.create(session, claims, project.id, "one more", **more))[1].encode()


async def _is_used(system: System, key: bytes) -> bool:
    query = "SELECT last_used_at IS NOT NULL FROM machine_key WHERE id = $1"
    return bool(await system.value(query, _id(key)))


def _id(key: bytes) -> UUID:
    found = machine_keys.parse(key.decode())
    assert found
    return found


async def test_dead_letters_wait_sealed_and_are_erased_once_kafka_has_them(system: System):
    secret = b'{"user": "user-in-the-outbox"'
    with system.worker():
        async with system.producer() as producer:
            sent = await producer.send_and_wait(RAW, secret, partition=3)
        await system.read()
    (row,) = await system.fetch(
        """SELECT value, sealed FROM outbox WHERE topic = $1 AND headers->>'augentis-partition' = '3'
           AND headers->>'augentis-offset' = $2""",
        DLQ,
        str(sent.offset),
    )
    assert row["sealed"]
    assert secret not in row["value"]
    assert seal(system.secret).decrypt(row["value"]) == secret
    with system.process("relay"):

        async def gone() -> bool:
            return not await system.value("SELECT count(*) FROM outbox WHERE topic = $1", DLQ)

        await eventually(gone)
    assert secret in [record.value for record in await system.records(DLQ)]


async def test_hours_close_as_event_time_passes_them_and_become_final_with_lateness(system: System):
    project, other = await system.organisation(), await system.organisation()
    first = NOW - timedelta(days=9)

    async def closed_through() -> object:
        return await system.value(
            "SELECT closed_through FROM project_clock WHERE project_id = $1", project.id
        )

    async def send(hours: float, *, partition: int = 0) -> None:
        await system.send(project.batch([sample(1, first + timedelta(hours=hours))]), partition=partition)
        await system.read()

    with system.worker(AUGENTIS_IDLE_AFTER="1h", AUGENTIS_GRACE="10m") as worker:
        await send(0.5)
        await send(1 + 9 / 60)
        # Grace is not over: the hour stays open whatever another project's clock says.
        await system.send(other.batch([sample(1)]))
        await system.read()
        await _some_ticks(system, worker)
        assert await system.telemetry(project) == []
        await send(1 + 10 / 60)
        await eventually(lambda: _is(closed_through, first + timedelta(hours=1)))
        # A second partition that lags holds the hours open.
        await send(1.5, partition=1)
        await send(30)
        await _some_ticks(system, worker)
        assert await closed_through() == first + timedelta(hours=1)
        await send(26.5, partition=1)
        await eventually(lambda: _is(closed_through, first + timedelta(hours=26)))
        rows = await system.telemetry(project)
        assert [row["timestamp"] for row in rows] == [first, first + timedelta(hours=1)]
        assert [row["is_final"] for row in rows] == [False, False]
        for partition in (0, 1):
            await send(7 * 24 + 1.5, partition=partition)
        await eventually(lambda: _is(closed_through, first + timedelta(days=7, hours=1)))
        assert [row["is_final"] for row in await system.telemetry(project)][:2] == [True, False]


async def _is(found, expected: object) -> bool:
    return bool(await found() == expected)


async def _some_ticks(system: System, worker: Process) -> None:
    """Wait until the closer has looked: it has closed another project that was due later."""
    witness = await system.organisation()
    await system.send(
        witness.batch([sample(1, NOW - timedelta(hours=4)), sample(1, NOW - timedelta(hours=2))]), partition=2
    )
    await eventually(lambda: _closed(system, witness))
    assert worker.popen.poll() is None


async def _closed(system: System, project: Project) -> bool:
    return bool(await system.value("SELECT count(*) FROM telemetry WHERE project_id = $1", project.id))


@pytest.fixture(autouse=True)
async def nothing_waits(system: System):
    """Leave no dead letter for the next test."""
    yield
    async with system.superuser() as connection:
        await connection.execute("DELETE FROM outbox WHERE topic = $1", DLQ)
