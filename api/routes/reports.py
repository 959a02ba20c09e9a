from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from api import etags, problems, routing
from api.answers import answers
from api.caller import Caller, Member
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.routes import lookup
from api.schemas import CascadeAnalysis, DivergenceReport, DivergenceReportDetail
from api.schemas.findings import ReportStatus
from detectors.divergence import Classification, DivergenceType
from storage.reading import reports
from storage.reading.pages import Orders

router = routing.router("/v1/divergence-reports", "divergence reports")


class ReportFilters(Paging):
    """Which reports; `since` is about `detected_at`."""

    orders: ClassVar[Orders] = reports.ORDERS

    project_id: UUID | None = None
    divergence_type: DivergenceType | None = None
    classification: Classification | None = None
    status: Annotated[
        ReportStatus | None,
        Field(description="as it is shown: OPEN leaves out what somebody has acknowledged"),
    ] = None
    since: Since | None = None
    incident_id: UUID | None = None
    shadow: Annotated[
        bool, Field(description="true: only those of assumptions that ran silently; false: only the others")
    ] = False
    sort: Annotated[str, sorts(reports.ORDERS)] = "-detected_at"


@router.get("", response_model=Page[DivergenceReport])
async def list_divergence_reports(caller: Member, filters: Annotated[ReportFilters, Query()]) -> object:
    """List divergence reports, newest first; those of silent assumptions are a list of their own."""
    wanted = reports.Wanted(
        filters.project_id,
        filters.divergence_type,
        filters.classification,
        filters.status,
        filters.since,
        filters.incident_id,
        filters.shadow,
    )
    rows = await reports.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, DivergenceReport)


@router.get("/{report_id}", response_model=DivergenceReportDetail, responses=answers(problems.NOT_FOUND))
async def read_divergence_report(caller: Member, response: Response, report_id: UUID) -> object:
    """Read a report, with its cascade analysis."""
    return await shown(caller, response, report_id)


async def shown(caller: Caller, response: Response, report_id: UUID) -> DivergenceReportDetail:
    """Return a report as it stands, and mark the response with its ETag.

    Raises:
        ProblemError: not-found.
    """
    report = await lookup.report(caller, report_id)
    cascade = await reports.cascade_of(caller.session, caller.org_id, report_id)
    # Detection changes it too; an edit is measured by what people do alone.
    etags.mark(response, report.handling_version, int(report.updated_at.timestamp() * 1_000_000))
    return DivergenceReportDetail(
        **DivergenceReport.model_validate(report).model_dump(),
        cascade_analysis=CascadeAnalysis.model_validate(cascade) if cascade else None,
    )
