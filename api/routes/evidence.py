"""Evidence for an artifact version, its review, and the tier that it supports."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Caller, Editor, Member
from api.etags import IfMatch, IfMatchIfAny
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import Evidence, EvidenceChange, EvidenceLadder, NewEvidence
from api.schemas.evidence import EscalationStatus, EvidenceSource
from storage.entities import evidence as writing
from storage.entities.edits import Expected
from storage.reading import evidence
from storage.reading.pages import Orders

router = routing.router("/v1", "evidence")


class EvidenceFilters(Paging):
    """Which pieces; `since` is about `created_at`."""

    orders: ClassVar[Orders] = evidence.ORDERS

    source: EvidenceSource | None = None
    escalation_status: EscalationStatus | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(evidence.ORDERS)] = "-created_at"


@router.get(
    "/artifacts/{artifact_id}/evidence", response_model=Page[Evidence], responses=answers(problems.NOT_FOUND)
)
async def list_evidence(
    caller: Member, artifact_id: UUID, filters: Annotated[EvidenceFilters, Query()]
) -> object:
    """List the evidence for an artifact version, newest first unless `sort` says otherwise."""
    await lookup.artifact(caller, artifact_id)
    wanted = evidence.Wanted(filters.source, filters.escalation_status, filters.since)
    rows = await evidence.listed(caller.session, caller.org_id, artifact_id, wanted, filters.part())
    return filters.page(rows, Evidence)


@router.post(
    "/artifacts/{artifact_id}/evidence",
    status_code=201,
    response_model=Evidence,
    responses=answers(problems.NOT_FOUND),
)
async def create_evidence(caller: Editor, response: Response, artifact_id: UUID, body: NewEvidence) -> object:
    """Add a piece of evidence; from the first data point on the artifact is E1. What more needs a review."""
    found = await lookup.artifact(caller, artifact_id)
    row = await writing.add(caller.session, caller.claims, found, **body.model_dump())
    etags.created(response, f"/v1/evidence/{row.id}", row.version)
    return row


@router.get(
    "/artifacts/{artifact_id}/evidence-tier",
    response_model=EvidenceLadder,
    responses=answers(problems.NOT_FOUND),
)
async def read_evidence_tier(caller: Member, artifact_id: UUID) -> object:
    """Read which tier the evidence supports: rung by rung, with the evidence and what is missing."""
    await lookup.artifact(caller, artifact_id)
    rungs = await evidence.ladder(caller.session, caller.org_id, artifact_id)
    return EvidenceLadder.of(artifact_id, rungs)


@router.get("/evidence/{evidence_id}", response_model=Evidence, responses=answers(problems.NOT_FOUND))
async def read_evidence(caller: Member, response: Response, evidence_id: UUID) -> object:
    """Read one piece of evidence."""
    row = await evidence.one(caller.session, caller.org_id, evidence_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such evidence")
    etags.mark(response, row.version)
    return row


@router.patch(
    "/evidence/{evidence_id}",
    response_model=Evidence,
    responses=answers(problems.NOT_FOUND, problems.EVIDENCE_FROZEN, problems.NOT_ITS_AUTHOR),
)
async def change_evidence(
    caller: Editor, response: Response, expected: IfMatch, evidence_id: UUID, body: EvidenceChange
) -> object:
    """Change what a piece of evidence says: its author may, until it is in review."""
    row = await writing.edit(caller.session, caller.org_id, evidence_id, expected, body.changes())
    etags.mark(response, row.version)
    return row


_STEP = answers(problems.NOT_FOUND, problems.STATUS_STEP)


@router.post("/evidence/{evidence_id}/submit", response_model=Evidence, responses=_STEP)
async def submit_evidence(
    caller: Editor, response: Response, expected: IfMatchIfAny, evidence_id: UUID
) -> object:
    """Have a piece reviewed. What it says does not change from now on, unless it is returned."""
    return await _step(caller, response, expected, evidence_id, "IN_REVIEW")


@router.post(
    "/evidence/{evidence_id}/escalate",
    response_model=Evidence,
    responses=answers(problems.NOT_FOUND, problems.STATUS_STEP, problems.OWN_EVIDENCE),
)
async def escalate_evidence(
    caller: Editor, response: Response, expected: IfMatchIfAny, evidence_id: UUID
) -> object:
    """Review a piece of somebody else's: it counts towards the higher tiers from now on.

    Send If-Match: what you count is then what you have read. Where the piece takes its artifact a rung
    up, the artifact's tier is raised, of an approved version too.
    """
    return await _step(caller, response, expected, evidence_id, "ESCALATED")


@router.post("/evidence/{evidence_id}/return", response_model=Evidence, responses=_STEP)
async def return_evidence(
    caller: Editor, response: Response, expected: IfMatchIfAny, evidence_id: UUID
) -> object:
    """Give a piece that is in review back to its author, who may change it again; an author takes it back."""
    return await _step(caller, response, expected, evidence_id, "NONE")


async def _step(
    caller: Caller, response: Response, expected: Expected, evidence_id: UUID, status: str
) -> object:
    row = await writing.step(caller.session, caller.org_id, evidence_id, expected, status)
    etags.mark(response, row.version)
    return row
