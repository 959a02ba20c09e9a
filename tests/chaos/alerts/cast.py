"""Teams that made assumptions and a channel, and the days on which the assumptions break and hold again."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import yaml

from storage import channel_secrets
from storage.tenancy import Claims
from tests.streaming import NOW, Project, System

FIRST = datetime.combine(NOW.date() - timedelta(days=20), time(), UTC)
STAGES = ((0, 9), (9, 10), (10, 12), (12, 15), (15, 17))
"""Days [first, last): sound, broken, worse, mended but for some, and of those some broken again."""
GROUP_WAIT = timedelta(seconds=1)
MOST = 50
"""Assumptions of a project at most."""


@dataclass(frozen=True)
class Team:
    """An organisation with its projects, so many assumptions in each, and its channel."""

    org_id: UUID
    admin: Claims
    projects: tuple[Project, ...]
    assumptions: int
    channel: UUID


def level(number: int, day: int) -> float:
    """Return the adoption (per cent) of assumption `number` on a day; 60 are assumed."""
    if day < STAGES[1][0]:
        return 65
    if day < STAGES[1][1]:
        return 50 if number % 3 == 0 else 42
    if day < STAGES[2][1] or number % 5 == 0:
        return 40
    return 40 if day >= STAGES[4][0] and number % 7 == 0 else 75


def batches(team: Team, project: Project, stage: int) -> Iterator[bytes]:
    """Yield the messages of a stage of a project, the last with a sample of the next day, which ends it."""
    first, last = STAGES[stage]
    random = Random(f"{project.id} {stage}")
    samples: list[dict[str, Any]] = []
    for day in range(first, last):
        for hour in range(24):
            at = FIRST + timedelta(days=day, hours=hour)
            samples += [_sample(n, at, level(n, day) + random.gauss(0, 2)) for n in range(team.assumptions)]
    samples.append(_sample(team.assumptions, FIRST + timedelta(days=last, minutes=30), 65))
    for start in range(0, len(samples), 500):
        yield project.batch(samples[start : start + 500], uuid4())


def ends(stage: int) -> date:
    """Return the last day of a stage."""
    return (FIRST + timedelta(days=STAGES[stage][1] - 1)).date()


async def teams(
    system: System, home: Path, count: int, projects: int, assumptions: int, address: str, secret: str
) -> list[Team]:
    """Make `count` organisations, each with a webhook channel at `address` for all that is told."""
    return [
        await _team(system, home, [f"Product {n}" for n in range(projects)], assumptions, address, secret)
        for _ in range(count)
    ]


def _sample(number: int, at: datetime, percent: float) -> dict[str, Any]:
    return {
        "metric_name": "user_adoption",
        "cohort": "mainstream",
        "feature": f"F{number}",
        "timestamp": at.timestamp(),
        "value": round(10 * min(max(percent, 0), 100)),
        "of": 1000,
    }


async def _team(
    system: System, home: Path, names: Sequence[str], assumptions: int, address: str, secret: str
) -> Team:
    founded = await system.organisation(names[0])
    # As many projects as it takes.
    await system.fetch(
        "UPDATE organization SET subscription_tier = 'ENTERPRISE' WHERE id = $1", founded.org_id
    )
    path = home / f"{founded.slug}.yaml"
    path.write_text(json.dumps(_file(founded.slug, names, assumptions)))
    assert yaml.safe_load(path.read_text())  # JSON is YAML
    done = system.augentis("apply", str(path), "--json")
    assert done.returncode == 0, done.stderr
    ids = [UUID(each["id"]) for each in json.loads(done.stdout)["projects"]]
    (row,) = await system.fetch("SELECT user_id FROM organization_members WHERE org_id = $1", founded.org_id)
    channel = await _channel(system, founded.org_id, row["user_id"], f"{address}/{founded.slug}", secret)
    projects = tuple(Project(founded.org_id, each, None, founded.slug, founded.admin) for each in ids)
    return Team(founded.org_id, Claims(row["user_id"], founded.org_id), projects, assumptions, channel)


def _file(slug: str, names: Sequence[str], assumptions: int) -> dict[str, Any]:
    content = {
        "features": ["F12"],
        "assumptions": [
            {
                "key": f"adoption-{number}",
                "metric_name": "user_adoption",
                "cohort": "mainstream",
                "feature": f"F{number}",
                "operator": ">=",
                "value": 60,
                "effective_from": FIRST.isoformat(),
            }
            for number in range(assumptions)
        ],
    }
    prd = {"key": "prd", "type": "PRD", "evidence_tier": "E0", "approve": True, "content": content}
    shared = {"problem_statement": "It takes too long to pay.", "artifacts": [prd]}
    return {"org": slug, "projects": [{"name": name, **shared} for name in names]}


async def _channel(system: System, org: UUID, user: UUID, url: str, secret: str) -> UUID:
    """Make the channel, and have the default route tell it of each report for itself, and at once."""
    channel = uuid4()
    sealed = channel_secrets.seal(system.secret, {"secrets": [secret]})
    async with system.superuser() as connection, connection.transaction():
        await connection.execute(
            """INSERT INTO alert_channel
                   (org_id, id, name, kind, settings, sealed, rate_per_minute, created_by)
               VALUES ($1, $2, 'Team', 'webhook', $3, $4, 6000, $5)""",
            *(org, channel, json.dumps({"url": url}), sealed, user),
        )
        await connection.execute(
            """INSERT INTO alert_route_channel (org_id, route_id, channel_id, role)
               SELECT org_id, id, $2, 'notify' FROM alert_route WHERE org_id = $1 AND is_default""",
            *(org, channel),
        )
        await connection.execute(
            """UPDATE alert_route SET group_by = 'report', group_wait = $2, cosmetic = 'at_once',
                   storm_at = 100000, repeat_every = NULL WHERE org_id = $1 AND is_default""",
            *(org, GROUP_WAIT),
        )
    return channel


def new_secret() -> str:
    """Return a webhook's secret."""
    return channel_secrets.generated()


def token() -> str:
    """Return what tells one run's files from another's."""
    return secrets.token_hex(4)
