"""An alert's whole way: channels and a route over the API, a report, three receivers, people, and its end.

Stack, worker, relay and API are processes of their own; the receivers are a webhook that verifies, a mail
server and a plain consumer of the team's topic.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.mailbox import Mailbox, receiving
from tests.receivers import Receiver
from tests.streaming import NOW, Process, Project, System, eventually

FIRST = datetime.combine(NOW.date() - timedelta(days=15), time(), UTC)
SOUND, BROKEN, MENDED = (0, 9), (9, 11), (11, 14)
"""Days [first, last)."""


def file(slug: str) -> dict[str, Any]:
    adoption = {
        "key": "adoption",
        "statement": "60 % of mainstream shoppers use the one-page checkout",
        "metric_name": "user_adoption",
        "cohort": "mainstream",
        "feature": "F12",
        "operator": ">=",
        "value": 60,
        "effective_from": FIRST.isoformat(),
    }
    content = {"features": ["F12"], "assumptions": [adoption]}
    prd = {"key": "prd", "type": "PRD", "evidence_tier": "E0", "approve": True, "content": content}
    return {"org": slug, "projects": [{"name": "Checkout", "artifacts": [prd]}]}


def days(first: int, last: int, percent: int) -> list[dict[str, Any]]:
    """Return samples of these days, and one of the next, which ends the last."""
    hours = [FIRST + timedelta(days=day, hours=hour) for day in range(first, last) for hour in range(24)]
    hours.append(FIRST + timedelta(days=last, minutes=30))
    return [
        {
            "metric_name": "user_adoption",
            "cohort": "mainstream",
            "feature": "F12",
            "timestamp": at.timestamp(),
            "value": 10 * percent + at.hour % 5,
            "of": 1000,
        }
        for at in hours
    ]


class Team:
    """An administrator at the API, and what their channels received."""

    def __init__(
        self, api: httpx.AsyncClient, system: System, slug: str, hooks: Receiver, mails: Mailbox
    ) -> None:
        self._api, self._system, self._slug = api, system, slug
        self._hooks, self._mails = hooks, mails

    async def post(self, path: str, **body: Any) -> Any:
        return (await self._api.post(path, json=body or None)).raise_for_status().json()

    async def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._api.get(path)).raise_for_status().json()["items"]
        return found

    async def join(self) -> None:
        """Make a webhook, an address and the team's own topic, and have a route tell them at once."""
        webhook = await self.post(
            "/v1/alert-channels", kind="webhook", name="on call", settings={"url": self._hooks.url("/team")}
        )
        self._hooks.trust("/team", webhook["secret"])
        to = {"to": ["team@shop.example"]}
        mail = await self.post("/v1/alert-channels", kind="email", name="everybody", settings=to)
        topic = await self.post("/v1/alert-channels", kind="kafka", name="our topic")
        notify = [channel["id"] for channel in (webhook, mail, topic)]
        await self.post("/v1/alert-routes", name="all of it", notify=notify, group_wait="0s")

    async def told(self) -> tuple[list[str], list[str], list[str]]:
        """Return what came by webhook, by Kafka and by mail, in order."""
        by_webhook = [each.json["type"] for each in self._hooks.accepted("/team")]
        by_mail = [str(mail.message["subject"]) for mail in self._mails.mails]
        records = await self._system.records(f"divergence_alerts.{self._slug}") if by_webhook else []
        return by_webhook, [json.loads(record.value)["type"] for record in records], by_mail


async def happens(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """Look until what is there is as wanted, and return it."""
    found: list[Any] = []

    async def there() -> bool:
        found.append(await look())
        return wanted(found[-1])

    await eventually(there, told=lambda: f"last seen: {found[-1:]}")
    return found[-1]


async def test_who_is_told_of_a_report_from_its_first_day_to_its_end(system: System, tmp_path: Path):
    project = await system.organisation()
    path = tmp_path / "assumptions.yaml"
    path.write_text(json.dumps(file(project.slug)))
    applied = system.augentis("apply", str(path))
    assert applied.returncode == 0, applied.stderr
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    async with receiving() as mails:
        with Receiver(tmp_path / "hooks") as hooks:
            set_ = {
                "AUGENTIS_WEBHOOK_ALLOW": "127.0.0.1",
                "AUGENTIS_SMTP_URL": f"smtp://{mails.address}",
                "AUGENTIS_SMTP_FROM": "Augentis <alerts@augentis.example>",
                "AUGENTIS_IDLE_AFTER": "2h",  # days end by the samples of the next
            }
            with (
                system.worker(**set_),
                system.process("relay", **set_),
                system.process("api", "--port", port, **set_) as serving,
            ):
                headers = {"authorization": f"Bearer {token(system, project)}"}
                async with httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}", timeout=10, headers=headers
                ) as api:
                    await ready(api, serving)
                    await whole_way(Team(api, system, project.slug, hooks, mails), system, project)


async def whole_way(team: Team, system: System, project: Project) -> None:
    await team.join()
    await system.send(project.batch(days(*SOUND, 65)))
    await system.send(project.batch(days(*BROKEN, 42)))
    told = await happens(team.told, all)
    assert [len(each) for each in told] == [1, 1, 1]
    assert told[0] == told[1] == ["divergence.detected"]
    assert "adoption of F12 among mainstream" in told[2][0]
    (report,) = await team.items("/v1/divergence-reports")
    about = f"/v1/divergence-reports/{report['id']}"

    await team.post(f"{about}/acknowledge")
    await system.send(project.batch(days(*MENDED, 75)))
    told = await happens(team.told, lambda each: all(len(kinds) > 1 for kinds in each))
    await asyncio.sleep(0.5)  # for what should not come
    assert await team.told() == told
    assert told[0] == told[1] == ["divergence.detected", "divergence.resolved"]
    assert len(told[2]) == 2

    timeline = await team.items(f"{about}/timeline")
    assert [(each["kind"], each["actor_kind"]) for each in timeline] == [
        ("DETECTED", "system"),
        ("ACKNOWLEDGED", "user"),
        ("RESOLVED", "system"),
    ]
    deliveries = await happens(
        lambda: team.items(f"{about}/deliveries"), lambda each: all(row["status"] == "SENT" for row in each)
    )
    assert sorted(row["kind"] for row in deliveries) == ["detected"] * 3 + ["resolved"] * 3
    assert len({row["channel_id"] for row in deliveries}) == 3


def token(system: System, project: Project) -> str:
    done = system.augentis("token", "--user", project.admin, "--org", project.slug)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def ready(api: httpx.AsyncClient, process: Process) -> None:
    async def is_ready() -> bool:
        assert process.popen.poll() is None, process.log
        try:
            return (await api.get("/readyz")).is_success
        except httpx.TransportError:
            return False

    await eventually(is_ready)
