"""The past of a series, for an assumption that is only tried: as detection would have read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from detectors.assumptions import Assumption
from detectors.exclusions import Exclusions
from detectors.series import HourRow
from storage import detection, exclusions


@dataclass(frozen=True, slots=True)
class Tried:
    """An assumption and the project on whose telemetry it is tried."""

    org_id: UUID
    project_id: UUID
    assumption: Assumption


async def hours(
    session: AsyncSession, item: Tried, since: datetime, until: datetime
) -> tuple[list[HourRow], Exclusions]:
    """Return the Telemetry in [since, until) that the assumption is about, and what is taken out of it."""
    # The driver's connection is in the session's transaction: it sees what the claims let it see.
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    taken_out = await exclusions.excluded(driver, item, since, until)
    return await detection.series(driver, item, since, until), taken_out
