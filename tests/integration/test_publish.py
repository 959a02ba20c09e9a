"""`augentis publish` on real Kafka, read back with a plain consumer; a process where it is killed."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from uuid import uuid4

import pandas as pd
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from cli.main import run
from cli.stack import control
from cli.stack import state as states
from cli.stack.layout import Layout
from streams import consumers

PUBLISH = [sys.executable, "-m", "cli.main", "publish"]
ORG, PROJECT, OTHER = (str(uuid4()) for _ in range(3))
TENANT = ["--org", ORG, "--project", PROJECT]
PARTITIONS = 4


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


class Record(NamedTuple):
    partition: int
    key: str
    headers: dict[str, bytes]
    body: dict[str, Any]


def _record(item: Any) -> Record:
    return Record(item.partition, item.key.decode(), dict(item.headers), json.loads(item.value))


class Kafka:
    def __init__(self, layout: Layout) -> None:
        self.servers = json.loads(layout.env.read_text())["KAFKA_BOOTSTRAP_SERVERS"]
        pid = states.current(layout).services["kafka"].pid
        assert pid is not None
        self.pid = pid
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("AUGENTIS_", "KAFKA_"))}
        self.environment = {
            **outside,
            "AUGENTIS_HOME": str(layout.home / "elsewhere"),
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
        }

    def publish(self, *arguments, stdin: str = "", **environment: str) -> "Done":
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment | environment, clear=True),
            tempfile.TemporaryFile("w+") as given,
            mock.patch.object(sys, "stdin", given),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            given.write(stdin)
            given.seek(0)
            code = run(["publish", *map(str, arguments)])
        return Done(code, out.getvalue(), err.getvalue())

    def topic(self) -> str:
        name = f"raw-{uuid4().hex}"
        asyncio.run(self._make(name))
        return name

    async def _make(self, name: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        finally:
            await admin.close()

    def topics(self) -> list[str]:
        async def listed() -> list[str]:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
            await admin.start()
            try:
                names: list[str] = await admin.list_topics()
                return names
            finally:
                await admin.close()

        return asyncio.run(listed())

    def records(self, topic: str) -> list[Record]:
        """Return all records, partition by partition in order."""
        return asyncio.run(self._records(topic))

    async def _records(self, topic: str) -> list[Record]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.servers)
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            ends = await consumer.end_offsets(partitions)
            filled = [partition for partition in partitions if ends[partition]]
            found: dict[TopicPartition, list[Record]] = {partition: [] for partition in filled}
            if filled:  # aiokafka's stop() hangs after an assignment that was never fetched
                consumer.assign(filled)
                for partition in filled:
                    consumer.seek(partition, 0)
            while any(len(found[partition]) < ends[partition] for partition in filled):
                for partition, batch in (await consumer.getmany(timeout_ms=1000)).items():
                    found[partition] += [_record(item) for item in batch]
            return [record for partition in filled for record in found[partition]]
        finally:
            await consumers.stop(consumer)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)
            self._wait_until_back()

    def _wait_until_back(self) -> None:
        """Wait for a broker that slept: its controller has taken it for dead, and names no node meanwhile."""
        last = time.monotonic() + 60
        while True:
            try:
                self.topic()
            except (KafkaError, AttributeError):  # the client's way to say that no controller is known
                if time.monotonic() > last:
                    raise
                time.sleep(0.2)
            else:
                return


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    layout = Layout(tmp_path_factory.mktemp("stack"))
    supervisor = control.launch(layout, ["kafka"], os.getpid())
    try:
        control.wait_until_running(layout, supervisor, lambda _: None)
        yield Kafka(layout)
    finally:
        control.bring_down(layout)
        supervisor.wait(30)


def sample(number: int, **more: object) -> str:
    return json.dumps(
        {"metric_name": "latency_p50", "value": number, "timestamp": 1793528100 + number, **more}
    )


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def values(body: dict[str, Any]) -> list[int]:
    return [item["value"] for item in body["samples"]]


def test_a_file_arrives_whole_keyed_by_project_and_in_order(kafka, tmp_path):
    lines = [sample(n, project_id=(PROJECT, OTHER)[n % 2]) for n in range(2500)]
    topic = kafka.topic()
    done = kafka.publish(
        written(tmp_path / "a.jsonl", lines), "--topic", topic, "--org", ORG, "--key", "k1", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"read": 2500, "published": 2500, "batches": 6, "refused": []}
    records = kafka.records(topic)
    assert {key for _, key, _, _ in records} == {PROJECT, OTHER}
    assert all(headers == {"augentis-key": b"k1"} for _, _, headers, _ in records)
    assert all(body["org_id"] == ORG and body["project_id"] == key for _, key, _, body in records)
    for remainder, project in enumerate((PROJECT, OTHER)):
        of_project = [record for record in records if record[1] == project]
        assert len({partition for partition, *_ in of_project}) == 1
        sent = [value for record in of_project for value in values(record.body)]
        assert sent == list(range(remainder, 2500, 2))


def test_a_second_run_sends_the_same_ids_whatever_the_path(kafka, tmp_path):
    lines = [sample(n) for n in range(1200)]
    sent = []
    for name in ("a.jsonl", "b.txt"):
        topic = kafka.topic()
        done = kafka.publish(written(tmp_path / name, lines), "--topic", topic, *TENANT)
        assert done.returncode == 0, done.stderr
        sent.append([body for *_, body in kafka.records(topic)])
    assert sent[0] == sent[1]
    assert len({body["batch_id"] for body in sent[0]}) == 3


def test_refused_lines_are_named_and_the_others_published(kafka, tmp_path):
    topic = kafka.topic()
    file = written(tmp_path / "a.jsonl", [sample(1), "oops", sample(2), '{"value": 1}', sample(3)])
    done = kafka.publish(file, "--topic", topic, *TENANT, "--json")
    assert done.returncode == 1
    summary = json.loads(done.stdout)
    assert (summary["read"], summary["published"], summary["batches"]) == (5, 3, 1)
    assert [(item["line"], item["reason"]) for item in summary["refused"]] == [
        (2, "not_json"),
        (4, "bad_schema"),
    ]
    assert "line 2 refused: not_json" in done.stderr
    assert [values(body) for *_, body in kafka.records(topic)] == [[1, 2, 3]]


def test_csv_from_standard_input(kafka):
    topic = kafka.topic()
    text = (
        "timestamp,metric_name,value,cohort\n1793528100,latency_p50,1,enterprise\n1793528101,latency_p50,2,\n"
    )
    done = kafka.publish("-", "--format", "csv", "--topic", topic, *TENANT, stdin=text)
    assert done.returncode == 0, done.stderr
    ((_, _, headers, body),) = kafka.records(topic)
    assert headers == {}
    assert [item.get("cohort") for item in body["samples"]] == ["enterprise", None]


def test_a_stream_that_pauses_is_sent_and_ctrl_c_ends_it(kafka):
    topic = kafka.topic()
    process = subprocess.Popen(
        [*PUBLISH, "-", "--topic", topic, *TENANT],
        env=kafka.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin
        process.stdin.write(sample(1) + "\n")
        process.stdin.flush()
        deadline = time.monotonic() + 90
        while not kafka.records(topic) and time.monotonic() < deadline:
            assert process.poll() is None
        assert [values(body) for *_, body in kafka.records(topic)] == [[1]]
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "published 1 " in output
    finally:
        process.kill()
        process.communicate()


def test_a_topic_that_is_not_there_is_said_and_not_made(kafka, tmp_path):
    done = kafka.publish(written(tmp_path / "a.jsonl", [sample(1)]), "--topic", "nowhere", *TENANT)
    assert done.returncode == 2
    assert "augentis migrate" in done.stderr
    assert "nowhere" not in kafka.topics()


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.jsonl"],
        ["."],
        ["bad.csv"],
        ["good.jsonl", "--batch-size", "0"],
        ["good.jsonl", "--batch-size", "10001"],
        ["good.jsonl", "--org", "acme"],
        ["good.jsonl", "--format", "xml"],
        ["good.jsonl", "--topic", "a", "--backfill"],
    ],
    ids=" ".join,
)
def test_unreadable_input_and_wrong_options_are_usage_errors(kafka, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "good.jsonl", [sample(1)])
    written(tmp_path / "bad.csv", ["when,what", "1,2"])
    topic = [] if "--topic" in arguments or "--backfill" in arguments else ["--topic", kafka.topic()]
    done = kafka.publish(*arguments, *topic)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_no_broker_at_the_start_is_69(kafka, tmp_path):
    done = kafka.publish(
        written(tmp_path / "a.jsonl", [sample(1)]), *TENANT, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"
    )
    assert done.returncode == 69
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broker_that_stops_answering_is_75_and_the_next_run_repeats_no_id(kafka, tmp_path):
    topic = kafka.topic()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [*PUBLISH, str(pipe), "--topic", topic, *TENANT, "--run-id", "r", "--batch-size", "10", "--json"],
        env=kafka.environment | {"AUGENTIS_RETRY_FOR": "2s"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [sample(n) + "\n" for n in range(4000)]
    try:
        with pipe.open("wb", buffering=0) as feed:
            feed.write("".join(lines[:100]).encode())
            while len(kafka.records(topic)) < 10:
                assert process.poll() is None
            with kafka.stopped():
                with suppress(BrokenPipeError):  # it gives up before it has read all
                    feed.write("".join(lines[100:]).encode())
                output, errors = process.communicate(timeout=40)
        assert process.returncode == 75
        assert "stopped acknowledging" in errors
        assert 100 <= json.loads(output)["published"] < 4000
    finally:
        process.kill()
        process.communicate()
    again = kafka.publish(
        "-", "--topic", topic, *TENANT, "--run-id", "r", "--batch-size", "10", stdin="".join(lines)
    )
    assert again.returncode == 0, again.stderr
    by_id = {body["batch_id"]: values(body) for *_, body in kafka.records(topic)}
    assert sorted(value for batch in by_id.values() for value in batch) == list(range(4000))


def test_a_parquet_file_arrives_as_its_rows(kafka, tmp_path):
    topic, file = kafka.topic(), tmp_path / "history.parquet"
    values = [float(number) for number in range(1200)]
    pd.DataFrame(
        {"timestamp": "2026-11-01T10:15:00Z", "metric_name": "feature_usage", "value": values}
    ).to_parquet(file)
    done = kafka.publish(file, *TENANT, "--topic", topic, "--json")
    assert json.loads(done.stdout) == {
        "read": 1200,
        "published": 1200,
        "batches": 3,
        "refused": [],
    }
    sent = [sample["value"] for record in kafka.records(topic) for sample in record.body["samples"]]
    assert sent == values
    refused = kafka.publish("-", "--format", "parquet", *TENANT, "--topic", topic, stdin="")
    assert (refused.returncode, "not from a stream" in refused.stderr) == (2, True)


def test_a_run_that_was_killed_goes_on_behind_what_kafka_has(kafka, tmp_path):
    """Killed in the middle of years: the next run sends the rest, and a second of the first at most."""
    topic, file = kafka.topic(), tmp_path / "years.csv"
    rows = "".join(f"2026-11-01T10:15:00Z,feature_usage,{number}\n" for number in range(20_000))
    file.write_text("timestamp,metric_name,value\n" + rows)
    command = [file, *TENANT, "--topic", topic, "--batch-size", 2, "--resume", "--json"]
    notes = Path(kafka.environment["AUGENTIS_HOME"]) / "publications"

    def noted() -> int:
        return max((json.loads(note.read_text())["messages"] for note in notes.glob("*.json")), default=0)

    before = noted()
    first = subprocess.Popen([*PUBLISH, *map(str, command)], env=kafka.environment)
    deadline = time.monotonic() + 90
    while noted() <= max(before, 100):
        assert time.monotonic() < deadline
        assert first.poll() is None, "it was done before it could be killed"
        time.sleep(0.02)
    first.kill()
    first.wait()
    done = json.loads(kafka.publish(*command).stdout)
    assert done["skipped"] == 2 * noted_of(done) > 200
    bodies = [record.body for record in kafka.records(topic)]
    assert {sample["value"] for body in bodies for sample in body["samples"]} == set(range(20_000))
    assert len({body["batch_id"] for body in bodies}) == 10_000
    again = json.loads(kafka.publish(*command).stdout)
    assert (again["skipped"], again["published"]) == (20_000, 0)


def noted_of(summary: dict[str, Any]) -> int:
    """How many messages of two samples a run did not send again."""
    return 10_000 - int(summary["batches"])


def test_a_stream_cannot_be_resumed(kafka):
    done = kafka.publish("-", *TENANT, "--topic", kafka.topic(), "--resume", stdin="")
    assert (done.returncode, "a stream does not come again" in done.stderr) == (2, True)
