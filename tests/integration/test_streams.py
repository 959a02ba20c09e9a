"""One worker and one relay, as processes, on real Kafka and PostgreSQL."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest

from migrations.topics import largest_batch
from tests.reference import check, traffic
from tests.streaming import NOW, RAW, Process, System, eventually, sample

DLQ = f"{RAW}.dlq"


@pytest.fixture(scope="module")
def worker(system: System) -> Iterator[Process]:
    with system.worker() as worker:
        yield worker


@pytest.fixture(scope="module")
def relay(system: System) -> Iterator[Process]:
    with system.process("relay") as relay:
        yield relay


class Abandoned(Exception):  # noqa: N818  # what an app's own failure is called is its affair
    """An app changes its mind inside a transaction."""


@pytest.mark.usefixtures("worker")
async def test_telemetry_is_what_the_samples_say(system: System):
    project = await system.organisation()
    made = traffic(project, seed=1, batches=120)
    async with system.producer(linger_ms=20) as producer:
        for partition, message in made.messages:
            await producer.send(RAW, message, partition=partition)
    await system.closed(project)
    rows = await system.telemetry(project)
    check(rows, made.samples)
    assert len({row["metric_name"] for row in rows}) == 6
    assert len({row["cohort"] for row in rows}) == 3
    assert {row["org_id"] for row in rows} == {project.org_id}


async def test_bad_messages_go_to_the_dead_letters_and_the_stream_goes_on(
    system: System, worker: Process, relay: Process
):
    del relay
    project, stranger = await system.organisation(), uuid4()
    secret = "user-whom-nobody-may-see"
    newest = NOW - timedelta(hours=2)
    messages = {
        "first": project.batch([sample(1)]),
        "not_json": f'{{"user_id": "{secret}"'.encode(),
        "unknown_org": project.batch([sample(1, user_id=secret)]).replace(
            str(project.org_id).encode(), str(stranger).encode()
        ),
        "unknown_project": project.batch([sample(1)]).replace(
            str(project.id).encode(), str(stranger).encode()
        ),
        "bad_value": project.batch([sample(2), sample(-1, user_id=secret), sample("x"), sample(4)]),
        "unknown_metric": project.batch([sample(1, metric_name="page_views"), sample(8)]),
        "future": project.flat(sample(1, NOW + timedelta(hours=3), user_id=secret)),
        "newer": project.batch([sample(16, newest)]),
        "too_late": project.batch([sample(1, newest - timedelta(days=7, seconds=1)), sample(32)]),
        "too_large": json.dumps(
            {
                "org_id": str(project.org_id),
                "project_id": str(project.id),
                "samples": [{"metric_name": "retention", "value": 1, "timestamp": 1}] * 20_000,
            },
            separators=(",", ":"),
        ).encode(),
        "last": project.batch([sample(64)]),
    }
    good = {"first", "newer", "last"}
    sent = {}
    async with system.producer(max_request_size=1_120_000) as producer:
        for name, message in messages.items():
            sent[name] = await producer.send_and_wait(RAW, message, key=f"key {name}".encode(), partition=1)
    await system.closed(project)
    rows = await system.telemetry(project)
    assert sum(row["metric_value"] for row in rows) == 1 + 2 + 4 + 8 + 16 + 32 + 64

    by_offset = await system.letters(1)
    assert by_offset.keys() >= {sent[name].offset for name in messages.keys() - good}
    for name, where in sent.items():
        if name in good:
            assert where.offset not in by_offset
            continue
        record, headers = by_offset[where.offset]
        assert (record.value, record.key) == (messages[name], f"key {name}".encode())
        assert headers["augentis-reason"] == name
        assert headers["augentis-topic"] == RAW
        assert headers["augentis-timestamp"] == str(where.timestamp)
        known = name not in {"not_json", "unknown_org", "unknown_project", "too_large"}
        assert headers.get("augentis-org") == (str(project.org_id) if known else None)
        assert headers.get("augentis-project") == (str(project.id) if known else None)
        indices = {"bad_value": [1, 2], "unknown_metric": [0], "too_late": [0], "future": [0]}
        assert json.loads(headers["augentis-indices"]) == indices.get(name, [])
        assert f"refused: {name}" in worker.log
    assert f"{RAW}[1]@{sent['not_json'].offset}" in worker.log
    assert str(project.org_id) in worker.log
    assert secret not in worker.log
    assert await system.value("SELECT count(*) FROM outbox WHERE topic = $1", DLQ) == 0


@pytest.mark.usefixtures("worker", "relay")
async def test_a_letter_as_large_as_a_topic_takes_goes_out_and_one_beyond_goes_without_its_bytes(
    system: System,
):
    """What is too large may be larger than any producer of ours sends: it must not stop the rest."""
    most = largest_batch(system.settings)
    large, larger = b"[" + b" " * (most - 20_000), b"[" + b" " * (most - 200)
    async with system.producer(max_request_size=2 * most) as producer:
        offsets = [
            (await producer.send_and_wait(RAW, value, partition=3)).offset for value in (larger, large, b"[")
        ]
    letters = await system.letters(3)
    told = [(letters[offset][0].value, letters[offset][1].get("augentis-omitted")) for offset in offsets]
    assert told == [(b"", str(len(larger))), (large, None), (b"[", None)]


@pytest.mark.usefixtures("worker")
async def test_aborted_transactions_do_not_count_and_markers_do_not_hold_hours_open(system: System):
    project = await system.organisation()
    async with system.producer(transactional_id=f"app-{uuid4()}") as producer:

        async def attempt(value: int, *, abandon: bool) -> None:
            async with producer.transaction():
                for _ in range(3):
                    await producer.send(RAW, project.batch([sample(value)]), partition=2)
                if abandon:
                    raise Abandoned

        for round_ in range(3):
            with suppress(Abandoned):
                await attempt(1000, abandon=True)
            await attempt(1 + round_, abandon=False)
        await system.read()  # so that what comes now is a fetch without a record
        with suppress(Abandoned):
            await attempt(1000, abandon=True)
    # The last offset is a marker: the ledger stands behind it, and the hour closes by the idle rule.
    await system.closed(project)
    rows = await system.telemetry(project)
    assert [(row["metric_value"], row["sample_count"]) for row in rows] == [(3 + 6 + 9, 9)]


async def test_a_project_is_known_at_its_first_message(system: System, worker: Process):
    await worker.says("worker is up")
    project = await system.organisation()
    await system.send(project.batch([sample(1)]))
    await system.read()  # whom the worker knows now is a second old
    second = await system.another_project(project, "Loyalty")
    await system.send(second.batch([sample(5)]), partition=3)
    await system.closed(second)
    assert [row["metric_value"] for row in await system.telemetry(second)] == [5]


@pytest.mark.usefixtures("worker")
async def test_a_late_sample_corrects_its_hour_and_one_that_is_final_says_so(system: System):
    project = await system.organisation()
    old = NOW - timedelta(days=7, hours=3)
    await system.send(project.batch([sample(7, old), sample(2), sample(3)]))
    await system.closed(project)
    before = {row["timestamp"]: row for row in await system.telemetry(project)}
    assert [(row["metric_value"], row["revision"]) for row in before.values()] == [(7, 1), (5, 1)]
    assert [row["is_final"] for row in before.values()] == [True, False]
    await system.send(project.batch([sample(10)]))

    async def corrected() -> bool:
        return [row["metric_value"] for row in await system.telemetry(project)] == [7, 15]

    await eventually(corrected)
    after = await system.telemetry(project)
    assert [row["revision"] for row in after] == [1, 2]
    assert [row["id"] for row in after] == [row["id"] for row in before.values()]
    assert after[1]["sample_count"] == 3


@pytest.mark.usefixtures("worker")
async def test_what_is_behind_all_lateness_comes_in_through_backfill(system: System):
    project = await system.organisation()
    await system.send(project.batch([sample(1, NOW - timedelta(hours=5))]))
    await system.send(
        project.batch(
            [
                sample(8, NOW - timedelta(days=3 * 365)),
                sample(4, NOW - timedelta(days=400)),
                sample(2, NOW - timedelta(hours=5)),
            ]
        ),
        topic="backfill_metrics",
    )
    await system.read("backfill_metrics")

    async def counted() -> bool:
        return [row["metric_value"] for row in await system.telemetry(project)] == [8, 4, 3]

    await system.closed(project)
    await eventually(counted)


@pytest.mark.usefixtures("worker")
async def test_a_file_published_twice_counts_once(system: System, tmp_path):
    project = await system.organisation()
    lines = [json.dumps(sample(number)) for number in range(1, 1201)]
    (tmp_path / "samples.jsonl").write_text("\n".join(lines))
    for _ in range(2):
        done = system.augentis(
            *("publish", str(tmp_path / "samples.jsonl"), "--json"),
            *("--org", str(project.org_id), "--project", str(project.id)),
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["published"] == 1200
    await system.closed(project)
    (row,) = await system.telemetry(project)
    assert (row["sample_count"], row["metric_value"]) == (1200, 1200 * 1201 / 2)


@pytest.mark.usefixtures("worker")
async def test_no_tenant_can_suppress_anothers_batch(system: System):
    one, two = await system.organisation(), await system.organisation()
    shared = uuid4()
    await system.send(one.batch([sample(1)], shared), two.batch([sample(2)], shared))
    await system.closed(one)
    await system.closed(two)
    assert [row["metric_value"] for row in await system.telemetry(one)] == [1]
    assert [row["metric_value"] for row in await system.telemetry(two)] == [2]


async def test_a_worker_ends_on_sigterm_with_0_and_says_what_it_did(system: System, worker: Process):
    await system.read()
    began = time.monotonic()
    worker.popen.terminate()
    assert worker.wait(15) == 0
    assert time.monotonic() - began < 8
    assert "raw_metrics: " in worker.log
    assert "repeats dropped" in worker.log
