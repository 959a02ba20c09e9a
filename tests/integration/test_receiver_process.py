"""`augentis receiver` as a process, with the stock SDK's exporter in front of it."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
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
        deadline = time.monotonic() + 30
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
    provider = receiver.app(project, "one")
    provider.get_meter("tests").create_counter("jobs").add(7)
    assert provider.force_flush()
    provider.shutdown()
    found = [
        ExportMetricsServiceRequest.FromString(each.value) for each in await system.records("otlp_metrics")
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


async def test_asked_to_stop_it_ends_within_five_seconds(system: System, receiver: Running):
    asked_at = time.monotonic()
    async with httpx.AsyncClient() as idle:
        (await idle.get(f"{receiver.url}/livez")).raise_for_status()  # a connection that stays open
        receiver.process.send(signal.SIGTERM)
        assert receiver.process.wait(10) == 0
    assert time.monotonic() - asked_at < 5
    del system
