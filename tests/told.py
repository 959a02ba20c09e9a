"""An organisation whose reports open and end, and what its channels are told of them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from settings import Settings
from storage import channel_secrets, tables
from storage.database import engine
from streams.notifier import Notifier
from tests.databases import SECRET, Database
from tests.world import Place, assumption, report

DETECTED = datetime(2026, 11, 2, tzinfo=UTC)
_ADDRESSES: dict[str, dict[str, Any]] = {
    "email": {"to": ["team@people.example", "boss@people.example"]},
    "slack": {"host": "hooks.slack.example"},
    "pagerduty": {"region": "eu"},
    "alertmanager": {"url": "https://alertmanager.example"},
    "webhook": {"url": "https://receiver.example/"},
}
_SEALED: dict[str, dict[str, Any]] = {
    "webhook": {"secrets": ["whsec_c2VjcmV0"]},
    "slack": {"url": "https://hooks.slack.example/x"},
    "pagerduty": {"routing_key": "k"},
}
_PASS = (
    "UPDATE alert_due SET due_at = due_at - $2::interval WHERE org_id = $1 AND due_at < 'infinity'",
    """UPDATE alert_told SET first_told_at = first_told_at - $2::interval, told_at = told_at - $2::interval,
           reminded_at = reminded_at - $2::interval, refreshed_at = refreshed_at - $2::interval,
           escalated_at = escalated_at - $2::interval WHERE org_id = $1""",
    "UPDATE report_event SET at = at - $2::interval WHERE org_id = $1",
    "UPDATE divergence_report SET snoozed_until = snoozed_until - $2::interval WHERE org_id = $1",
    """UPDATE alert_silence SET starts_at = starts_at - $2::interval, ends_at = ends_at - $2::interval
       WHERE org_id = $1""",
)


@dataclass
class Office:
    """An organisation, and a notifier that looks when it is told to."""

    database: Database
    pool: asyncpg.Pool
    notifier: Notifier
    place: Place = field(default_factory=lambda: Place(uuid4(), uuid4()))
    user: UUID = field(default_factory=uuid4)
    reports: list[UUID] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)

    async def do(self, query: str, *more: Any) -> list[Any]:
        async with self.database.superuser() as connection:
            return list(await connection.fetch(query, self.place.org, *more))

    async def channel(self, kind: str = "webhook", *, role: str = "notify") -> UUID:
        """Make a channel in the default route."""
        made = uuid4()
        sealed = channel_secrets.seal(SECRET, _SEALED[kind]) if kind in _SEALED else None
        await self.do(
            """INSERT INTO alert_channel (org_id, id, name, kind, settings, sealed, created_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            *(made, str(made), kind, json.dumps(_ADDRESSES[kind]), sealed, self.user),
        )
        await self.do(
            """INSERT INTO alert_route_channel (org_id, route_id, channel_id, role)
               SELECT $1, r.id, $2, $3 FROM alert_route AS r WHERE r.org_id = $1 AND r.is_default""",
            *(made, role),
        )
        return made

    async def route(self, change: str) -> None:
        await self.do(f"UPDATE alert_route SET {change} WHERE org_id = $1 AND is_default")

    async def open(self, count: int = 1, **more: Any) -> list[UUID]:
        """Let reports be found, in one transaction."""
        made = []
        for _ in range(count):
            found = report(self.place, DETECTED + timedelta(seconds=len(self.reports)), id=uuid4(), **more)
            self.reports.append(found.id)
            made += [found, _cascade(self.place, found.id)]
        await _add(self.database, made)
        return self.reports[-count:]

    async def change(self, said: str, *reports: UUID) -> None:
        """Let detection change reports."""
        await self.pool.execute(
            f"UPDATE divergence_report SET {said} WHERE org_id = $1 AND id = ANY ($2)",
            self.place.org,
            reports or self.reports,
        )

    async def end(self, *reports: UUID) -> None:
        await self.change(
            "status = 'RESOLVED', resolution = 'data', resolved_at = detected_at + interval '3 days'",
            *reports,
        )

    async def handle(self, said: str, *reports: UUID) -> None:
        """Let a person change reports: what the API's role may, and who, is tried elsewhere."""
        said = f"{said}, handling_version = handling_version + 1"
        query = f"UPDATE divergence_report SET {said} WHERE org_id = $1 AND id = ANY ($2)"
        await self.without("divergence_report", "guard_handling", query, reports or self.reports)

    async def without(self, table: str, trigger: str, query: str, *more: Any) -> None:
        async with self.database.superuser() as connection, connection.transaction():
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            await connection.execute(query, self.place.org, *more)
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")

    async def passes(self, **time: float) -> None:
        """Let time pass: all that is remembered is so much older."""
        async with self.database.superuser() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in _PASS:
                await connection.execute(statement, self.place.org, timedelta(**time))

    async def told(self, **time: float) -> list[Any]:
        """Let time pass, look, and return the deliveries that are new, in order."""
        if time:
            await self.passes(**time)
        while await self.notifier.look():
            pass
        rows = await self.do("SELECT * FROM alert_delivery WHERE org_id = $1 ORDER BY created_at, sequence")
        new = [row for row in rows if row["id"] not in self.seen]
        self.seen |= {row["id"] for row in new}
        return new

    async def kinds(self, **time: float) -> list[str]:
        return [row["kind"] for row in await self.told(**time)]


def data(row: Any) -> Any:
    """Return what a webhook is sent of a delivery."""
    return json.loads(row["body"])["data"]


def _cascade(place: Place, report_id: UUID) -> Any:
    return tables.CascadeAnalysis(
        org_id=place.org,
        project_id=place.project,
        id=uuid4(),
        divergence_id=report_id,
        affected_features=["F12 PRD"],
        affected_code_modules=["checkout_page"],
        reexecution_scope_days=2,
        full_redesign_days=14,
        recommendation="REEXECUTE",
    )


async def _add(database: Database, rows: list[Any]) -> None:
    mighty = engine(database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        for kind in dict.fromkeys(type(row) for row in rows):
            session.add_all(row for row in rows if type(row) is kind)
            await session.flush()
    await mighty.dispose()


@asynccontextmanager
async def office_of(database: Database, settings: Settings) -> AsyncIterator[Office]:
    """Make an organisation of which nobody is told anything yet."""
    async with asyncpg.create_pool(database.worker_url, min_size=1, max_size=6) as pool:
        office = Office(database, pool, Notifier(pool, settings))
        place, user = office.place, office.user
        org = {"org_id": place.org}
        await _add(
            database,
            [
                tables.Organization(id=place.org, name="Acme", slug=f"acme-{place.org.hex[:8]}"),
                tables.User(id=user, email=f"{user}@people.example", full_name="Ann"),
                tables.Workspace(**org, id=place.workspace, name="Main", created_by=user),
                tables.Project(
                    **org,
                    id=place.project,
                    workspace_id=place.workspace,
                    name="Checkout",
                    problem_statement="It takes too long to pay.",
                    created_by=user,
                ),
                tables.Artifact(
                    **org, id=place.artifact, project_id=place.project, type="PRD", key="prd", created_by=user
                ),
                assumption(place),
            ],
        )
        yield office
