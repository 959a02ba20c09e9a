"""The receiver in this process, on real Kafka and PostgreSQL: what it takes, answers and hands on."""

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4, uuid5

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
    AGGREGATION_TEMPORALITY_DELTA,
)

from settings import Settings
from storage import machine_keys
from storage.database import worker_pool
from streams import stamps
from streams.door import posting
from streams.door.door import Door
from streams.door.gate import Gate
from streams.door.posting import Post
from streams.otlp.mappings import Mappings
from streams.stamps import Stamp
from tests.streaming import Project, System, sample

ONE_LOOP = pytest.mark.asyncio(loop_scope="module")
pytestmark = ONE_LOOP
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


# what is taken


async def test_an_export_reaches_the_topic_byte_by_byte_and_without_the_key(site: Site):
    body = export(3)
    assert accepted(await site.post(body)) == ExportMetricsServiceResponse()
    [record] = await site.published(site.project)
    assert (record.value, record.key) == (body, None)
    assert site.project.ingest_key
    assert site.project.ingest_key.encode() not in b"".join(value for _, value in record.headers)


@pytest.mark.parametrize(
    ("pack", "encoding"),
    [
        (gzip.compress, "gzip"),
        (lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:]), "GZIP"),
        (zlib.compress, "deflate"),
        (bytes, "identity"),
    ],
    ids=["gzip", "gzip, two members", "deflate", "identity"],
)
async def test_what_was_packed_is_published_unpacked(site: Site, pack: Any, encoding: str):
    fresh, body = await site.with_key(), export(50)
    accepted(await fresh.post(pack(body), content_encoding=encoding))
    assert [record.value for record in await site.published(fresh.project)] == [body]


async def test_json_is_taken_and_answered_in_json(site: Site):
    fresh, body = await site.with_key(), as_json()
    answer = await fresh.post(body, kind="application/json; charset=utf-8")
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, JSON, {})
    assert [record.value for record in await site.published(fresh.project)] == [body]


async def test_a_trailing_slash_is_no_redirect(site: Site):
    accepted(await site.post(export(), "/v1/metrics/"))


async def test_an_empty_export_is_taken_and_nothing_is_published(site: Site):
    fresh = await site.with_key()
    assert accepted(await fresh.post(b"")) == ExportMetricsServiceResponse()
    assert await site.published(fresh.project) == []


@pytest.mark.parametrize(
    "body",
    [export(1, resources=200), export(1, metrics=200), export(200), export(40, metrics=3, resources=3)],
    ids=["resources", "metrics", "points", "all"],
)
async def test_a_large_export_is_split_and_no_point_is_lost(site: Site, body: bytes):
    fresh = await site.with_key()
    accepted(await fresh.post(body))
    values = [record.value for record in await site.published(fresh.project)]
    assert len(values) > 1
    assert max(map(len, values)) <= LIMIT
    assert sorted(points(*values)) == sorted(points(body))


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


async def test_large_json_is_split_as_protobuf(site: Site):
    fresh = await site.with_key()
    assert (await fresh.post(as_json(200), kind=JSON)).status_code == 200
    values = [record.value for record in await site.published(fresh.project)]
    assert len(values) > 1
    assert len(points(*values)) == 200


async def test_a_senders_batch_id_goes_with_the_record(site: Site):
    fresh, batch = await site.with_key(), uuid4()
    accepted(await fresh.post(export(200), augentis_batch_id=str(batch)))
    ids = [dict(record.headers)[stamps.BATCH_HEADER] for record in await site.published(fresh.project)]
    expected = {batch, *(uuid5(batch, str(place)) for place in range(1, len(ids)))}
    assert {UUID(each.decode()) for each in ids} == expected
    assert "UUID" in refusal(await fresh.post(export(), augentis_batch_id="7"), 400)


async def test_points_that_will_be_refused_are_told(site: Site):
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    for unit in ("s", "By"):
        histogram = metrics.add(name="http.server.request.duration", unit=unit).histogram
        histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
        for count in (1, 2):  # two are in no bucket
            point = histogram.data_points.add(count=count, bucket_counts=[1, 0], explicit_bounds=[1])
            point.time_unix_nano = time.time_ns()
    metrics.add(name="unknown.to.us").gauge.data_points.add(as_double=1)
    told = accepted(await site.post(request.SerializeToString())).partial_success
    assert (told.rejected_data_points, told.error_message) == (3, "bad_value: 2, bad_unit: 1")


# what is refused


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_garbage_is_refused_in_the_requests_own_form(site: Site, kind: str):
    for body in (b"\x0a\xff\xff", b'{"resourceMetrics": 7}', b"\x00" * 90, b'{"resourceMetrics"'):
        answer = await site.post(body, kind=kind)
        assert "ExportMetricsServiceRequest" in refusal(answer, 400)
        assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "", "application/grpc"])
async def test_another_type_is_415(site: Site, kind: str):
    assert "Content-Type" in refusal(await site.post(export(), kind=kind), 415)
    assert (await site.post(b"{}", "/v1/samples", kind=kind)).status_code == 415


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_another_packing_is_415(site: Site, encoding: str):
    assert "Content-Encoding" in refusal(await site.post(export(), content_encoding=encoding), 415)


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(export(50))[:-9], b"", gzip.compress(export()) + b"more"],
    ids=["none", "cut", "empty", "more behind"],
)
async def test_a_broken_packing_is_400(site: Site, body: bytes):
    assert "gzip" in refusal(await site.post(body, content_encoding="gzip"), 400)


async def test_a_bomb_is_413(site: Site):
    bomb = gzip.compress(b"\0" * (21 << 20))
    assert len(bomb) < 30_000
    assert "unpacked" in refusal(await site.post(bomb, content_encoding="gzip"), 413)
    assert refusal(await site.post(b"", content_length=str(21 << 20)), 413)
    assert refusal(await site.post(b"\0" * ((20 << 20) + 1)), 413)


async def test_a_point_larger_than_a_message_is_413(site: Site):
    fresh = await site.with_key()
    assert "one data point" in refusal(await fresh.post(export(pad=LIMIT)), 413)
    assert refusal(await fresh.post(as_json(pad=LIMIT), kind=JSON), 413)
    assert await site.published(fresh.project) == []


async def test_without_a_good_key_it_is_401(site: Site):
    reader = await site.with_key(scopes="read")
    revoked = await site.with_key()
    async with site.system.superuser() as connection:
        await connection.execute(
            "UPDATE machine_key SET revoked_at = now() WHERE org_id = $1", revoked.project.org_id
        )
    wrong = (
        None,
        "x",
        "agk_" + "0" * 32 + "_" + "x" * 43,
        "x y",
        reader.project.ingest_key,
        revoked.project.ingest_key,
    )
    for key in wrong:
        answer = await site.post(export(), key=key)
        assert "key" in refusal(answer, 401), key
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert Status.FromString(answer.content).code == 16
    accepted(await site.post(export()))


async def test_a_key_revoked_while_we_look_elsewhere_ends_with_the_next_look(site: Site):
    fresh = await site.with_key()
    accepted(await fresh.post(export()))
    async with site.system.superuser() as connection:
        await connection.execute(
            "UPDATE machine_key SET revoked_at = now() WHERE org_id = $1", fresh.project.org_id
        )
    refusal(await site.post(export(), key="x"), 401)  # an unknown key is looked up anew
    refusal(await fresh.post(export()), 401)


async def test_an_archived_project_is_403(site: Site):
    fresh = await site.with_key()
    async with site.system.superuser() as connection:
        await connection.execute("UPDATE project SET is_archived = true WHERE id = $1", fresh.project.id)
    assert "project" in refusal(await fresh.post(export()), 403)


async def test_a_body_that_names_another_project_is_403(site: Site):
    other, own = await site.with_key(), site.project
    for named in (
        {"augentis.org_id": str(other.project.org_id)},
        {"augentis.project_id": str(other.project.id)},
        {"augentis.org_id": str(other.project.org_id), "augentis.project_id": str(other.project.id)},
        {"augentis.org_id": "x"},
    ):
        assert refusal(await site.post(export(of=named)), 403)
    mine = {"augentis.org_id": str(own.org_id), "augentis.project_id": str(own.id)}
    accepted(await site.post(export(of=mine)))
    assert await site.published(other.project) == []


async def test_other_methods_and_paths(site: Site):
    assert (await site.http.get("/v1/metrics")).status_code == 405
    assert (await site.http.post("/v1/traces")).status_code == 404


# quotas


async def test_over_its_quota_a_key_waits_and_another_does_not(site: Site):
    limited = await site.with_key("5/day")
    accepted(await limited.post(export(3)))
    answer = await limited.post(export(3))
    assert "over_quota" in refusal(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 86400
    accepted(await limited.post(export(2)))
    refusal(await limited.post(export(1)), 429)
    assert "ever" in refusal(await limited.post(export(6)), 413)
    accepted(await site.post(export(9)))
    assert sum(len(points(record.value)) for record in await site.published(limited.project)) == 5


# raw samples


async def test_a_raw_message_is_taken_as_it_is(site: Site):
    fresh = await site.with_key()
    body = fresh.project.batch([sample(1), sample("x"), sample(2)], uuid4())
    answer = await fresh.post(body, "/v1/samples", JSON)
    assert (answer.status_code, answer.json()) == (202, {"samples": 3, "refused": {"bad_value": [1]}})
    assert [record.value for record in await site.published(fresh.project, "raw_metrics")] == [body]


async def test_raw_messages_are_refused_with_a_problem(site: Site):
    other = await site.with_key()
    good = site.project.batch([sample(1)])
    for body, key, status in (
        (b"{", "", 400),
        (b"{}", "", 400),
        (site.project.batch([sample(1)] * 200), "", 413),
        (other.project.batch([sample(1)]), "", 403),
        (good, None, 401),
        (good, other.project.ingest_key, 403),
    ):
        answer = await site.post(body, "/v1/samples", JSON, key)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["status"], bool(answer.json()["detail"])) == (status, True)
    assert (await site.post(good, "/v1/samples", JSON)).status_code == 202


async def test_where_ingest_is_open_no_key_is_asked_for(site: Site):
    body = site.project.batch([sample(7)], uuid4())
    async with opened(site.system, site.settings.model_copy(update={"ingest_auth": "open"})) as http:
        door = replace(site, http=http)
        assert (await door.post(body, "/v1/samples", JSON, None)).status_code == 202
        refusal(await door.post(export(), key="x"), 401)
    [record] = [each for each in await site.system.records("raw_metrics") if each.value == body]
    assert record.headers == ()


# outages


async def test_what_kafka_does_not_acknowledge_is_not_taken(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(posting, "ACKNOWLEDGED_SECONDS", 0.3)
    limited = await site.with_key("2/day")
    accepted(await limited.post(export()))
    away = site.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    async with opened(site.system, away) as http:
        answer = await replace(limited, http=http).post(export())
        assert "send it again" in refusal(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
        raw = await replace(limited, http=http).post(limited.project.batch([sample(1)]), "/v1/samples", JSON)
        assert (raw.status_code, "retry-after" in raw.headers) == (503, True)
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["detail"]) == (503, "no answer: Kafka")
    accepted(await limited.post(export()))  # nobody paid for what did not arrive


async def test_what_kafka_has_not_acknowledged_yet_is_not_taken(site: Site, monkeypatch: pytest.MonkeyPatch):
    accepted(await site.post(export()))
    monkeypatch.setattr(posting, "ACKNOWLEDGED_SECONDS", 0.5)
    with site.system.frozen("kafka"):
        assert "send it again" in refusal(await site.post(export()), 503)
    monkeypatch.undo()
    accepted(await site.post(export()))


async def test_without_the_database_known_keys_go_on_and_unknown_ones_come_again(site: Site):
    limited, post, mappings = await site.with_key("5/day"), Post(site.settings), Mappings()
    pool = await worker_pool(site.settings.need("database_url_worker"), name="door")
    gate = Gate(pool, "key", site.system.secret)
    app = Door(site.settings, gate, post, mappings).application()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door.test") as http:
        door = replace(site, http=http)
        accepted(await door.post(export()))
        await pool.close()
        accepted(await door.post(export()))
        await gate.keep_fresh()
        for unusable in (
            await door.post(export(), key="x"),
            await replace(limited, http=http).post(export()),
        ):
            assert "send it again" in refusal(unusable, 503)
        assert (await http.get("/readyz")).json()["detail"] == "no answer: PostgreSQL"
        assert (await http.get("/livez")).status_code == 200
        gate = Gate(pool, "key", site.system.secret)
        app = Door(site.settings, gate, post, mappings).application()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door.test") as new:
            assert "send it again" in refusal(await replace(site, http=new).post(export()), 503)
    await post.stop()


async def test_more_than_can_be_held_is_asked_to_come_again(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streams.door.door.AT_ONCE", 0)
    monkeypatch.setattr("streams.door.door.WAIT_SECONDS", 0.1)
    async with opened(site.system, site.settings) as http:
        assert "too many" in refusal(await replace(site, http=http).post(export()), 503)


async def test_a_fault_of_ours_is_no_500(site: Site, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("streams.door.exports.read", broken)
    answer = await site.post(export())
    assert "not taken" in refusal(answer, 503)
    assert answer.headers["retry-after"] == "5"


async def test_it_is_ready(site: Site):
    assert (await site.http.get("/readyz")).json() == {"status": "ready"}


async def test_many_at_once_are_each_published_once(site: Site):
    fresh = await site.with_key("1000000/day")
    bodies = [export(1, of={"host": str(number)}) for number in range(100)]
    for answer in await asyncio.gather(*(fresh.post(body) for body in bodies)):
        accepted(answer)
    assert sorted(record.value for record in await site.published(fresh.project)) == sorted(bodies)
