"""`augentis migrate` on real Kafka and PostgreSQL."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cli.exits import Exit
from migrations.topics import IN_TOPICS, TOPICS
from tests.databases import Database
from tests.integration.conftest import Augentis

OURS = {
    *("raw_metrics", "raw_metrics.dlq", "raw_metrics.parked"),
    *("otlp_metrics", "otlp_metrics.dlq", "otlp_metrics.parked"),
    *("backfill_metrics", "backfill_metrics.dlq", "backfill_metrics.parked"),
    *("telemetry_closed", "divergence_alerts", "audit_heads"),
}


async def _described(servers: str) -> tuple[dict[str, int], dict[str, dict[str, str]]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in TOPICS]
        [answer] = await admin.describe_configs(resources)
        configs = {row[3]: {entry[0]: entry[1] for entry in row[4]} for row in answer.resources}
        return partitions, configs
    finally:
        await admin.close()


def test_migrate_makes_what_is_missing_and_then_nothing(
    augentis: Augentis, empty_database: Database, home, kafka: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in empty_database.environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("AUGENTIS_TOPIC_PARTITIONS", "3")
    monkeypatch.setenv("AUGENTIS_TOPIC_RETENTION", "2d")
    assert augentis("migrate", "--check") == Exit.NO
    pending = [line.split()[:2] for line in augentis.out.splitlines()]
    assert sum(kind == "migration" for kind, _ in pending) > 1
    assert {name for kind, name in pending if kind == "topic"} == OURS

    assert augentis("migrate") == Exit.DONE
    partitions, configs = asyncio.run(_described(kafka))
    assert {topic: partitions[topic] for topic in OURS} == dict.fromkeys(OURS, 3)
    for topic, config in configs.items():
        assert config["retention.ms"] == ("-1" if topic == "audit_heads" else str(2 * 86_400_000))
        assert config["cleanup.policy"] == "delete"
        assert int(config["max.message.bytes"]) > 1_000_000
        by_broker = "LogAppendTime" if topic in IN_TOPICS else "CreateTime"
        assert config["message.timestamp.type"] == by_broker, topic

    assert augentis("migrate", "--check") == Exit.DONE
    assert augentis.out == "nothing is pending\n"
    assert augentis("migrate") == Exit.DONE
    assert augentis.out == "the database was up to date\nthe topics were there\n"

    monkeypatch.setenv("AUGENTIS_TOPIC_PARTITIONS", "4")
    assert augentis("migrate") == Exit.DONE
    assert "topic raw_metrics is left with 3 partitions, not 4" in augentis.err
    assert asyncio.run(_described(kafka))[0] == partitions

    monkeypatch.setenv("AUGENTIS_SECRET_KEY", "another secret of 32 characters or more")
    assert augentis("migrate", "--check") == Exit.NO
    assert augentis.out == "the database checks claims with another secret than AUGENTIS_SECRET_KEY\n"


@pytest.mark.parametrize("arguments", [["migrate"], ["migrate", "--check"]])
def test_who_is_away_is_named(augentis: Augentis, monkeypatch: pytest.MonkeyPatch, arguments: list[str]):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert augentis(*arguments) == Exit.UNAVAILABLE
    assert augentis.err.startswith("augentis: Kafka at 127.0.0.1:1 does not answer")
    assert augentis.err.count("\n") == 1
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@127.0.0.1:1/x")
    assert augentis(*arguments) == Exit.UNAVAILABLE
    assert augentis.err.startswith("augentis: PostgreSQL at 127.0.0.1:1/x does not answer")
