"""`augentis receiver` as a process, with the stock SDK's exporter in front of it."""

import collections
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from random import Random

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from tests.streaming import Process, Project, System


@dataclass(frozen=True)
class Running:
    """A receiver that listens."""

    process: Process
    url: str

    def app(
        self, project: Project, instance: str, temporality: dict[type, AggregationTemporality] | None = None
    ) -> MeterProvider:
        """Return an app's meters, exported with the stock exporter, as good as never by itself."""
        exporter = OTLPMetricExporter(
            endpoint=f"{self.url}/v1/metrics",
            headers={"authorization": f"Bearer {project.ingest_key}"},
            compression=Compression.Gzip,
            preferred_temporality=temporality,
        )
        resource = Resource({"service.name": "shop", "service.instance.id": instance})
        return MeterProvider([PeriodicExportingMetricReader(exporter, 3_600_000)], resource)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def receiver(system: System) -> Iterator[Running]:
    port = free_port()
    with system.process("receiver", "--port", str(port), AUGENTIS_INGEST_AUTH="key") as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 90
        while True:
            try:
                httpx.get(f"{url}/livez").raise_for_status()
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline, process.log
                time.sleep(0.1)
        yield Running(process, url)


async def test_the_stock_exporter_is_served(system: System, receiver: Running):
    project = await system.organisation()
    before = await system.ends("otlp_metrics")  # other tests send what cannot be read
    provider = receiver.app(project, "one")
    provider.get_meter("tests").create_counter("jobs").add(7)
    assert provider.force_flush()
    provider.shutdown()
    found = [
        ExportMetricsServiceRequest.FromString(each.value)
        for each in await system.records("otlp_metrics")
        if each.offset >= before[each.partition]
    ]
    values = [
        point.as_int
        for request in found
        for resource in request.resource_metrics
        if any(each.value.string_value == "one" for each in resource.resource.attributes)
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    ]
    assert values == [7, 7], "the flush, and the shutdown's repetition"


RULES = [
    {"match": {"name": f"shop.{what}"}, "as": "count", "metric_name": "feature_usage", "feature": what}
    for what in ("checkout", "cart")
]
DELTA: dict[type, AggregationTemporality] = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
"""What the SDK makes of the preference for delta: its up-down counters stay cumulative."""


class Shop:
    """An app that is told of by the stock SDK, and counts beside it."""

    def __init__(self, provider: MeterProvider, counted: collections.Counter[str]) -> None:
        self._provider, self._counted = provider, counted
        meter = provider.get_meter("shop")
        self._checkouts = meter.create_counter("shop.checkout")
        self._cart = meter.create_up_down_counter("shop.cart")
        self._duration = meter.create_histogram("http.server.duration", unit="ms")

    def works(self, random: Random) -> None:
        """Do something, and export it."""
        for _ in range(random.randint(1, 9)):
            bought, put, failed = random.randint(1, 5), random.randint(-2, 4), random.random() < 0.2
            self._checkouts.add(bought, {"plan": random.choice(("free", "pro"))})
            self._cart.add(put)
            self._duration.record(random.uniform(1, 900), {"http.status_code": 500 if failed else 200})
            self._counted.update(checkout=bought, cart=put, requests=1, errors=int(failed))
        assert self._provider.force_flush()

    def ends(self) -> None:
        self._provider.shutdown()


async def test_telemetry_is_what_the_apps_have_counted(system: System, receiver: Running):
    """Cumulative and delta, restarts, two instances of one service, counters that fall."""
    project, random = await system.organisation(), Random(5)
    await system.fetch(
        """INSERT INTO otlp_mapping (org_id, id, project_id, rules, created_by)
           SELECT org_id, gen_random_uuid(), id, $3, created_by FROM project WHERE org_id = $1 AND id = $2""",
        project.org_id, project.id, json.dumps({"rules": RULES}),
    )  # fmt: skip
    counted: collections.Counter[str] = collections.Counter()
    for temporality in (None, DELTA):
        for _ in range(2):  # and a restart
            shops = [Shop(receiver.app(project, name, temporality), counted) for name in ("one", "two")]
            for _ in range(3):
                for shop in shops:
                    shop.works(random)
            for shop in shops:
                shop.ends()
    with system.worker("otlp"):
        await system.read("otlp_metrics")
        rows = await system.fetch(
            """SELECT metric_name, feature, sum(value_micro)::float8 / 1e6 AS value,
                      sum(of_micro)::float8 / 1e6 AS of, sum(sample_count)::int AS samples
               FROM partial WHERE org_id = $1 AND project_id = $2 GROUP BY 1, 2""",
            project.org_id, project.id,
        )  # fmt: skip
    found = {(row["metric_name"], row["feature"]): row for row in rows}
    assert found["feature_usage", "checkout"]["value"] == counted["checkout"]
    assert found["feature_usage", "cart"]["value"] == counted["cart"]
    assert found["error_rate", ""]["value"] == counted["errors"]
    assert found["error_rate", ""]["of"] == counted["requests"]
    assert found["latency_p50", ""]["samples"] == counted["requests"]
    assert min(counted.values()) > 10


async def test_asked_to_stop_it_ends_within_five_seconds(system: System, receiver: Running):
    asked_at = time.monotonic()
    async with httpx.AsyncClient() as idle:
        (await idle.get(f"{receiver.url}/livez")).raise_for_status()  # a connection that stays open
        receiver.process.send(signal.SIGTERM)
        assert receiver.process.wait(10) == 0
    assert time.monotonic() - asked_at < 5
    del system
