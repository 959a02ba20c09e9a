"""The hours that are still open, as far as they are known: read from partials, and never detected on."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from metrics.names import UNITS, Metric
from storage.closing import HourCell, merged, telemetry_id
from storage.reading.pages import Slice
from storage.reading.telemetry import Wanted
from storage.tables import Partial, ProjectClock

Position = tuple[datetime, str, str, str]


@dataclass(frozen=True)
class OpenHour:
    """A Telemetry row to be, with the fields of one."""

    id: UUID
    org_id: UUID
    project_id: UUID
    metric_name: Metric
    metric_value: Decimal
    unit: str
    timestamp: datetime
    cohort: str
    feature: str
    numerator: Decimal | None
    denominator: Decimal | None
    sample_count: int
    user_count: int
    created_at: datetime
    updated_at: datetime
    revision: int = 0
    is_final: bool = False
    provisional: bool = True


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[OpenHour]:
    """Return all open hours of the project beyond the part's `after`, in its order."""
    closed_through = (
        select(ProjectClock.closed_through)
        .where(ProjectClock.org_id == org_id, ProjectClock.project_id == project_id)
        .scalar_subquery()
    )
    query = select(Partial.__table__, func.now().label("read_at")).where(
        Partial.org_id == org_id,
        Partial.project_id == project_id,
        Partial.hour >= func.coalesce(closed_through, func.to_timestamp(0)),
        *wanted.conditions(Partial, Partial.hour),
    )
    rows = (await session.execute(query)).mappings().all()
    found = [_open(org_id, project_id, each, rows[0]["read_at"]) for each in merged(rows)]
    return sorted((row for row in found if row and _is_beyond(row, part)), key=_place, reverse=part.falling)


def _place(row: OpenHour) -> Position:
    return (row.timestamp, str(row.metric_name), row.cohort, row.feature)


def _is_beyond(row: OpenHour, part: Slice) -> bool:
    if part.after is None:
        return True
    return _place(row) < tuple(part.after) if part.falling else _place(row) > tuple(part.after)


def _open(org_id: UUID, project_id: UUID, each: HourCell, read_at: datetime) -> OpenHour | None:
    measure = each.measure()
    if measure is None:
        return None
    return OpenHour(
        id=telemetry_id(org_id, project_id, each),
        org_id=org_id,
        project_id=project_id,
        metric_name=each.metric,
        metric_value=measure.value,
        unit=UNITS[each.metric],
        timestamp=each.hour,
        cohort=each.cohort,
        feature=each.feature,
        numerator=measure.numerator,
        denominator=measure.denominator,
        sample_count=each.cell.samples,
        user_count=each.cell.users.count(),
        created_at=read_at,
        updated_at=read_at,
    )
