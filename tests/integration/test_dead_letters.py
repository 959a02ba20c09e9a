"""Dead letters published again: one worker and one relay as processes, on real Kafka and PostgreSQL.

What is counted in the end is what a clean run counts: the same messages, sent to another project of the
organisation when nothing stood in their way.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import typer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from cli.dlq import command
from cli.dlq.replaying import Job, Tally, replay
from cli.exits import AnswerIsNo
from cli.lag import lag
from settings import Settings
from storage import machine_keys
from storage.dead_letters import Wanted
from streams import stamps
from streams.replays import BACKFILL, OTLP
from streams.stamps import Stamp
from streams.wire import Reason
from tests.streaming import NOW, OURS, RAW, Project, System, eventually, sample

TOLERANCE = timedelta(seconds=1)
CAP = 10
MICRO = 1_000_000
ENVIRONMENT = {
    "AUGENTIS_INGEST_AUTH": "key",
    "AUGENTIS_FUTURE_TOLERANCE": "1s",
    "AUGENTIS_MAX_SERIES": str(CAP),
}


@pytest.fixture(scope="module")
def running(system: System) -> Iterator[System]:
    with system.worker(**ENVIRONMENT), system.process("relay"):
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
    system: System,
    reason: Reason,
    project: Project | None,
    to: str | None = None,
    *,
    dry: bool = False,
    wait_for: str = RAW,
) -> Tally:
    """Replay when the relay has brought Kafka what there is, and wait until it is read."""

    async def relayed() -> bool:
        return not await system.value("SELECT count(*) FROM outbox WHERE topic LIKE '%.dlq'")

    await eventually(relayed)
    tally = Tally()
    job = Job(Wanted(reason, project_id=project.id if project else None), to, dry)
    await replay(settings(system), job, tally, lambda _done, _total: None)
    await system.read(to or wait_for)
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


@pytest.fixture
def printed(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], Any]:
    """What the last command has printed; commands of this test have the system's environment."""
    for name, value in system.environment(**ENVIRONMENT).items():
        if name.startswith(OURS):
            monkeypatch.setenv(name, value)
    return lambda: json.loads(capsys.readouterr().out)


async def test_the_commands_count_explain_and_say_no(running: System, printed: Callable[[], Any]):
    system = running
    project = await system.organisation()
    secret = "user-whom-a-log-may-not-name"
    await send(system, project.ingest_key, project.batch([sample(1), sample(-1, user_id=secret)]))
    await replayed(system, Reason.BAD_VALUE, project, dry=True)  # so that Kafka has it
    await command.list_(project=project.id, since="1h", json_=True)
    (row,) = printed()
    assert (row["topic"], row["reason"], row["letters"], row["samples"]) == (RAW, "bad_value", 1, 1)
    assert (row["whole_records"], row["replayed"]) == (0, 0)
    ((at,),) = [await system.fetch("SELECT * FROM dead_letter WHERE project_id = $1", project.id)]
    await command.show(f"{RAW}:{at['partition']}:{at['record_offset']}", payload=True, json_=True)
    (letter,) = printed()
    assert (letter["id"], letter["indices"], letter["reason"]) == (str(at["id"]), [1], "bad_value")
    assert "value" in letter["means"]
    assert letter["key_id"] == str(machine_keys.parse(project.ingest_key or ""))
    assert secret in letter.pop("payload")
    assert secret not in json.dumps(letter)
    with pytest.raises(AnswerIsNo):
        await command.show(str(uuid4()))
    with pytest.raises(typer.Exit) as ended:
        await asyncio.to_thread(command.replay, Reason.BAD_VALUE, project=project.id, json_=True)
    assert ended.value.exit_code == 1
    assert printed() == {
        "found": 1,
        "replayed": 0,
        "would_replay": 0,
        "samples": 0,
        "failed": {"bad_value": 1},
    }


async def test_lag_shows_a_worker_that_has_read_everything(running: System, printed: Callable[[], Any]):
    await running.read()
    await lag(json_=True)
    rows = {(row["topic"], row["partition"]): row for row in printed()}
    row = rows[RAW, 1]
    assert (row["offset_lag"], row["owner"], row["next_offset"]) == (0, "w1", row["end_offset"])
    assert row["fresh_seconds"] < 30
    assert row["event_time_lag_seconds"] > 0


async def map_otlp(system: System, project: Project, *names: str) -> None:
    rules = [{"match": {"name": name}, "as": "count", "metric_name": "feature_usage"} for name in names]
    async with system.superuser() as connection:
        await connection.execute(
            """INSERT INTO otlp_mapping (org_id, id, project_id, rules, created_by)
               SELECT org_id, gen_random_uuid(), id, $2, created_by FROM project WHERE id = $1""",
            project.id,
            json.dumps({"rules": rules}),
        )


def otlp(name: str, *points: tuple[int, datetime]) -> bytes:
    """A request of one counter, told in deltas."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    for value, at in points:
        metric.sum.data_points.add(as_int=value, time_unix_nano=int(at.timestamp() * 1e9))
    return request.SerializeToString()


async def test_points_and_series_count_when_a_rule_is_there_and_the_cap_is_raised(running: System):
    system, then = running, NOW - timedelta(hours=30)
    project = await system.organisation()
    control = await system.another_project(project, "Control")
    await map_otlp(system, project, "shop.sales")
    series = [sample(number, cohort=f"c{number}") for number in range(CAP + 3)]
    # One that has read nothing looks at the mappings now; under the name of the other: that one is fenced.
    with system.worker(**ENVIRONMENT) as worker:
        await worker.says("claimed")
        ahead = datetime.now(UTC) + TOLERANCE + timedelta(seconds=8)
        exports = otlp("shop.sales", (1, then), (2, ahead), (4, then)), otlp("shop.orders", (8, then))
        await send_cleanly(system, project, *exports, topic=OTLP)
        assert sum(row[3] for row in await counted(system, project)) == (1 + 4) * MICRO
        await send(system, project.ingest_key, project.batch(series, uuid4()))
    refused = await system.fetch(
        "SELECT reason, sum(sample_count) FROM dead_letter WHERE project_id = $1 GROUP BY 1", project.id
    )
    assert dict(map(tuple, refused)) == {"future": 1, "unmapped": 0, "too_many_series": 4}

    for each in (project, control):
        await map_otlp(system, each, "shop.sales", "shop.orders")
    with system.worker(**ENVIRONMENT | {"AUGENTIS_MAX_SERIES": "100"}) as worker:
        await worker.says("claimed")
        await asyncio.sleep(max(0.0, (ahead - datetime.now(UTC)).total_seconds()))
        for _ in range(2):
            for reason, to in ((Reason.FUTURE, OTLP), (Reason.UNMAPPED, OTLP), (Reason.TOO_MANY_SERIES, RAW)):
                tally = await replayed(system, reason, project, wait_for=to)
                assert (tally.replayed, tally.failed) == (1, {}), reason
            await forget_that_it_was_replayed(system)
        await send_cleanly(system, control, *exports, topic=OTLP)
        await send_cleanly(system, control, control.batch(series))
        assert await counted(system, project) == await counted(system, control)
        total = sum(row[3] for row in await counted(system, project))
        assert total == (1 + 2 + 4 + 8 + sum(range(len(series)))) * MICRO
