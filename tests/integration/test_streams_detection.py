"""From telemetry that breaks an assumption to one report, one alert, and their end."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest
import yaml

from cli.demo.receiver import Receiver
from streams.news import EXCLUDED
from tests.streaming import NOW, Project, System, eventually

ALERTS = "divergence_alerts"
FIRST_DAY = datetime.combine(NOW.date() - timedelta(days=40), time(), NOW.tzinfo)


@pytest.fixture(scope="module")
def receiver(system: System) -> Iterator[Receiver]:
    """A worker and a relay that know a webhook, and the webhook."""
    with Receiver(system.provided["AUGENTIS_WEBHOOK_SECRET"]) as receiver:
        webhook = {"AUGENTIS_WEBHOOK_URL": receiver.url}
        with system.worker(**webhook), system.process("relay", **webhook):
            yield receiver


def assumptions(system: System, project: Project, path: Path, value: float = 60) -> dict[str, Any]:
    """Apply a PRD that assumes an adoption, and code that rests on it."""
    path.write_text(
        yaml.safe_dump(
            {
                "org": project.slug,
                "projects": [
                    {
                        "name": "Checkout",
                        "artifacts": [
                            {
                                "key": "prd-checkout",
                                "type": "PRD",
                                "evidence_tier": "E2",
                                "approve": True,
                                "content": {
                                    "features": ["F12"],
                                    "assumptions": [
                                        {
                                            "key": "adoption",
                                            "metric_name": "user_adoption",
                                            "cohort": "mainstream",
                                            "feature": "F12",
                                            "operator": ">=",
                                            "value": value,
                                            "effective_from": FIRST_DAY.isoformat(),
                                        }
                                    ],
                                },
                            },
                            {
                                "key": "code-checkout",
                                "type": "CODE_FRONTEND",
                                "approve": True,
                                "depends_on": ["prd-checkout"],
                                "content": {"modules": ["checkout_page", "address_form"]},
                            },
                        ],
                    }
                ],
            }
        )
    )
    done = system.augentis("apply", str(path), "--json")
    assert done.returncode == 0, done.stderr
    applied: dict[str, Any] = json.loads(done.stdout)
    return applied


def days(first: int, last: int, percent: float, an_hour: int = 2) -> list[dict[str, Any]]:
    """Return hourly adoption of days [first, last), with some noise."""
    random = Random(f"{first} {an_hour}")
    return [
        {
            "metric_name": "user_adoption",
            "cohort": "mainstream",
            "feature": "F12",
            "timestamp": (
                FIRST_DAY + timedelta(days=day, hours=hour, seconds=3600 * number / an_hour)
            ).timestamp(),
            "value": round(10 * min(max(percent + random.gauss(0, 2), 0), 100)),
            "of": 1000,
        }
        for day in range(first, last)
        for hour in range(24)
        for number in range(an_hour)
    ]


async def send(system: System, project: Project, samples: list[dict[str, Any]]) -> None:
    await system.send(*(project.batch(samples[at : at + 500]) for at in range(0, len(samples), 500)))


async def heard(system: System, project: Project) -> None:
    """Wait until all was read, closed, and heard by the detect agent."""
    await system.closed(project)

    async def done() -> bool:
        if await system.value(
            "SELECT count(*) FROM outbox WHERE destination = 'kafka' AND org_id = $1", project.org_id
        ):
            return False
        return await system.positions("telemetry_closed") == await system.ends("telemetry_closed")

    await eventually(done)


async def reports(system: System, project: Project) -> list[asyncpg.Record]:
    return await system.fetch(
        """SELECT r.*, c.affected_features, c.affected_code_modules, c.recommendation,
                  s.telemetry_revisions, s.status AS state
           FROM divergence_report r
           JOIN cascade_analysis c ON (c.org_id, c.divergence_id) = (r.org_id, r.id)
           JOIN detector_state s ON (s.org_id, s.assumption_id) = (r.org_id, r.assumption_id)
           WHERE r.project_id = $1 ORDER BY r.detected_at""",
        project.id,
    )


async def alerts(system: System, receiver: Receiver, project: Project) -> tuple[list[Any], list[Any]]:
    """Return what of a project came by Kafka and by the webhook."""
    bodies = [json.loads(record.value) for record in await system.records(ALERTS)]
    # Other tests send to the topic too, and not alerts alone.
    by_kafka = [
        body for body in bodies if isinstance(body, dict) and body["data"]["project_id"] == str(project.id)
    ]
    by_webhook = [a.body for a in receiver.alerts if a.body["data"]["project_id"] == str(project.id)]
    return by_kafka, by_webhook


async def test_a_broken_assumption_is_told_once_whatever_comes_late_until_the_data_mend_it(
    system: System, receiver: Receiver, tmp_path: Path
):
    project = await system.organisation()
    applied = assumptions(system, project, tmp_path / "a.yaml")
    await send(system, project, days(0, 8, 42, an_hour=45))
    await heard(system, project)

    (report,) = await reports(system, project)
    artifacts = {each["key"]: each["id"] for each in applied["projects"][0]["artifacts"]}
    assert str(report["artifact_id"]) == artifacts["prd-checkout"]
    assert (report["status"], report["divergence_type"]) == ("OPEN", "FEATURE_ADOPTION_MISS")
    assert (report["tier_delta"], report["classification"]) == (2, "MINOR")
    assert FIRST_DAY + timedelta(days=1) <= report["detected_at"] <= FIRST_DAY + timedelta(days=4)
    assert report["assumed_number"] == 60
    assert report["actual_number"] == pytest.approx(42, abs=1)
    assert report["recommendation"] == "REEXECUTE"
    assert json.loads(report["affected_features"]) == ["F12 PRD"]
    assert sorted(json.loads(report["affected_code_modules"])) == ["address_form", "checkout_page"]

    async def told_once() -> bool:
        by_kafka, by_webhook = await alerts(system, receiver, project)
        return len(by_kafka) == len(by_webhook) == 1

    await eventually(told_once)
    (by_kafka,), (by_webhook,) = await alerts(system, receiver, project)
    assert by_kafka == by_webhook
    assert by_webhook["type"] == "divergence.detected"
    assert by_webhook["data"]["id"] == str(report["id"])
    assert by_webhook["data"]["cascade_analysis"]["recommendation"] == "REEXECUTE"

    # Days that were folded change: folded again, told no second time.
    late = days(5, 6, 44)
    await send(system, project, late)
    await heard(system, project)
    (again,) = await reports(system, project)
    assert (again["id"], again["status"]) == (report["id"], "OPEN")
    assert (
        again["telemetry_revisions"]
        == report["telemetry_revisions"] + len({s["timestamp"] for s in late}) / 2
    )
    assert again["created_at"] == report["created_at"]

    await send(system, project, days(8, 30, 75))
    # The last local day is not over, or just so: what counts is that the detector has seen the good ones.
    await system.closed(project)

    async def resolved() -> bool:
        (found,) = await reports(system, project)
        return bool(found["status"] == "RESOLVED")

    await eventually(resolved)
    (mended,) = await reports(system, project)
    assert (mended["id"], mended["resolution"]) == (report["id"], "data")
    assert mended["resolved_at"] >= FIRST_DAY + timedelta(days=9)
    await heard(system, project)
    assert await told_once()
    assert receiver.refused == 0


async def test_a_report_that_corrected_telemetry_takes_back_is_superseded(
    system: System, receiver: Receiver, tmp_path: Path
):
    project = await system.organisation()
    assumptions(system, project, tmp_path / "a.yaml")
    await send(system, project, days(0, 15, 60) + days(15, 17, 20))
    await heard(system, project)
    (report,) = await reports(system, project)
    assert report["status"] == "OPEN"
    # In one message, so that one transaction corrects all of them.
    corrections = [{**each, "value": 9_350, "of": 10_000} for each in days(15, 17, 0)]
    await send(system, project, corrections)
    await heard(system, project)
    (corrected,) = await reports(system, project)
    assert (corrected["id"], corrected["status"]) == (report["id"], "SUPERSEDED")
    assert corrected["resolution"] == "telemetry was corrected"
    by_kafka, _ = await alerts(system, receiver, project)
    assert len(by_kafka) == 1


async def test_a_window_takes_a_report_back_and_gives_it_back_when_it_is_removed(
    system: System, receiver: Receiver, tmp_path: Path
):
    """Its own letter wakes detection, through outbox, relay, Kafka and worker: no telemetry comes."""
    project = await system.organisation()
    assumptions(system, project, tmp_path / "a.yaml")
    await send(system, project, days(0, 15, 60) + days(15, 17, 20))
    await heard(system, project)
    (report,) = await reports(system, project)
    assert report["status"] == "OPEN"
    await system.fetch(
        """INSERT INTO exclusion_window (org_id, id, project_id, starts_at, ends_at, kind, reason, created_by)
           SELECT $1, gen_random_uuid(), $2, $3, $4, 'INCIDENT', 'the gateway was down', user_id
           FROM organization_members WHERE org_id = $1""",
        *(project.org_id, project.id, FIRST_DAY + timedelta(days=15), FIRST_DAY + timedelta(days=17)),
    )
    await heard(system, project)
    (excluded,) = await reports(system, project)
    assert (excluded["id"], excluded["status"], excluded["resolution"]) == (
        report["id"],
        "SUPERSEDED",
        EXCLUDED,
    )
    await system.fetch(
        """UPDATE exclusion_window SET removed_at = now(), removed_by = created_by WHERE project_id = $1""",
        project.id,
    )
    await heard(system, project)
    (again,) = await reports(system, project)
    assert (again["id"], again["status"], again["resolution"]) == (report["id"], "OPEN", None)
    by_kafka, _ = await alerts(system, receiver, project)
    assert len(by_kafka) == 1


async def test_a_newer_version_of_the_artifact_resolves_what_the_old_one_assumed(
    system: System, receiver: Receiver, tmp_path: Path
):
    project = await system.organisation()
    assumptions(system, project, tmp_path / "a.yaml")
    await send(system, project, days(0, 16, 45))
    await heard(system, project)
    (report,) = await reports(system, project)
    assert report["status"] == "OPEN"
    assumptions(system, project, tmp_path / "a.yaml", value=40)
    await send(system, project, days(16, 17, 45))
    await heard(system, project)
    (resolved,) = await reports(system, project)
    assert (resolved["id"], resolved["status"]) == (report["id"], "RESOLVED")
    assert resolved["resolution"] == "superseded"
    by_kafka, _ = await alerts(system, receiver, project)
    assert len(by_kafka) == 1


async def test_a_break_is_told_by_its_own_days_and_again_when_they_turn_out_worse(
    system: System, receiver: Receiver, tmp_path: Path
):
    project = await system.organisation()
    assumptions(system, project, tmp_path / "assumed.yaml")
    # So early that gross breaches are not yet told by the hours they show in.
    await send(system, project, [*days(20, 34, 64, an_hour=4), *days(34, 35, 50)])
    await heard(system, project)
    [told] = await reports(system, project)
    # Of the week that values are pooled over, six days lie before the break.
    assert told["actual_number"] == pytest.approx(50, abs=1)
    assert told["interval_low"] < told["actual_number"] < told["interval_high"] < 64
    assert told["classification"] == "COSMETIC"
    assert [len(found) for found in await alerts(system, receiver, project)] == [1, 0]

    await send(system, project, days(35, 40, 40))
    await heard(system, project)
    [judged] = await reports(system, project)
    assert (judged["id"], judged["detected_at"]) == (told["id"], told["detected_at"])
    assert judged["classification"] == "MINOR"
    assert judged["actual_since"] == told["actual_since"]
    assert judged["actual_number"] < 48

    async def posted() -> bool:
        return bool((await alerts(system, receiver, project))[1])

    await eventually(posted)
    by_kafka, [alert] = await alerts(system, receiver, project)
    assert [body["type"] for body in by_kafka] == ["divergence.detected", "divergence.reclassified"]
    assert (alert["type"], alert["data"]["classification"]) == ("divergence.reclassified", "MINOR")


async def test_an_assumption_approved_after_its_history_need_not_wait_for_midnight(
    system: System, receiver: Receiver, tmp_path: Path
):
    del receiver
    project = await system.organisation()
    await send(system, project, days(0, 30, 42))
    await heard(system, project)
    assumptions(system, project, tmp_path / "assumed.yaml")
    assert await reports(system, project) == []
    await send(system, project, days(29, 30, 42, an_hour=1)[-1:])  # any hour that changes wakes detection
    await heard(system, project)
    assert len(await reports(system, project)) == 1
