"""The gates between phases: what was decided, and what an ADMIN has overridden."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Admin, Caller, Editor, Member
from api.etags import IfMatchIfAny
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import (
    Gate,
    GateArtifact,
    GateDecision,
    GateDecisionDetail,
    GateOverride,
    Gates,
    NewGateDecision,
)
from api.schemas.gates import GateOutcome, GatePhase
from storage.entities import gates as writing
from storage.entities import versions
from storage.reading import gates
from storage.reading.pages import Orders

router = routing.router("/v1", "gates")


class DecisionFilters(Paging):
    """Which decisions; `since` is about `decided_at`."""

    orders: ClassVar[Orders] = gates.ORDERS

    phase: GatePhase | None = None
    decision: GateOutcome | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(gates.ORDERS)] = "-decided_at"


@router.get("/gates", response_model=Gates)
async def list_gates(caller: Member) -> object:
    """List the gates: of which phase each is, where it leads, its threshold, how many indicators it takes."""
    return Gates(items=[Gate.model_validate(row) for row in await gates.gates(caller.session)])


@router.get(
    "/projects/{project_id}/gate-decisions",
    response_model=Page[GateDecision],
    responses=answers(problems.NOT_FOUND),
)
async def list_gate_decisions(
    caller: Member, project_id: UUID, filters: Annotated[DecisionFilters, Query()]
) -> object:
    """List a project's gate decisions, the latest first unless `sort` says otherwise."""
    await lookup.project(caller, project_id)
    wanted = gates.Wanted(filters.phase, filters.decision, filters.since)
    rows = await gates.listed(caller.session, caller.org_id, project_id, wanted, filters.part())
    return filters.page(rows, GateDecision)


@router.post(
    "/projects/{project_id}/gate-decisions",
    status_code=201,
    response_model=GateDecisionDetail,
    responses=answers(
        problems.NOT_FOUND, problems.EVIDENCE_TOO_LOW, problems.WRONG_GATE, problems.PROJECT_ARCHIVED
    ),
)
async def decide_gate(caller: Editor, response: Response, project_id: UUID, body: NewGateDecision) -> object:
    """Decide on the gate of the project's phase, as an ADMIN or as the project's EDITOR.

    The score is the mean of the indicators, rounded half up. PASS leads the project one phase on, with the
    status PASSED; otherwise it stays, CONDITIONAL or FAILED, and may be decided on again.
    """
    await lookup.project(caller, project_id)
    await _are_of_project(caller, project_id, body)
    row = await writing.decide(caller.session, caller.claims, project_id, **body.model_dump())
    etags.created(response, f"/v1/gate-decisions/{row.id}")
    return await _shown(caller, response, row.id)


@router.get(
    "/gate-decisions/{decision_id}",
    response_model=GateDecisionDetail,
    responses=answers(problems.NOT_FOUND),
)
async def read_gate_decision(caller: Member, response: Response, decision_id: UUID) -> object:
    """Read a gate decision, with the artifacts and the evidence that it rests on."""
    return await _shown(caller, response, decision_id)


@router.post(
    "/gate-decisions/{decision_id}/override",
    response_model=GateDecisionDetail,
    responses=answers(problems.NOT_FOUND, problems.NOT_OVERRIDABLE, problems.PROJECT_ARCHIVED),
)
async def override_gate_decision(
    caller: Admin, response: Response, expected: IfMatchIfAny, decision_id: UUID, body: GateOverride
) -> object:
    """Lead the project on although its latest decision was none to pass, as an ADMIN and with a reason.

    The decision and its score stay as they are.
    """
    await writing.override(caller.session, caller.org_id, decision_id, expected, body.override_reason)
    return await _shown(caller, response, decision_id)


async def _shown(caller: Caller, response: Response, decision_id: UUID) -> GateDecisionDetail:
    whole = await gates.one(caller.session, caller.org_id, decision_id)
    if whole is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such gate decision")
    etags.mark(response, whole.decision.version)
    return GateDecisionDetail(
        **GateDecision.model_validate(whole.decision).model_dump(),
        artifacts=[GateArtifact.model_validate(each) for each in whole.artifacts],
        evidence_ids=list(whole.evidence_ids),
    )


async def _are_of_project(caller: Caller, project_id: UUID, body: NewGateDecision) -> None:
    asked = (caller.session, caller.org_id, project_id)
    artifacts = await versions.in_project(*asked, set(body.artifact_ids))
    evidence = await gates.evidence_of(*asked, set(body.evidence_ids))
    for field, thing, ids, known in (
        ("artifact_ids", "artifact", body.artifact_ids, artifacts),
        ("evidence_ids", "evidence", body.evidence_ids, evidence),
    ):
        for index, each in enumerate(ids):
            if each not in known:
                raise problems.invalid(f"body.{field}.{index}", f"there is no such {thing} in this project")
