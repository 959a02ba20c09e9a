"""What a product team writes down; times are text in RFC 3339, UTC."""

from typing import Any, TypedDict


class Workspace(TypedDict):
    """A team's part of an organisation."""

    id: str
    org_id: str
    name: str
    description: str
    created_by: str
    created_at: str
    updated_at: str
    version: int


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


class ProjectAccess(TypedDict):
    """A member's role in one project, in place of the one in the organisation."""

    org_id: str
    project_id: str
    user_id: str
    role: str
    created_at: str
    updated_at: str
    version: int


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


class AffectedArtifact(TypedDict):
    """An artifact that would have to be looked at again, and the shortest way to it."""

    artifact_id: str
    type: str
    key: str
    path: list[str]
    features: list[str]
    modules: list[str]


class ArtifactCascade(TypedDict):
    """What rests on an artifact, and what it would take to redo it; `affected` nearest first."""

    artifact_id: str
    project_id: str
    evidence_tier: str
    telemetry_tier: str | None
    tier_delta: int
    affected_features: list[str]
    affected_code_modules: list[str]
    reexecution_scope_days: int
    full_redesign_days: int
    recommendation: str
    affected: list[AffectedArtifact]


class Tag(TypedDict):
    """A word on an artifact version."""

    id: str
    org_id: str
    project_id: str
    artifact_id: str
    tag_name: str
    created_at: str


class Dependency(TypedDict):
    """`artifact_id` rests on `depends_on_id`."""

    org_id: str
    project_id: str
    artifact_id: str
    depends_on_id: str
    created_at: str


class Detector(TypedDict):
    """What detection knows of an assumption, after the last day that it folded."""

    status: str
    folded_through: str
    diverged_since: str | None
    e_value: float | None
    threshold: float | None
    mean: float | None
    deviation: float | None
    interval_low: float | None
    interval_high: float | None


class Assumption(TypedDict):
    """One assumption of an approved version, as it is or was watched; `detector` None: no day was judged."""

    id: str
    org_id: str
    project_id: str
    artifact_id: str
    key: str
    statement: str
    metric_name: str
    cohort: str
    feature: str
    operator: str
    value: float
    unit: str
    tolerance: float
    tolerance_kind: str
    divergence_type: str
    evidence_tier: str
    effective_from: str
    min_users: int
    min_samples: int | None
    launch_grace_days: int
    slow: bool
    shadow_days: int
    owner: str
    runbook_url: str
    superseded_at: str | None
    created_at: str
    in_launch_grace: bool
    in_shadow: bool
    alarms_per_year: float | None
    detector: Detector | None
