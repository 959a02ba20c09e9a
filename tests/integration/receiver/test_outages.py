"""The receiver while Kafka or PostgreSQL is away, or more comes than it can hold: nothing taken is lost."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from storage.database import worker_pool
from streams.door import posting
from streams.door.door import Door
from streams.door.gate import Gate
from streams.door.posting import Post
from streams.otlp.mappings import Mappings
from tests.integration.receiver.conftest import JSON, Site, accepted, export, opened, refusal
from tests.streaming import sample

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
