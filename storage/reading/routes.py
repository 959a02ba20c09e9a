"""Routes of alerts as people look at them, and where one report would go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from routing.calm import held
from routing.explaining import Channel, Explained, Standing, explained
from routing.matchers import Matchers
from routing.routes import Route, chosen
from routing.severity import severity
from storage import routing
from storage.reading import calm
from storage.reading.pages import Orders, Slice, page_of
from storage.tables import (
    AlertChannel,
    AlertRoute,
    AlertRouteChannel,
    CascadeAnalysis,
    DivergenceReport,
    Tag,
)

ORDERS: Orders = {
    "position": (AlertRoute.position, AlertRoute.id),
    "created_at": (AlertRoute.created_at, AlertRoute.id),
}


async def listed(session: AsyncSession, org_id: UUID, part: Slice) -> Sequence[Row[Any]]:
    """Return a part of the organisation's routes, each with the ids of the channels that it names."""
    return await page_of(session, _routes(org_id), part)


async def one(session: AsyncSession, org_id: UUID, route_id: UUID) -> Row[Any] | None:
    """Return the route with the ids of its channels, if it is there and within sight."""
    found: Row[Any] | None = (
        await session.execute(_routes(org_id).where(AlertRoute.id == route_id))
    ).one_or_none()
    return found


async def live_channels(session: AsyncSession, org_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of `ids` that are channels of the organisation, and were not removed; they stay so.

    They are locked before the route that is to name them, as whoever changes a channel locks that first.
    """
    query = select(AlertChannel.id).where(
        AlertChannel.org_id == org_id, AlertChannel.id.in_(ids), AlertChannel.removed_at.is_(None)
    )
    return set(await session.scalars(query.order_by(AlertChannel.id).with_for_update(read=True)))


async def routed(session: AsyncSession, org_id: UUID, report_id: UUID, at: datetime) -> Explained | None:
    """Return where a report would go at `at`, as far as the caller sees, if it is there and within sight."""
    found = (await session.execute(_report(org_id, report_id))).one_or_none()
    if found is None:
        return None
    row = found._mapping  # noqa: SLF001  # SQLAlchemy's own name
    target = routing.target(row, row["tags"])
    standing = Standing(
        row["state"],
        row["classification"],
        severity(row["classification"], row["recommendation"] or ""),
        row["shadow"],
        row["historical"],
        row["snoozed_until"],
    )
    choices = chosen(await _all(session, org_id), target)
    named = await channels(session, org_id)
    waits = held(target, standing.severity, *await calm.holding(session, org_id, at), at)
    return explained(choices, named, standing, waits, at)


async def _all(session: AsyncSession, org_id: UUID) -> list[Route]:
    rows = [row._mapping for row in await session.execute(_routes(org_id))]  # noqa: SLF001
    return [
        routing.route(row, Matchers.model_validate(row["matchers"]), row["notify"], row["escalate"])
        for row in rows
    ]


async def channels(session: AsyncSession, org_id: UUID) -> dict[UUID, list[Channel]]:
    """Return the channels of each route, those in use and those that are disabled."""
    query = (
        select(
            AlertRouteChannel.route_id,
            AlertRouteChannel.role,
            AlertChannel.id,
            AlertChannel.name,
            AlertChannel.kind,
            AlertChannel.disabled_reason,
        )
        .join(AlertChannel, _of_its_channel())
        .where(AlertRouteChannel.org_id == org_id, AlertChannel.removed_at.is_(None))
        .order_by(AlertRouteChannel.role.desc(), AlertChannel.name, AlertChannel.id)
    )
    found: dict[UUID, list[Channel]] = {}
    for row in await session.execute(query):
        channel = Channel(row.id, row.name, row.kind, row.role, row.disabled_reason)
        found.setdefault(row.route_id, []).append(channel)
    return found


def _routes(org_id: UUID) -> Select[Any]:
    columns = AlertRoute.__table__.columns
    named = (_named(role).label(role) for role in ("notify", "escalate"))
    return select(*columns, *named).where(AlertRoute.org_id == org_id)


def _named(role: str) -> ColumnElement[Any]:
    query = (
        select(AlertChannel.id)
        .join(AlertRouteChannel, _of_its_channel())
        .where(
            AlertRouteChannel.org_id == AlertRoute.org_id,
            AlertRouteChannel.route_id == AlertRoute.id,
            AlertRouteChannel.role == role,
            AlertChannel.removed_at.is_(None),
        )
        .order_by(AlertChannel.name, AlertChannel.id)
    )
    return func.array(query.correlate(AlertRoute).scalar_subquery())


def _of_its_channel() -> ColumnElement[bool]:
    return and_(
        AlertChannel.org_id == AlertRouteChannel.org_id, AlertChannel.id == AlertRouteChannel.channel_id
    )


def _report(org_id: UUID, report_id: UUID) -> Select[Any]:
    report = DivergenceReport
    tags = select(Tag.tag_name).where(Tag.org_id == report.org_id, Tag.artifact_id == report.artifact_id)
    return (
        select(
            *report.__table__.columns,
            CascadeAnalysis.recommendation,
            func.array(tags.correlate(report).scalar_subquery()).label("tags"),
        )
        .outerjoin(
            CascadeAnalysis,
            and_(CascadeAnalysis.org_id == report.org_id, CascadeAnalysis.divergence_id == report.id),
        )
        .where(report.org_id == org_id, report.id == report_id)
    )
