"""How people handle a report: each action is one UPDATE, judged by the database (AG030-AG034, ADR 0025)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import DivergenceReport, ReportEvent


def acknowledged(*, yes: bool) -> dict[str, object]:
    """Return the change that somebody has seen a report, or takes that back."""
    return {"acknowledged_at": func.clock_timestamp() if yes else None}


def assigned(assignee_id: UUID | None) -> dict[str, object]:
    """Return the change of who sees to it; None: nobody."""
    return {"assignee_id": assignee_id}


def snoozed(until: datetime | None) -> dict[str, object]:
    """Return the change of when it is looked at again; None: now."""
    return {"snoozed_until": until}


def resolved(reason: str) -> dict[str, object]:
    """Return the change that closes it."""
    return {"close_reason": reason}


def reopened(reason: str) -> dict[str, object]:
    """Return the change that takes a person's closing back."""
    return {"close_reason": None, "reopen_reason": reason}


async def handle(
    session: AsyncSession, org_id: UUID, report_id: UUID, expected: Expected, change: dict[str, object]
) -> DivergenceReport:
    """Make one of the changes above, and return the report; where it is so already, nothing happens.

    Fails as `edits.change` does.

    Raises:
        DBAPIError: it does not follow from how the report stands (AG030), the data decided (AG031), nobody
            of the organisation is assigned (AG032), the time is out of bounds (AG033), or the role does not
            allow it.
    """
    key = {"org_id": org_id, "id": report_id}
    return await edits.change(session, DivergenceReport, key, expected, change)


async def comment(
    session: AsyncSession, org_id: UUID, project_id: UUID, report_id: UUID, text: str
) -> ReportEvent:
    """Add a comment to the timeline of a report, and return it."""
    row = insert(ReportEvent).values(
        org_id=org_id, project_id=project_id, report_id=report_id, body={"text": text}
    )
    return (await session.scalars(row.returning(ReportEvent))).one()
