"""A project with its artifacts, its agents and its gate."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from uuid import UUID, uuid4

from storage import tables
from storage.tables import Base
from tests.world.alerts import routes, silence
from tests.world.findings import assumption, findings
from tests.world.machinery import limits, machinery
from tests.world.places import HOUR, LONG_AGO, Place


def project(named: tuple[str, Place, UUID, UUID]) -> Iterator[Base]:
    name, place, user, other = named
    org = {"org_id": place.org}
    within = {**org, "project_id": place.project}
    yield tables.Workspace(**org, id=place.workspace, name=f"Team {name}", created_by=user)
    yield tables.Project(
        **org,
        id=place.project,
        workspace_id=place.workspace,
        name=f"Project {name}",
        problem_statement="It takes too long to pay.",
        created_by=user,
    )
    yield tables.Artifact(
        **within,
        id=place.artifact,
        type="PRD",
        key="prd",
        status="APPROVED",
        approved_by=user,
        approved_at=HOUR,
        content={"title": name},
        evidence_tier="E2",
        created_by=user,
    )
    yield tables.Artifact(**within, id=place.code, type="CODE_BACKEND", key="code", created_by=user)
    yield tables.Artifact(**within, id=place.other, type="WIREFRAME", key="other", created_by=user)
    yield tables.ArtifactDependency(**within, artifact_id=place.code, depends_on_id=place.artifact)
    yield tables.Tag(**within, id=uuid4(), artifact_id=place.artifact, tag_name="vrc_gate_submission")
    yield tables.MachineKey(
        **within,
        id=place.key,
        name="key",
        scopes=["publish", "read"],
        secret_sha256=sha256(str(place.key).encode()).digest(),
        created_by=user,
    )
    yield tables.OtlpMapping(**within, id=uuid4(), rules={}, created_by=user)
    yield from _exclusions(within, user, place.window)
    yield silence(place, user)
    yield from routes(place, name, user)
    yield tables.AgentExecution(**within, id=place.execution, agent_id=1, phase="DISCOVER", queued_by=user)
    yield from _costs(within)
    yield evidence(place, user, id=place.evidence)
    yield evidence(place, other, id=place.in_review, source="survey", escalation_status="IN_REVIEW")
    yield assumption(place)
    yield from findings(place)
    yield tables.AlertNotice(
        **within,
        kind="COHORT_SILENT",
        cohort="mainstream",
        opened_at=HOUR,
        ended_at=HOUR,
        detail={"last": HOUR.isoformat(), "missed": 3.0, "needed": 3.0, "over": "published again"},
    )
    yield from machinery(within)
    yield from limits(within, place.key)


def _costs(within: dict[str, UUID]) -> Iterator[Base]:
    for kind in ("daily", "monthly"):
        yield tables.CostTracking(
            **within,
            id=uuid4(),
            agent_id=1,
            phase="DISCOVER",
            model_used="gpt-4",
            aggregated_at=kind,
            period_start=HOUR.date(),
            tokens_used=1500,
            cost_usd=Decimal("0.06"),
            executions=1,
        )
    yield tables.CostPending(**within, day=HOUR.date())


def _exclusions(within: dict[str, UUID], user: UUID, window: UUID) -> Iterator[Base]:
    yield tables.ExclusionWindow(
        **within,
        id=window,
        starts_at=LONG_AGO,
        ends_at=LONG_AGO + timedelta(hours=2),
        kind="INCIDENT",
        reason="the database was away",
        created_by=user,
    )
    christmas = {"day": "2020-12-25", "name": "Christmas Day", "own": True}
    yield tables.HolidayCalendar(**within, id=uuid4(), holidays=[christmas], created_by=user)


def evidence(place: Place, author: UUID, **more: object) -> tables.Evidence:
    return tables.Evidence(
        **{
            "org_id": place.org,
            "id": uuid4(),
            "project_id": place.project,
            "artifact_id": place.artifact,
            "source": "interview",
            "confidence_score": 80,
            "evidence_count": 3,
            "created_by": author,
            **more,
        }
    )


def indicators(count: int, total: int) -> list[dict[str, object]]:
    """Return `count` indicators whose scores come to `total`."""
    each, more = divmod(total, count)
    return [{"name": f"indicator_{n}", "score": each + (n < more)} for n in range(count)]


def gate(named: tuple[str, Place, UUID, UUID], reviewer: UUID) -> Iterator[Base]:
    """A decision that leaves the project where it is; its code has evidence for E2, and the tier E0."""
    _, place, user, _ = named
    yield evidence(
        place,
        user,
        artifact_id=place.code,
        source="market_research",
        url_or_reference="a study",
        escalation_status="ESCALATED",
        reviewed_by=reviewer,
        reviewed_at=HOUR,
    )
    of = {"org_id": place.org, "project_id": place.project, "gate_decision_id": place.gate}
    yield tables.PhaseGateDecision(
        org_id=place.org,
        id=place.gate,
        project_id=place.project,
        phase="VRC",
        score=60,
        target_threshold=76,
        indicators=indicators(20, 1200),
        decided_by=user,
        rationale="not yet",
        decided_at=HOUR,
    )
    yield tables.GateArtifact(**of, artifact_id=place.code, evidence_tier="E2")
    yield tables.GateEvidence(**of, evidence_id=place.evidence)
