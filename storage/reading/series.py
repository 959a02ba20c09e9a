"""The series of a project, and when each was last seen: closed hours as noted, open ones from partials."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import Partial, ProjectClock, Series

ORDERS: Orders = {"metric_name": (Series.metric_name, Series.cohort, Series.feature)}
_Name = tuple[str, str, str]


@dataclass(frozen=True)
class Wanted:
    """Which series: None says all; `since` is about the last hour, inclusive."""

    metric_name: str | None = None
    cohort: str | None = None
    feature: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """A series; `last_hour` is the start of the newest hour that it was seen in."""

    metric_name: str
    cohort: str
    feature: str
    first_seen: datetime
    last_hour: datetime | None


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[Seen]:
    """Return a part of the project's series."""
    query = select(Series).where(Series.org_id == org_id, Series.project_id == project_id)
    for column in ("metric_name", "cohort", "feature"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(Series, column) == value)
    still_open = _open(org_id, project_id)
    if wanted.since:
        recently = exists().where(still_open, Partial.hour >= wanted.since, _same_series())
        query = query.where(or_(Series.last_hour >= wanted.since, recently))
    rows = await page(session, query, part)
    newest = await _newest(session, still_open, rows)
    return [_seen(row, newest.get(_name(row))) for row in rows]


def _open(org_id: UUID, project_id: UUID) -> ColumnElement[bool]:
    closed_through = (
        select(ProjectClock.closed_through)
        .where(ProjectClock.org_id == org_id, ProjectClock.project_id == project_id)
        .scalar_subquery()
    )
    return and_(
        Partial.org_id == org_id,
        Partial.project_id == project_id,
        Partial.hour >= func.coalesce(closed_through, func.to_timestamp(0)),
    )


def _same_series() -> ColumnElement[bool]:
    return and_(
        Partial.metric_name == Series.metric_name,
        Partial.cohort == Series.cohort,
        Partial.feature == Series.feature,
    )


async def _newest(
    session: AsyncSession, still_open: ColumnElement[bool], rows: Sequence[Series]
) -> dict[_Name, datetime]:
    name = (Partial.metric_name, Partial.cohort, Partial.feature)
    query = (
        select(*name, func.max(Partial.hour))
        .where(still_open, tuple_(*name).in_([_name(row) for row in rows]))
        .group_by(*name)
    )
    return {(metric, cohort, feature): hour for metric, cohort, feature, hour in await session.execute(query)}


def _name(row: Series) -> _Name:
    return (row.metric_name, row.cohort, row.feature)


def _seen(row: Series, open_hour: datetime | None) -> Seen:
    # A partial of an open hour may be older than one that was closed: a clock that was set back.
    hours = [hour for hour in (row.last_hour, open_hour) if hour]
    return Seen(*_name(row), row.first_seen, max(hours, default=None))
