"""The main job as its users live it: commands, a producer that is not ours, a webhook, and HTTP with a token.

Stack, worker, relay and API are processes of their own; nothing of ours is called but `augentis`.
"""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from standardwebhooks import Webhook

from tests.streaming import Process, System, eventually

DAYS = 10
USERS_AN_HOUR = 60
START = datetime.combine(datetime.now(UTC).date() - timedelta(days=DAYS), time(), UTC)
APPLY = f"""
org: {{slug}}
projects:
  - name: Checkout
    artifacts:
      - key: prd-one-page-checkout
        type: PRD
        evidence_tier: E1
        approve: true
        content:
          features: [F12 One-page checkout]
          assumptions:
            - key: adoption
              statement: 60 % of mainstream shoppers use the one-page checkout
              metric_name: user_adoption
              cohort: mainstream
              feature: F12
              operator: ">="
              value: 60
              effective_from: {START.isoformat()}
            - key: latency
              statement: Half of all orders are accepted within 300 ms
              metric_name: latency_p50
              operator: "<="
              value: 300
              effective_from: {START.isoformat()}
      - key: code-checkout
        type: CODE_FRONTEND
        approve: true
        depends_on: [prd-one-page-checkout]
        content:
          modules: [checkout_page, address_form]
"""


class Inbox:
    """The team's webhook: keeps what comes, as it comes."""

    def __init__(self) -> None:
        self.letters: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        # Signatures are case-sensitive: only names are lowered.
        headers |= {line.split(": ")[0].lower(): line.split(": ", 1)[1] for line in head[1:] if ": " in line}
        self.letters.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    inbox = Inbox()
    server = await asyncio.start_server(inbox.answer, "127.0.0.1", 0)
    inbox.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alerts"
    yield inbox
    server.close()
    await server.wait_closed()


def made(system: System, *arguments: str) -> Any:
    done = system.augentis(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def token(system: System, admin: str, org: str) -> dict[str, str]:
    done = system.augentis("token", "--user", admin, "--org", org)
    assert done.returncode == 0, done.stderr
    return {"authorization": f"Bearer {done.stdout.strip()}"}


def hour_of(start: datetime, random: Random) -> list[dict[str, Any]]:
    """An hour in which 42 % of the sampled users use it, and half of the orders take less than 200 ms."""
    at = start.isoformat().replace("+00:00", "Z")
    return [
        {
            "metric_name": "user_adoption",
            "value": int(random.random() < 0.42),
            "timestamp": at,
            "cohort": "mainstream",
            "feature": "F12",
            "user_id": f"shopper-{random.randrange(5000)}",
        }
        for _ in range(USERS_AN_HOUR)
    ] + [
        {
            "metric_name": "latency_p50",
            "value": random.lognormvariate(5.2, 0.3),
            "timestamp": start.timestamp(),
        }
        for _ in range(20)
    ]


async def publish(servers: str, founded: dict[str, Any]) -> None:
    random = Random(5)
    head = {"org_id": founded["org_id"], "project_id": founded["project_id"]}
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        for hour in range(DAYS * 24):
            samples = hour_of(START + timedelta(hours=hour), random)
            message = json.dumps(head | {"batch_id": str(uuid4()), "samples": samples}).encode()
            key = [("augentis-key", founded["ingest_key"].encode())]
            await producer.send("raw_metrics", message, key=founded["project_id"].encode(), headers=key)


async def ready(api: httpx.AsyncClient, process: Process) -> None:
    async def is_ready() -> bool:
        assert process.popen.poll() is None, process.log
        try:
            return (await api.get("/readyz")).is_success
        except httpx.TransportError:
            return False

    await eventually(is_ready)


async def test_a_wrong_assumption_is_found_told_and_read(system: System, inbox: Inbox, tmp_path: Path):
    slug, other = (f"e2e-{secrets.token_hex(4)}" for _ in range(2))
    admin, stranger = f"ada@{slug}.example", f"eve@{other}.example"
    founded = made(system, "init", "--org", slug, "--admin", admin, "--project", "Checkout")
    made(system, "init", "--org", other, "--admin", stranger, "--project", "Elsewhere")
    (tmp_path / "assumptions.yaml").write_text(APPLY.format(slug=slug))
    made(system, "apply", str(tmp_path / "assumptions.yaml"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    set_ = {"AUGENTIS_WEBHOOK_URL": inbox.url, "AUGENTIS_INGEST_AUTH": "key"}
    with (
        system.worker(**set_),
        system.process("relay", **set_),
        system.process("api", "--port", port) as serving,
    ):
        ours, theirs = token(system, admin, slug), token(system, stranger, other)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as api:
            await ready(api, serving)
            await publish(system.servers, founded)
            await eventually(lambda: bool(inbox.letters))
            report = await _report(api, ours)
            _check_letter(inbox, system, report)
            await _check_hours(api, ours, founded["project_id"])
            await _check_strangers(api, theirs, report["id"])
            await asyncio.sleep(1)  # for an alert that should not come
            assert len(inbox.letters) == 1
            left = await system.value("SELECT count(*) FROM outbox WHERE destination = 'webhook'")
            assert left == 0, "what was accepted stays nowhere"


async def _report(api: httpx.AsyncClient, ours: dict[str, str]) -> dict[str, Any]:
    listed = (await api.get("/v1/divergence-reports", headers=ours)).raise_for_status().json()
    assert listed["next_cursor"] is None
    (item,) = listed["items"]
    answer = await api.get(f"/v1/divergence-reports/{item['id']}", headers=ours)
    report: dict[str, Any] = answer.raise_for_status().json()
    assert report["divergence_type"] == "FEATURE_ADOPTION_MISS"
    assert report["classification"] == "MAJOR"
    assert (report["assumed_number"], report["unit"]) == (60, "%")
    assert 40 < report["actual_number"] < 48  # the union of days: nearly all have used it once
    assert report["tier_delta"] == 3
    cascade = report["cascade_analysis"]
    assert cascade["affected_features"] == ["F12 One-page checkout"]
    assert sorted(cascade["affected_code_modules"]) == ["address_form", "checkout_page"]
    return report


def _check_letter(inbox: Inbox, system: System, report: dict[str, Any]) -> None:
    (headers, body), *_ = inbox.letters
    Webhook(system.provided["AUGENTIS_WEBHOOK_SECRET"]).verify(body, headers)
    letter = json.loads(body)
    assert letter["type"] == "divergence.detected"
    assert letter["data"]["id"] == report["id"]
    assert letter["data"]["summary"] == report["summary"]
    assert headers["webhook-id"] == f"{report['id']}.detected"


async def _check_hours(api: httpx.AsyncClient, ours: dict[str, str], project_id: str) -> None:
    page: dict[str, Any] = {}

    async def has_a_second_page() -> bool:
        """The report needs some days; the hours after them may close later."""
        found = await api.get(
            f"/v1/projects/{project_id}/telemetry",
            params={"metric_name": "latency_p50", "limit": 200},
            headers=ours,
        )
        page.update(found.raise_for_status().json())
        return page["next_cursor"] is not None

    await eventually(has_a_second_page)
    assert len(page["items"]) == 200
    assert all(row["sample_count"] == 20 and 110 < row["metric_value"] < 300 for row in page["items"])


async def _check_strangers(api: httpx.AsyncClient, theirs: dict[str, str], report_id: str) -> None:
    where = f"/v1/divergence-reports/{report_id}"
    for headers, status, problem in (
        (theirs, 404, "not-found"),
        ({}, 401, "no-token"),
        ({"authorization": "Bearer nonsense"}, 401, "bad-token"),
    ):
        answer = await api.get(where, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert answer.json()["type"] == f"urn:augentis:problem:{problem}", answer.text
        assert report_id not in answer.json().get("detail", "")
    nothing = (await api.get("/v1/divergence-reports", headers=theirs)).raise_for_status().json()
    assert nothing["items"] == []
