"""What production says, and what it proved wrong; times are text in RFC 3339, UTC."""

from typing import Any, TypedDict


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


class Series(TypedDict):
    """A series of a project; `last_hour` starts the newest hour that has samples of it."""

    metric_name: str
    cohort: str
    feature: str
    first_seen: str
    last_hour: str | None


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
    actual_since: str | None
    interval_low: float | None
    interval_high: float | None
    confidence: float | None
    days: int
    lane: str
    configuration: str | None
    telemetry_revisions: int
    telemetry_digest: str | None
    sample_count: int
    user_count: int
    first_hour: str
    last_hour: str
    historical: bool
    shadow: bool
    launch: bool
    incident_id: str | None
    status: str
    resolved_at: str | None
    resolution: str | None
    detected_at: str
    created_at: str
    updated_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    assignee_id: str | None
    snoozed_until: str | None
    closed_at: str | None
    closed_by: str | None
    close_reason: str | None
    reopen_reason: str | None
    handling_version: int


class ReportEvent(TypedDict):
    """One thing that became of a report; `sequence` counts from 1, `body` says what the kind has to say."""

    id: str
    org_id: str
    project_id: str
    report_id: str
    sequence: int
    kind: str
    actor_kind: str
    actor_id: str | None
    at: str
    body: dict[str, Any]


class Incident(TypedDict):
    """Reports that share a root; `id` is their `incident_id`, `detected_at` the first one's."""

    id: str
    org_id: str
    project_id: str
    root_report_id: str
    root_artifact_id: str
    detected_at: str
    reports: int
    open_reports: int
    classification: str


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
