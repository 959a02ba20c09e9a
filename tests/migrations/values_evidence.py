"""What evidence and gates' decisions take and refuse, for `test_values.py`."""

from tests.migrations.values import COUNTED, lengths, numbers, words

PUBLISHED = "url_or_reference = 'https://example.org/report'"
SOMEBODY_ELSE = "(SELECT id FROM app_user WHERE id <> created_by LIMIT 1)"
REVIEWED = f"escalation_status = 'ESCALATED', reviewed_at = now(), reviewed_by = {SOMEBODY_ELSE}"
OVERRIDDEN = "override_at = now(), override_by = decided_by"
NOT_OVERRIDDEN = "override_at = NULL, override_by = NULL"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_phase_gate_decision_phase": words("phase", "VRC VCD DSP MDP"),
    "ck_phase_gate_decision_score": numbers("score", 0, 100),
    "ck_phase_gate_decision_target_threshold": numbers("target_threshold", 50, 100),
    "ck_phase_gate_decision_indicators": (
        ["indicators = '[]'"],
        ["indicators = '{}'", "indicators = 'null'", "indicators = '80'"],
    ),
    "ck_phase_gate_decision_rationale_length": lengths("rationale", 3, 2000),
    "ck_phase_gate_decision_override_reason_length": (
        [f"{OVERRIDDEN}, override_reason = repeat('ä', {length})" for length in (3, 2000)],
        [f"{OVERRIDDEN}, override_reason = repeat('ä', {length})" for length in (2, 2001)],
    ),
    "ck_phase_gate_decision_override": (
        [f"{OVERRIDDEN}, override_reason = 'why', score = 75", f"{NOT_OVERRIDDEN}, override_reason = NULL"],
        [
            f"{OVERRIDDEN}, override_reason = NULL",
            f"{NOT_OVERRIDDEN}, override_reason = 'why'",
            "override_at = now(), override_by = NULL, override_reason = 'why'",
            "override_at = NULL, override_by = decided_by, override_reason = 'why'",
            f"{OVERRIDDEN}, override_reason = 'why', score = 76",
        ],
    ),
    "ck_gate_artifact_evidence_tier": (
        [f"evidence_tier = '{tier}'" for tier in ("E2", "E3", "E4")],
        [f"evidence_tier = '{tier}'" for tier in ("E0", "E1", "E5", "e2", "")],
    ),
    "ck_evidence_source": (
        [f"source = '{source}', {PUBLISHED}" for source in ("interview", "survey", "market_research")]
        + [f"source = 'analyst_report', {PUBLISHED}", f"source = 'telemetry', {COUNTED}"],
        [f"source = '{source}'" for source in ("", "INTERVIEW", "rumour")],
    ),
    "ck_evidence_escalation_status": (
        ["escalation_status = 'NONE'", "escalation_status = 'IN_REVIEW'", REVIEWED],
        ["escalation_status = ''", "escalation_status = 'none'", "escalation_status = 'RETURNED'"],
    ),
    "ck_evidence_confidence_score": numbers("confidence_score", 0, 100),
    "ck_evidence_evidence_count": (
        ["evidence_count = 0", "evidence_count = 2147483647"],
        ["evidence_count = -1"],
    ),
    "ck_evidence_url_or_reference_length": lengths("url_or_reference", 1, 2000),
    "ck_evidence_referenced": (
        ["source = 'survey', url_or_reference = NULL", f"source = 'market_research', {PUBLISHED}"],
        [f"source = '{source}', url_or_reference = NULL" for source in ("market_research", "analyst_report")],
    ),
    "ck_evidence_counted": (
        [f"source = 'telemetry', {COUNTED}", "source = 'interview', escalation_status = 'NONE'"],
        [
            "source = 'telemetry'",
            "source = 'interview', created_by = NULL",
            "source = 'telemetry', created_by = NULL, escalation_status = 'NONE'",
        ],
    ),
    "ck_evidence_reviewed": (
        [REVIEWED, "escalation_status = 'IN_REVIEW'"],
        [
            "escalation_status = 'ESCALATED'",
            REVIEWED.replace("reviewed_at = now()", "reviewed_at = NULL"),
            REVIEWED.replace("ESCALATED", "IN_REVIEW"),
            f"source = 'telemetry', created_by = NULL, {REVIEWED}",
        ],
    ),
    "ck_evidence_reviewer": ([REVIEWED], [REVIEWED.replace(SOMEBODY_ELSE, "created_by")]),
}
