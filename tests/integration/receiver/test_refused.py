"""What the receiver refuses, each with the answer that a sender understands."""

import gzip

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from tests.integration.receiver.conftest import (
    JSON,
    LIMIT,
    PROTOBUF,
    Site,
    accepted,
    as_json,
    export,
    refusal,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
