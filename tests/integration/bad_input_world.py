"""What docs/bad-input.md names, and the world that it is sent to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from storage import tables
from storage.database import engine
from tests.tenancy.callers import Callers
from tests.world import HOUR, Place, World, evidence, report

# Whose e-mail; and until when, accepted and revoked when.
INVITATIONS = {
    "expired invitation": ("late", "2026-01-01", None, None),
    "revoked invitation": ("new", "2100-01-01", None, "2026-01-01"),
    "accepted invitation": ("new", "2100-01-01", "2026-01-01", None),
}
_ADOPTION = {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60}
IN_REVIEW: dict[str, dict[str, object]] = {
    "older version in review": {},
    "in review: an unknown metric and an unknown field": {
        "assumptions": [_ADOPTION, {**_ADOPTION, "key": "speed", "metric_name": "speed", "colour": "red"}]
    },
    "in review: 160 % of users": {"assumptions": [{**_ADOPTION, "value": 160}]},
    "in review: two that contradict each other": {
        "assumptions": [_ADOPTION, {**_ADOPTION, "key": "other", "operator": "<=", "value": 20}]
    },
    "in review: assumptions that are no list": {"assumptions": "many"},
}
ENDED = {"report that the data resolved": "RESOLVED", "report that is superseded": "SUPERSEDED"}
KNOWN = {
    name: uuid4()
    for name in (
        "Second",
        "Third",
        "archived project of B",
        "newer version",
        "archived project",
        "draft of the archived project",
        "nothing",
        "evidence of ann in review",
        "channel to Kafka",
        "disabled channel",
        "delivery to a disabled channel",
        "delivery that was sent",
        "default route",
        *ENDED,
        *INVITATIONS,
        *IN_REVIEW,
    )
}


async def prepare(world: World) -> None:
    """Add what the catalogue names: a full organisation, ended invitations, versions in review."""
    here, there = world.places["a1"], world.places["b1"]
    mighty = engine(world.database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        for name in ("Second", "Third", "archived project of B"):
            session.add(
                tables.Project(
                    org_id=world.b,
                    id=KNOWN[name],
                    workspace_id=there.workspace,
                    name=name,
                    problem_statement="It takes too long.",
                    created_by=world.bob,
                    is_archived=name.startswith("archived"),
                )
            )
        for row in _archived(world, here):
            session.add(row)
            await session.flush()
        session.add(
            evidence(here, world.ann, id=KNOWN["evidence of ann in review"], escalation_status="IN_REVIEW")
        )
        for days, (name, status) in enumerate(ENDED.items(), 10):
            session.add(report(here, HOUR - timedelta(days=days), id=KNOWN[name], status=status))
        session.add_all(_invitations(world))
        there_are = "SELECT count(*) FROM alert_channel WHERE org_id = :org"
        made = await session.scalar(text(there_are), {"org": world.b})
        session.add_all(_channels(world, 50 - int(made or 0)))
        await session.flush()
        session.add_all(_deliveries(world))
        for statement, values in _routes(world):
            await session.execute(text(statement), values)
        session.add_all(_versions(world, here))
        await session.execute(text("UPDATE agent SET is_active = false WHERE id = 26"))
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("UPDATE agent_execution SET max_retries = 0 WHERE status = 'FAILED'"))
        for statement in _calm():
            await session.execute(text(statement), {"org": world.b, "who": world.bob})
        await session.execute(text("SET LOCAL session_replication_role = origin"))
        # What runs already is kept.
        await session.execute(update(tables.Organization).values(subscription_tier="BASIC"))
        # Its gate takes few indicators.
        await session.execute(
            update(tables.Project)
            .where(tables.Project.id == world.places["a2"].project)
            .values(phase="DEVELOP")
        )


def _routes(world: World) -> Iterator[tuple[str, dict[str, object]]]:
    """Name A's default route; give B as many as it may have."""
    default = "UPDATE alert_route SET id = :id WHERE org_id = :org AND is_default"
    yield default, {"id": KNOWN["default route"], "org": world.a}
    yield (
        """INSERT INTO alert_route (org_id, id, name, position, created_by)
           SELECT :org, gen_random_uuid(), 'route ' || n, n, :who
           FROM generate_series((SELECT count(*) FROM alert_route WHERE org_id = :org), 199) AS n""",
        {"org": world.b, "who": world.bob},
    )


def _calm() -> Iterator[str]:
    """As many silences and windows as an organisation may have."""
    yield """INSERT INTO alert_silence (org_id, id, matchers, starts_at, ends_at, reason, created_by)
             SELECT :org, gen_random_uuid(), '{}', now(), now() + interval '1 day', 'as we like it', :who
             FROM generate_series((SELECT count(*) FROM alert_silence WHERE org_id = :org), 499)"""
    yield """INSERT INTO alert_window (org_id, id, name, kind, matchers, timezone, weekdays, from_time,
                                      to_time, created_by)
             SELECT :org, gen_random_uuid(), 'window ' || n, 'MAINTENANCE', '{}', 'UTC', '{1}', '01:00',
                 '02:00', :who
             FROM generate_series((SELECT count(*) FROM alert_window WHERE org_id = :org), 99) AS n"""


def _archived(world: World, place: Place) -> Iterator[tables.Base]:
    yield tables.Project(
        org_id=place.org,
        id=KNOWN["archived project"],
        workspace_id=place.workspace,
        name="Archived",
        problem_statement="It takes too long.",
        created_by=world.ann,
        is_archived=True,
    )
    yield tables.Artifact(
        org_id=place.org,
        id=KNOWN["draft of the archived project"],
        project_id=KNOWN["archived project"],
        type="PRD",
        created_by=world.ann,
    )


def _channels(world: World, left: int) -> Iterator[tables.AlertChannel]:
    """One more of A, and as many of B as it may still have."""
    of: dict[str, Any] = {"kind": "kafka", "settings": {}}
    yield tables.AlertChannel(
        org_id=world.a, id=KNOWN["channel to Kafka"], name="Kafka", created_by=world.ann, **of
    )
    yield tables.AlertChannel(
        org_id=world.a,
        id=KNOWN["disabled channel"],
        name="disabled",
        created_by=world.ann,
        disabled_at=HOUR,
        disabled_reason="status 410",
        **of,
    )
    for number in range(left):
        yield tables.AlertChannel(
            org_id=world.b, id=uuid4(), name=f"channel {number}", created_by=world.bob, **of
        )


def _deliveries(world: World) -> Iterator[tables.AlertDelivery]:
    ends: dict[str, dict[str, Any]] = {
        "delivery to a disabled channel": {
            "channel_id": KNOWN["disabled channel"],
            "status": "DEAD",
            "body": b"{}",
            "last_error": "status 410",
        },
        "delivery that was sent": {
            "channel_id": KNOWN["channel to Kafka"],
            "status": "SENT",
            "sent_at": HOUR,
        },
    }
    for name, end in ends.items():
        yield tables.AlertDelivery(
            org_id=world.a,
            id=KNOWN[name],
            project_id=world.places["a1"].project,
            thread_id=KNOWN[name],
            sequence=1,
            kind="detected",
            **end,
        )


def _invitations(world: World) -> Iterator[tables.Invitation]:
    for name, (who, until, accepted, revoked) in INVITATIONS.items():
        yield tables.Invitation(
            org_id=world.a,
            id=KNOWN[name],
            email=f"{who}@people.example",
            role_in_org="MEMBER",
            invited_by=world.ann,
            expires_at=_day(until),
            accepted_at=_day(accepted),
            accepted_by=world.max if accepted else None,
            revoked_at=_day(revoked),
        )


def _day(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _versions(world: World, place: Place) -> Iterator[tables.Artifact]:
    of_ann = {"org_id": place.org, "project_id": place.project, "type": "PRD", "created_by": world.ann}
    for name, content in IN_REVIEW.items():
        yield tables.Artifact(
            **of_ann, id=KNOWN[name], key=name, content=content, status="REVIEW", submitted_at=HOUR
        )
    yield tables.Artifact(
        **of_ann,
        id=KNOWN["newer version"],
        key="older version in review",
        version=2,
        status="APPROVED",
        approved_by=world.ann,
        approved_at=HOUR,
    )


def known(callers: Callers) -> dict[str, str]:
    """Return the ids, and a time, by what the catalogue calls them."""
    here, other, there = (callers.ids(place) for place in ("a1", "a2", "b1"))
    return {
        **{name: str(value) for name, value in KNOWN.items()},
        "project": here["project"],
        "other project": other["project"],
        "project of B": there["project"],
        "workspace": here["workspace"],
        "workspace of B": there["workspace"],
        "approved": here["artifact"],
        "draft": here["code"],
        "other draft": here["other"],
        "draft of B": there["code"],
        "draft of the other project": other["code"],
        "approved in the other project": other["artifact"],
        "decision": here["gate"],
        "decision in the other project": other["gate"],
        "evidence": here["evidence"],
        "evidence in review": here["in_review"],
        "evidence of B": there["evidence"],
        "key": here["key"],
        "report": here["report"],
        "closed report": here["closed"],
        "queued": here["execution"],
        "running": here["running"],
        "failed": here["failed"],
        "running in B": there["running"],
        "invitation": here["invitation"],
        "channel": here["channel"],
        "route": here["route"],
        "channel of B": there["channel"],
        "silence": here["silence"],
        "window": here["quiet"],
        "tomorrow": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "delivery": here["delivery"],
        **{name: str(getattr(callers.world, name)) for name in ("ann", "max", "vic", "fay", "bob", "eve")},
    }
