"""The product teams' side of alerts: a channel of their own, made over the API; a report that is seen to."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import httpx

from cli.demo.companies import Company
from cli.demo.findings import Found
from cli.demo.processes import Check
from cli.demo.receiver import Alert, Receiver
from cli.exits import CommandError

SECONDS = 15.0
"""How long an alert may take to arrive."""
SEEN_TO = "The next release asks clinic managers less often."


class SeenTo(NamedTuple):
    """A report that a team was told of and saw to: what its channel received, who was told, what happened."""

    received: list[Alert]
    deliveries: list[dict[str, Any]]
    timeline: list[dict[str, Any]]

    @property
    def complete(self) -> bool:
        """Whether the channel was told of it and of its end, and the timeline has what people did."""
        told = [alert.body["type"] for alert in self.received]
        sent = [each["kind"] for each in self.deliveries if each["status"] == "SENT"]
        done = [event["kind"] for event in self.timeline if event["actor_kind"] == "user"]
        return (
            (told[:1], told[-1:]) == (["divergence.detected"], ["divergence.resolved"])
            and {"detected", "resolved"} <= set(sent)
            and done == ["ACKNOWLEDGED", "RESOLVED"]
        )


async def join(api: httpx.AsyncClient, companies: Sequence[Company], url: str, secret: str) -> None:
    """Make each company a channel to `url`, and a route that tells it of each report at once."""
    for company in companies:
        channel = await _post(
            api,
            company,
            "/v1/alert-channels",
            {
                "kind": "webhook",
                "name": "Product team",
                "settings": {"url": url},
                "secrets": {"secret": secret},
            },
        )
        route = {"name": "Product team", "notify": [channel["id"]], "group_by": "report", "group_wait": "0s"}
        await _post(api, company, "/v1/alert-routes", route)


async def see_to(api: httpx.AsyncClient, found: Found, inbox: Receiver, check: Check) -> SeenTo:
    """Acknowledge a report once its alert is there, resolve it, and return what came of it."""
    path = f"/v1/divergence-reports/{found.report['id']}"

    def told() -> list[Alert]:
        return [alert for alert in inbox.alerts if alert.report_id == found.report["id"]]

    await _until(lambda: bool(told()), check)
    await _post(api, found.company, f"{path}/acknowledge", None)
    await _post(api, found.company, f"{path}/resolve", {"reason": SEEN_TO})
    await _until(lambda: any(alert.body["type"] == "divergence.resolved" for alert in told()), check)
    return SeenTo(
        told(),
        await _items(api, found.company, f"{path}/deliveries"),
        await _items(api, found.company, f"{path}/timeline"),
    )


async def _until(held: Callable[[], bool], check: Check) -> None:
    """Wait until it holds, or for long enough: what is missing then is shown as missing."""
    deadline = time.monotonic() + SECONDS
    while not held() and time.monotonic() < deadline:
        check()
        await asyncio.sleep(0.05)


async def _post(api: httpx.AsyncClient, company: Company, path: str, body: object) -> dict[str, Any]:
    return await _asked(api, "POST", company, path, body)


async def _items(api: httpx.AsyncClient, company: Company, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await _asked(api, "GET", company, path, None))["items"]
    return found


async def _asked(
    api: httpx.AsyncClient, method: str, company: Company, path: str, body: object
) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {company.token}"}
    answer = await api.request(method, path, json=body, headers=headers)
    if answer.is_error:
        raise CommandError(f"{method} {path} was answered with {answer.status_code}: {answer.text}")
    said: dict[str, Any] = answer.json()
    return said
