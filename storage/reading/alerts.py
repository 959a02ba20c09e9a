"""What an alert about a report says, as far as it stands in tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import (
    Artifact,
    AssumptionRow,
    CascadeAnalysis,
    DivergenceReport,
    Organization,
    Project,
    User,
)

MOST = 1000
"""Reports of a storm that are read at most."""


@dataclass(frozen=True, slots=True)
class Known:
    """A report with all that it is about; `owner` is who approved the artifact, None where that is lost."""

    report: DivergenceReport
    cascade: CascadeAnalysis
    assumption: AssumptionRow
    artifact: Artifact
    project: Project
    organization: Organization
    owner: str | None


async def known(session: AsyncSession, org_id: UUID, report_id: UUID) -> Known | None:
    """Return the report, if it and what it is about are there and within sight."""
    report = DivergenceReport
    query = (
        select(
            report,
            CascadeAnalysis,
            AssumptionRow,
            Artifact,
            Project,
            Organization,
            User.full_name,
        )
        .join(
            CascadeAnalysis,
            and_(CascadeAnalysis.org_id == report.org_id, CascadeAnalysis.divergence_id == report.id),
        )
        .join(
            AssumptionRow,
            and_(AssumptionRow.org_id == report.org_id, AssumptionRow.id == report.assumption_id),
        )
        .join(Artifact, and_(Artifact.org_id == report.org_id, Artifact.id == report.artifact_id))
        .join(Project, and_(Project.org_id == report.org_id, Project.id == report.project_id))
        .join(Organization, Organization.id == report.org_id)
        .outerjoin(User, User.id == Artifact.approved_by)
        .where(report.org_id == org_id, report.id == report_id)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else Known(*row)


async def peers(session: AsyncSession, report: DivergenceReport) -> Sequence[DivergenceReport]:
    """Return the reports of its incident that have ground and are told, itself among them, oldest first."""
    if report.incident_id is None:
        return ()
    query = (
        select(DivergenceReport)
        .where(
            DivergenceReport.org_id == report.org_id,
            DivergenceReport.incident_id == report.incident_id,
            DivergenceReport.status != "SUPERSEDED",
            DivergenceReport.shadow.is_(False),
        )
        .order_by(DivergenceReport.detected_at, DivergenceReport.id)
        .limit(MOST)
    )
    return (await session.scalars(query)).all()


async def open_reports(session: AsyncSession, org_id: UUID) -> Sequence[Row[DivergenceReport, str]]:
    """Return (report, name of its project) of those that are open and told, newest first, `MOST` at most."""
    report = DivergenceReport
    query = (
        select(report, Project.name)
        .join(Project, and_(Project.org_id == report.org_id, Project.id == report.project_id))
        .where(
            report.org_id == org_id,
            report.status == "OPEN",
            report.shadow.is_(False),
            report.historical.is_(False),
        )
        .order_by(report.detected_at.desc(), report.id)
        .limit(MOST)
    )
    return (await session.execute(query)).all()
