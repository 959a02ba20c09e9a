"""What artifacts, their tags and assumptions take and refuse, for `test_values.py`."""

from tests.migrations.values import DIVERGENCES, METRICS, TIERS, lengths, numbers, words

ARTIFACTS = (
    "PROBLEM PERSONA MARKET_RESEARCH PRD POSITIONING PRICING GTM ARCHITECTURE WIREFRAME PROTOTYPE API_SPEC"
    " DB_SCHEMA CODE_BACKEND CODE_FRONTEND TEST_SUITE DEPLOYMENT_PLAN"
)
SUBMITTED = "submitted_at = now(), submitted_by = created_by"
APPROVED = "approved_at = now(), approved_by = created_by"
DEPLOYED = "deployed_at = now(), deployed_by = created_by"
NOT_APPROVED = "approved_at = NULL, approved_by = NULL"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_artifact_type": words("type", ARTIFACTS),
    "ck_artifact_key_length": lengths("key", 0, 100),
    "ck_artifact_version": (["version = 1", "version = 2147483647"], ["version = 0", "version = -1"]),
    "ck_artifact_evidence_tier": words("evidence_tier", TIERS),
    "ck_artifact_declared_tier": words("declared_tier", TIERS),
    "ck_artifact_status": (
        [
            f"status = 'DRAFT', {NOT_APPROVED}",
            f"status = 'REVIEW', {NOT_APPROVED}, {SUBMITTED}",
            f"status = 'APPROVED', {APPROVED}",
            f"status = 'DEPLOYED', {APPROVED}, {DEPLOYED}",
        ],
        [f"status = 'approved', {NOT_APPROVED}", f"status = '', {NOT_APPROVED}"],
    ),
    "ck_artifact_submitted": (
        [f"status = 'REVIEW', {NOT_APPROVED}, {SUBMITTED}"],
        [f"status = 'REVIEW', {NOT_APPROVED}, submitted_at = NULL"],
    ),
    "ck_artifact_approved": (
        [f"status = 'APPROVED', {APPROVED}"],
        [
            f"status = 'APPROVED', {NOT_APPROVED}",
            "status = 'APPROVED', approved_at = now(), approved_by = NULL",
            "status = 'APPROVED', approved_at = NULL, approved_by = created_by",
            f"status = 'DRAFT', {APPROVED}",
        ],
    ),
    "ck_artifact_deployed": (
        [f"status = 'DEPLOYED', {APPROVED}, {DEPLOYED}"],
        [
            f"status = 'DEPLOYED', {APPROVED}",
            f"status = 'APPROVED', {APPROVED}, {DEPLOYED}",
        ],
    ),
    "ck_tag_tag_name_length": lengths("tag_name", 1, 100),
    "ck_artifact_dependency_not_itself": (
        ["depends_on_id = depends_on_id"],
        ["depends_on_id = artifact_id"],
    ),
    "ck_assumption_metric_name": words("metric_name", METRICS),
    "ck_assumption_operator": words("operator", ">= <= within"),
    "ck_assumption_tolerance_kind": words("tolerance_kind", "absolute relative"),
    "ck_assumption_divergence_type": words("divergence_type", DIVERGENCES),
    "ck_assumption_evidence_tier": words("evidence_tier", TIERS),
    "ck_assumption_min_samples": (["min_samples = NULL", "min_samples = 0"], ["min_samples = -1"]),
    "ck_assumption_launch_grace_days": numbers("launch_grace_days", 0, 180),
    "ck_assumption_shadow_days": numbers("shadow_days", 0, 365),
}
