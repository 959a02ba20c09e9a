"""A project's holidays: versions of its calendar, the newest of which holds."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from detectors.calendars import Calendar, PublicHolidays
from storage.entities.edits import Expected
from storage.errors import NotThereError, StaleError
from storage.tables import HolidayCalendar
from storage.tenancy import Claims


async def live(session: AsyncSession, org_id: UUID, project_id: UUID) -> HolidayCalendar | None:
    """Return the version that holds, None where the project never had one."""
    query = (
        select(HolidayCalendar)
        .where(HolidayCalendar.org_id == org_id, HolidayCalendar.project_id == project_id)
        .order_by(HolidayCalendar.version.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def put(
    session: AsyncSession,
    claims: Claims,
    project_id: UUID,
    expected: Expected,
    calendar: Calendar,
    *,
    must_exist: bool = False,
) -> tuple[HolidayCalendar, bool]:
    """Let `calendar` hold from now on, as the days that it means now; return it, and whether it is the first.

    The same days of the same calendar again are no new version.

    Raises:
        NotThereError: there is none, and there must be.
        StaleError: the version that holds is none of `expected`.
    """
    before = await _locked(session, claims, project_id)
    if before is None and must_exist:
        raise NotThereError("the project has no holidays")
    if before is not None and expected is not None and before.version not in expected:
        raise StaleError(before.version)
    public, holidays = _public(calendar), [each.model_dump(mode="json") for each in calendar.holidays()]
    if before is not None and before.holidays == holidays and _is_of(before, public):
        return before, False
    row = insert(HolidayCalendar).values(
        org_id=claims.org_id,
        id=uuid4(),
        project_id=project_id,
        created_by=claims.user_id,
        holidays=holidays,
        **public,
    )
    return (await session.scalars(row.returning(HolidayCalendar))).one(), before is None


def is_made_of(row: HolidayCalendar, calendar: Calendar) -> bool:
    """Tell whether `row` was made of the same calendar, whatever the library would make of it now."""
    own = [each for each in row.holidays if each["own"]]
    asked = sorted(calendar.days, key=lambda each: each.day)
    return _is_of(row, _public(calendar)) and own == [
        {"day": each.day.isoformat(), "name": each.name, "own": True} for each in asked
    ]


def _is_of(row: HolidayCalendar, public: dict[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in public.items())


def _public(calendar: Calendar) -> dict[str, Any]:
    asked = calendar.public.model_dump() if calendar.public else {}
    return {name: asked.get(name) for name in PublicHolidays.model_fields}


async def _locked(session: AsyncSession, claims: Claims, project_id: UUID) -> HolidayCalendar | None:
    # The lock that the database takes to number the version: who else puts one waits from here on.
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended('holidays of ' || :project, 0))")
    await session.execute(lock, {"project": str(project_id)})
    return await live(session, claims.org_id, project_id)
