"""Dead letters published again: one worker and one relay as processes, on real Kafka and PostgreSQL.

What is counted in the end is what a clean run counts: the same messages, sent to another project of the
organisation when nothing stood in their way.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from cli.dlq.replaying import Job, Tally, replay
from settings import Settings
from storage import machine_keys
from storage.dead_letters import Wanted
from streams import stamps
from streams.replays import BACKFILL
from streams.stamps import Stamp
from streams.wire import Reason
from tests.streaming import NOW, RAW, Project, System, eventually, sample

TOLERANCE = timedelta(seconds=1)


@pytest.fixture(scope="module")
def running(system: System) -> Iterator[System]:
    with system.worker(AUGENTIS_INGEST_AUTH="key", AUGENTIS_FUTURE_TOLERANCE="1s"), system.process("relay"):
        yield system


def settings(system: System) -> Settings:
    return system.settings.model_copy(update={"ingest_auth": "key", "future_tolerance": TOLERANCE})


async def counted(system: System, project: Project) -> list[tuple[Any, ...]]:
    """All that was counted of a project, merged over partitions."""
    rows = await system.fetch(
        """SELECT hour, metric_name, cohort, sum(value_micro), sum(sample_count)
           FROM partial WHERE project_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        project.id,
    )
    return [tuple(row) for row in rows]


async def send(system: System, key: str | None, *messages: bytes) -> None:
    headers = [("augentis-key", key.encode())] if key else []
    async with system.producer() as producer:
        for message in messages:
            await producer.send_and_wait(RAW, message, headers=headers, partition=1)
    await system.read()


async def send_cleanly(system: System, project: Project, *messages: bytes, topic: str = RAW) -> None:
    """Send messages as a producer does in whose way nothing stands."""
    key, stamp = stamps.key(system.secret), Stamp(project.org_id, project.id)
    async with system.producer() as producer:
        for message in messages:
            headers = stamps.sign(key, topic, message, stamp)
            await producer.send_and_wait(topic, message, headers=headers, partition=1)
    await system.read(topic)


async def replayed(
    system: System, reason: Reason, project: Project | None, to: str | None = None, *, dry: bool = False
) -> Tally:
    """Replay when the relay has brought Kafka what there is, and wait until it is read."""

    async def relayed() -> bool:
        return not await system.value("SELECT count(*) FROM outbox WHERE topic LIKE '%.dlq'")

    await eventually(relayed)
    tally = Tally()
    job = Job(Wanted(reason, project_id=project.id if project else None), to, dry)
    await replay(settings(system), job, tally, lambda _done, _total: None)
    await system.read(to or RAW)
    return tally


async def forget_that_it_was_replayed(system: System) -> None:
    """As if the command had been killed between Kafka's acknowledgement and its own note."""
    async with system.superuser() as connection:
        await connection.execute("UPDATE dead_letter SET replayed_at = NULL, replayed_as = NULL")


async def make(system: System, project: Project, of: Project) -> None:
    """Make a project whose id was in messages before."""
    async with system.superuser() as connection:
        await connection.execute(
            """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
               SELECT org_id, $1::uuid, workspace_id, $1::uuid::text, problem_statement, created_by
               FROM project WHERE id = $2""",
            project.id,
            of.id,
        )


def messages(project: Project, batch_id: UUID, *batch: dict[str, Any]) -> tuple[bytes, bytes]:
    """One batch and one flat sample without a batch id."""
    return project.batch(batch, batch_id), project.flat(sample(100))


async def test_of_a_project_that_was_made_later_all_counts_once(running: System):
    system = running
    known = await system.organisation()
    project, control = (Project(known.org_id, uuid4()) for _ in range(2))
    batch_id = uuid4()
    sent = messages(project, batch_id, sample(1), sample(2, cohort="x"))
    await send(system, known.ingest_key, *sent)
    assert await counted(system, project) == []

    tally = await replayed(system, Reason.UNKNOWN_PROJECT, None, dry=True)
    assert tally.failed["unproven"] >= 2, "no key was checked, and nobody vouches"
    tally = await replayed(system, Reason.UNKNOWN_PROJECT, project)
    assert tally.failed == {"unknown_project": 2}, "it is not there yet"
    for each in (project, control):
        await make(system, each, known)
    tally = await replayed(system, Reason.UNKNOWN_PROJECT, project, dry=True)
    assert (tally.replayed, tally.samples, tally.failed) == (2, 3, {})
    assert await counted(system, project) == []
    tally = await replayed(system, Reason.UNKNOWN_PROJECT, project)
    assert (tally.replayed, tally.samples, tally.failed) == (2, 3, {})

    await send_cleanly(system, control, *messages(control, uuid4(), sample(1), sample(2, cohort="x")))
    clean = await counted(system, control)
    assert sum(row[-1] for row in clean) == 3
    assert await counted(system, project) == clean
    assert (await replayed(system, Reason.UNKNOWN_PROJECT, project)).found == 0, "all were replayed"
    await forget_that_it_was_replayed(system)
    assert (await replayed(system, Reason.UNKNOWN_PROJECT, project)).replayed == 2
    await send_cleanly(system, project, sent[0])
    assert await counted(system, project) == clean, "neither a second replay nor the producer's resend"


async def test_what_came_without_a_key_counts_when_the_operator_vouches_for_it(running: System):
    system = running
    project = await system.organisation()
    control = await system.another_project(project, "Control")
    batch_id = uuid4()
    sent = messages(project, batch_id, sample(1), sample(2))
    await send(system, None, *sent)
    await send(system, None, *messages(control, uuid4(), sample(1), sample(2)))
    tally = await replayed(system, Reason.BAD_KEY, project)
    assert (tally.replayed, tally.samples, tally.failed) == (2, 3, {})
    assert await counted(system, control) == [], "its letters were not vouched for"
    await send(system, project.ingest_key, sent[0])
    await send_cleanly(system, control, *messages(control, uuid4(), sample(1), sample(2)))
    assert await counted(system, project) == await counted(system, control) != []


async def test_of_a_batch_the_refused_samples_alone_are_published(running: System):
    system = running
    project = await system.organisation()
    control = await system.another_project(project, "Control")
    ahead = datetime.now(UTC) + TOLERANCE + timedelta(seconds=3)
    batch = [sample(1), sample(10, ahead), sample(100), sample(-1), sample(1000, ahead)]
    sent = project.batch(batch, uuid4())
    await send(system, project.ingest_key, sent)
    assert sum(row[-1] for row in await counted(system, project)) == 2
    tally = await replayed(system, Reason.FUTURE, project)
    assert tally.failed == {"future": 1}, "its time has not come"
    await asyncio.sleep(max(0.0, (ahead - datetime.now(UTC)).total_seconds()))
    tally = await replayed(system, Reason.FUTURE, project)
    assert (tally.replayed, tally.samples, tally.failed) == (1, 2, {})
    await forget_that_it_was_replayed(system)
    await replayed(system, Reason.FUTURE, project)
    await send(system, project.ingest_key, sent)
    await send_cleanly(system, control, control.batch(batch, uuid4()))
    assert await counted(system, project) == await counted(system, control)
    assert sum(row[-1] for row in await counted(system, project)) == 4
    tally = await replayed(system, Reason.BAD_VALUE, project)
    assert tally.failed == {"bad_value": 1}, "no replay makes it right"


async def test_what_came_too_late_goes_in_as_history(running: System):
    system = running
    project = await system.organisation()
    control = await system.another_project(project, "Control")
    old = NOW - timedelta(days=9)
    await send(system, project.ingest_key, project.batch([sample(1)]))
    await send(system, project.ingest_key, project.batch([sample(2), sample(4, old)], uuid4()))
    assert (await replayed(system, Reason.TOO_LATE, project, BACKFILL)).replayed == 1
    await send_cleanly(system, control, control.batch([sample(1), sample(2)]))
    await send_cleanly(system, control, control.batch([sample(4, old)]), topic=BACKFILL)
    assert await counted(system, project) == await counted(system, control)
    assert len(await counted(system, project)) == 2


async def test_the_commands_count_explain_and_say_no(running: System):
    system = running
    project = await system.organisation()
    secret = "user-whom-a-log-may-not-name"
    await send(system, project.ingest_key, project.batch([sample(1), sample(-1, user_id=secret)]))
    await replayed(system, Reason.BAD_VALUE, project, dry=True)  # so that Kafka has it
    (row,) = _printed(system, 0, "list", "--project", str(project.id), "--since", "1h")
    assert (row["topic"], row["reason"], row["letters"], row["samples"]) == (RAW, "bad_value", 1, 1)
    assert (row["whole_records"], row["replayed"]) == (0, 0)
    at = await system.fetch("SELECT * FROM dead_letter WHERE project_id = $1", project.id)
    place = f"{RAW}:{at[0]['partition']}:{at[0]['record_offset']}"
    (letter,) = _printed(system, 0, "show", place, "--payload")
    assert (letter["id"], letter["indices"], letter["reason"]) == (str(at[0]["id"]), [1], "bad_value")
    assert "value" in letter["means"]
    assert letter["key_id"] == str(machine_keys.parse(project.ingest_key or ""))
    assert secret in letter.pop("payload")
    assert secret not in json.dumps(letter)
    summary = _printed(system, 1, "replay", "--reason", "bad_value", "--project", str(project.id))
    assert summary == {"found": 1, "replayed": 0, "would_replay": 0, "samples": 0, "failed": {"bad_value": 1}}


async def test_lag_shows_a_worker_that_has_read_everything(running: System):
    await running.read()
    done = running.augentis("lag", "--json")
    assert done.returncode == 0, done.stderr
    rows = {(row["topic"], row["partition"]): row for row in json.loads(done.stdout)}
    row = rows[RAW, 1]
    assert (row["offset_lag"], row["owner"], row["next_offset"]) == (0, "w1", row["end_offset"])
    assert row["fresh_seconds"] < 30
    assert row["event_time_lag_seconds"] > 0


def _printed(system: System, exit_code: int, *arguments: str) -> Any:
    done = system.augentis("dlq", *arguments, "--json", AUGENTIS_INGEST_AUTH="key")
    assert done.returncode == exit_code, done.stderr
    return json.loads(done.stdout)
