"""What the receiver takes, answers and hands on: exports, within a quota, and raw samples."""

import gzip
import time
import zlib
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
)

from streams import stamps
from tests.integration.receiver.conftest import (
    JSON,
    LIMIT,
    Site,
    accepted,
    as_json,
    export,
    opened,
    points,
    refusal,
)
from tests.streaming import sample

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
