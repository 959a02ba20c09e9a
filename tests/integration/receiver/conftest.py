"""The receiver in this process, on real Kafka and PostgreSQL, and what apps send to it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
)

from settings import Settings
from storage import machine_keys
from storage.database import worker_pool
from streams import stamps
from streams.door.door import Door
from streams.door.gate import Gate
from streams.door.posting import Post
from streams.otlp.mappings import Mappings
from streams.stamps import Stamp
from tests.streaming import Project, System

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LIMIT = 4000


@dataclass(frozen=True)
class Site:
    """A door, who may go through it, and what has come out behind."""

    system: System
    http: httpx.AsyncClient
    project: Project
    settings: Settings

    async def post(
        self,
        body: bytes,
        path: str = "/v1/metrics",
        kind: str = PROTOBUF,
        key: str | None = "",
        **headers: str,
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            named["Authorization"] = f"Bearer {key or self.project.ingest_key}"
        return await self.http.post(path, content=body, headers={"Content-Type": kind, **named})

    async def published(self, project: Project, topic: str = "otlp_metrics") -> list[Any]:
        """Return the records that are stamped as this project's."""
        key = stamps.key(self.system.secret)
        found = []
        for record in await self.system.records(topic):
            stamp = stamps.verify(key, topic, record.value, record.headers)
            if stamp == Stamp(project.org_id, project.id, parked=True):
                found.append(record)
        return found

    async def with_key(self, quota: str | None = None, scopes: str = "publish") -> "Site":
        """Return the same as another organisation sees it, whose key is made as wished."""
        project = await self.system.organisation()
        key_id, text, digest = machine_keys.make()
        async with self.system.superuser() as connection:
            await connection.execute(
                """INSERT INTO machine_key (org_id, id, project_id, name, scopes, secret_sha256,
                                            created_by, quota)
                   SELECT org_id, $3, id, 'x', ARRAY[$5], $4, created_by, $6 FROM project
                   WHERE org_id = $1 AND id = $2""",
                project.org_id, project.id, key_id, digest, scopes, quota,
            )  # fmt: skip
        return replace(self, project=replace(project, ingest_key=text))


@asynccontextmanager
async def opened(system: System, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    post, mappings = Post(settings), Mappings()
    async with await worker_pool(settings.need("database_url_worker"), name="door") as pool:
        gate = Gate(pool, settings.ingest_auth, system.secret)
        await mappings.refresh(pool)
        app = Door(settings, gate, post, mappings).application()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://door.test") as http:
                yield http
        finally:
            await post.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(system: System) -> AsyncIterator[Site]:
    changes = {"ingest_auth": "key", "max_message_bytes": LIMIT}
    settings = system.settings.model_copy(update=changes)
    async with opened(system, settings) as http:
        yield Site(system, http, await system.organisation(), settings)


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are made just before they are used."""
    monkeypatch.setattr("streams.door.gate.LOOK_AGAIN_SECONDS", 0.01)


def export(
    points: int = 1, *, metrics: int = 1, resources: int = 1, pad: int = 0, of: dict[str, str] | None = None
) -> bytes:
    request = ExportMetricsServiceRequest()
    for number in range(resources):
        group = request.resource_metrics.add()
        for key, value in {"host": f"h{number}", **(of or {})}.items():
            group.resource.attributes.add(key=key).value.string_value = value
        scope = group.scope_metrics.add()
        for each in range(metrics):
            metric = scope.metrics.add(name=f"jobs.{each}")
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
            for place in range(points):
                point = metric.sum.data_points.add(time_unix_nano=time.time_ns(), as_int=place)
                point.attributes.add(key="pad").value.string_value = "x" * pad + str(place)
    return request.SerializeToString()


def as_json(points: int = 1, pad: int = 0) -> bytes:
    attributes = [{"key": "pad", "value": {"stringValue": "x" * pad}}]
    point = {"timeUnixNano": str(time.time_ns()), "asInt": "3", "attributes": attributes}
    data = {"dataPoints": [point] * points, "isMonotonic": True, "aggregationTemporality": 2}
    metrics = [{"name": "jobs", "sum": data}]
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()


def accepted(answer: httpx.Response) -> ExportMetricsServiceResponse:
    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF), answer.text
    return ExportMetricsServiceResponse.FromString(answer.content)


def refusal(answer: httpx.Response, status: int) -> str:
    """Return the message of the Status in the body, which must be in the request's own form."""
    assert answer.status_code == status, answer.text
    if answer.headers["content-type"] == PROTOBUF:
        read = Status.FromString(answer.content)
        assert read.code
        return str(read.message)
    told: str = answer.json()["message"]
    return told


def points(*bodies: bytes) -> list[str]:
    """Return each point with all that stands over it."""
    return [
        str((of.resource, metric.name, metric.sum.aggregation_temporality, metric.sum.is_monotonic, point))
        for body in bodies
        for of in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in of.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    ]
