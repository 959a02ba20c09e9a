"""What the API sends, typed; times are text in RFC 3339, UTC. docs/openapi.json has every meaning."""

from typing import Any, TypedDict


class Project(TypedDict):
    """A product being defined, built and watched."""

    id: str
    org_id: str
    workspace_id: str
    name: str
    description: str
    problem_statement: str
    phase: str
    status: str
    created_by: str
    last_updated_by: str | None
    created_at: str
    updated_at: str
    is_archived: bool
    version: int


class Telemetry(TypedDict):
    """One metric of one hour, cohort and feature ('' = unspecified)."""

    id: str
    org_id: str
    project_id: str
    metric_name: str
    metric_value: float
    unit: str
    timestamp: str
    cohort: str
    feature: str
    numerator: float | None
    denominator: float | None
    sample_count: int
    user_count: int
    revision: int
    is_final: bool
    provisional: bool
    created_at: str
    updated_at: str


class DivergenceReport(TypedDict):
    """Production proved an assumption wrong."""

    id: str
    org_id: str
    project_id: str
    artifact_id: str
    assumption_id: str
    divergence_type: str
    metric_name: str
    cohort: str
    feature: str
    assumed_value: str
    actual_value: str
    assumed_number: float
    actual_number: float
    unit: str
    relative_gap: float | None
    assumption_evidence_tier: str
    telemetry_evidence_tier: str
    tier_delta: int
    classification: str
    summary: str
    e_value: float | None
    threshold: float | None
    sample_count: int
    user_count: int
    first_hour: str
    last_hour: str
    status: str
    resolved_at: str | None
    resolution: str | None
    detected_at: str
    created_at: str
    updated_at: str


class CascadeAnalysis(TypedDict):
    """What rests on the assumption that failed, and the days to redo it."""

    id: str
    divergence_id: str
    affected_features: list[str]
    affected_code_modules: list[str]
    reexecution_scope_days: int
    full_redesign_days: int
    recommendation: str
    created_at: str


class DivergenceReportDetail(DivergenceReport):
    """A report with what rests on its assumption."""

    cascade_analysis: CascadeAnalysis | None


class Artifact(TypedDict):
    """One version of a document or of code."""

    id: str
    org_id: str
    project_id: str
    type: str
    key: str
    version: int
    status: str
    evidence_tier: str
    created_by: str
    submitted_by: str | None
    approved_by: str | None
    deployed_by: str | None
    created_at: str
    updated_at: str
    submitted_at: str | None
    approved_at: str | None
    deployed_at: str | None
    revision: int


class ArtifactDetail(Artifact):
    """A version with its content and what it rests on."""

    content: dict[str, Any] | None
    depends_on: list[str]
    tags: list[str]


class Organization(TypedDict):
    """The tenant."""

    id: str
    name: str
    slug: str
    subscription_tier: str
    timezone: str


class Me(TypedDict):
    """Who asks, for which organisation, and as what."""

    user_id: str
    email: str
    full_name: str
    role_in_org: str
    workspace_id: str | None
    organization: Organization
