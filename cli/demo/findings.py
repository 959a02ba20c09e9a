"""What was found, as the API tells it and the webhook received it."""

import asyncio
import time
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import httpx

from cli.demo.companies import Company
from cli.demo.planted import PLANTED, Finding, Reported
from cli.demo.processes import Check
from cli.demo.receiver import Receiver
from detectors.divergence import Classification, DivergenceType, Recommendation

WEBHOOK_SECONDS = 15.0
SETTLE_SECONDS = 1.0
"""Waited after the last alert that should come, for any that should not."""


class Found(NamedTuple):
    """A report with its cascade as the API gave it, and whose it is."""

    company: Company
    report: dict[str, Any]
    reported: Reported


async def gather(
    api: httpx.AsyncClient, companies: Iterable[Company], receiver: Receiver, check: Check
) -> list[Found]:
    """Read all reports of both companies, once the alerts that are due have had time to arrive."""
    await _alerts(receiver, check)
    alerted = {alert.report_id for alert in receiver.alerts}
    return [found for company in companies for found in await _of(api, company, alerted)]


async def _alerts(receiver: Receiver, check: Check) -> None:
    due = sum(item.finding is not None and item.finding.alerted for item in PLANTED)
    deadline = time.monotonic() + WEBHOOK_SECONDS
    while len(receiver.alerts) < due and time.monotonic() < deadline:
        check()
        await asyncio.sleep(0.1)
    await asyncio.sleep(SETTLE_SECONDS)


async def _of(api: httpx.AsyncClient, company: Company, alerted: Collection[str]) -> list[Found]:
    headers = {"authorization": f"Bearer {company.token}"}
    listed = await api.get("/v1/divergence-reports", params={"limit": 200}, headers=headers)
    listed.raise_for_status()
    found = []
    for item in listed.json()["items"]:
        response = await api.get(f"/v1/divergence-reports/{item['id']}", headers=headers)
        response.raise_for_status()
        report = response.json()
        found.append(Found(company, report, reported(company, report, alerted)))
    return found


def reported(company: Company, report: dict[str, Any], alerted: Collection[str]) -> Reported:
    """Return what a report of the API says, in the words of `cli.demo.planted`."""
    project, artifact = company.artifacts.get(report["artifact_id"], ("?", report["artifact_id"]))
    return Reported(
        project,
        artifact,
        Finding(
            DivergenceType(report["divergence_type"]),
            Classification(report["classification"]),
            Recommendation(report["cascade_analysis"]["recommendation"]),
            report["id"] in alerted,
        ),
    )
