"""What a column takes and what it refuses, at the boundary of every CHECK and UNIQUE of the schema.

As a superuser without triggers, on rows of the world, undone: only the constraints are left to refuse.
"""

import asyncpg
import pytest
from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from storage.tables import Base
from tests.migrations import (
    values_alerts,
    values_calm,
    values_channels,
    values_deliveries,
    values_routes,
    values_watch,
)
from tests.undone import undone
from tests.world import World


def words(column: str, good: str) -> tuple[list[str], list[str]]:
    """Each word of a closed list is taken, another is not, nor one in lower case."""
    listed = good.split()
    refused = ("NO_SUCH", listed[-1].swapcase(), "")
    return [f"{column} = '{word}'" for word in listed], [f"{column} = '{word}'" for word in refused]


def lengths(column: str, least: int, most: int) -> tuple[list[str], list[str]]:
    good = [f"{column} = repeat('ä', {length})" for length in (least, most)]
    bad = [f"{column} = repeat('ä', {length})" for length in (least - 1, most + 1) if length >= 0]
    return good, bad


def numbers(column: str, least: int, most: int) -> tuple[list[str], list[str]]:
    return [f"{column} = {least}", f"{column} = {most}"], [
        f"{column} = {least - 1}",
        f"{column} = {most + 1}",
    ]


PHASES = "DISCOVER DEFINE DESIGN DEVELOP DEPLOY"
TIERS = "E0 E1 E2 E3 E4"
ROLES = "ADMIN MEMBER VIEWER"
METRICS = "feature_usage retention crash_rate latency_p50 error_rate user_adoption"
DIVERGENCES = "PERSONA_MISMATCH FEATURE_ADOPTION_MISS PRICING_ELASTICITY_MISS LATENCY_MISS"
ARTIFACTS = (
    "PROBLEM PERSONA MARKET_RESEARCH PRD POSITIONING PRICING GTM ARCHITECTURE WIREFRAME PROTOTYPE API_SPEC"
    " DB_SCHEMA CODE_BACKEND CODE_FRONTEND TEST_SUITE DEPLOYMENT_PLAN"
)
STARTED = "started_at = now(), seen_at = now(), claimed_by = id"
ENDED = (
    f"{STARTED}, completed_at = now(), tokens_input = 1, tokens_output = 1, model_used = 'gpt-4',"
    " input_per_million = 30, output_per_million = 60, cost_usd = 0.00009"
)
SUBMITTED = "submitted_at = now(), submitted_by = created_by"
APPROVED = "approved_at = now(), approved_by = created_by"
DEPLOYED = "deployed_at = now(), deployed_by = created_by"
OPERATORS = "org_id = '00000000-0000-0000-0000-000000000000'"
PUBLISHED = "url_or_reference = 'https://example.org/report'"
COUNTED = "created_by = NULL, escalation_status = 'ESCALATED'"
SOMEBODY_ELSE = "(SELECT id FROM app_user WHERE id <> created_by LIMIT 1)"
REVIEWED = f"escalation_status = 'ESCALATED', reviewed_at = now(), reviewed_by = {SOMEBODY_ELSE}"
FIRST = "(SELECT min({0}::text)::uuid FROM evidence)"
SAME_ARTIFACT = ", ".join(
    f"{name} = {FIRST.format(name)}" for name in ("org_id", "project_id", "artifact_id")
)
SAME_PROJECT = ", ".join(f"{name} = {FIRST.format(name)}" for name in ("org_id", "project_id"))
SOMEBODY = "(SELECT min(id::text)::uuid FROM app_user)"
CLOSED = f"closed_at = now(), closed_by = {SOMEBODY}, closed_as = 'MINOR'"
OVERRIDDEN = "override_at = now(), override_by = decided_by"
NOT_OVERRIDDEN = "override_at = NULL, override_by = NULL"
NOT_APPROVED = "approved_at = NULL, approved_by = NULL"
EMAILS = (
    ["email = 'a@b.c'", "email = 'first.last+tag@sub.example.org'"],
    [
        "email = ''",
        "email = 'a'",
        "email = 'a@b'",
        "email = 'a b@c.d'",
        "email = 'a@b@c.d'",
        "email = '@b.c'",
    ],
)


def erased(**wrong: str) -> str:
    """What is set of somebody who is erased, but for what is wrong."""
    right = {"erased_at": "now()", "auth_provider_id": "NULL", "full_name": "'Erased user'"}
    right |= {"email": "'erased-' || id::text || '@invalid.invalid'"}
    return ", ".join(f"{column} = {value}" for column, value in (right | wrong).items())


def used(read: str, wrote: str, cost: str) -> str:
    """What is set of an execution that succeeded with these tokens, at this cost."""
    done = ENDED.replace("tokens_input = 1", read).replace("tokens_output = 1", wrote)
    return f"status = 'SUCCESS', {done.replace('0.00009', cost)}"


# By constraint: what an UPDATE may set and what not.
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    **values_alerts.CHECKS,
    **values_calm.CHECKS,
    **values_channels.CHECKS,
    **values_routes.CHECKS,
    **values_deliveries.CHECKS,
    **values_watch.CHECKS,
    "ck_organization_name_length": lengths("name", 3, 100),
    "ck_organization_slug_format": (
        ["slug = 'a'", "slug = '9'", "slug = 'acme-corp'", "slug = 'a-1-b'"],
        [f"slug = '{slug}'" for slug in ("", "Acme", "-a", "a-", "a--b", "a_b", "a b", "ä", "a\n")],
    ),
    "ck_organization_subscription_tier": words("subscription_tier", "BASIC PRO ENTERPRISE"),
    "ck_organization_alarms_per_year": (
        [f"alarms_per_year = {value}" for value in ("0.001", "1", "365")],
        [f"alarms_per_year = {value}" for value in ("0", "0.0009", "-1", "365.001", "'NaN'")],
    ),
    "ck_app_user_email_format": EMAILS,
    "ck_app_user_full_name_length": lengths("full_name", 2, 100),
    "ck_app_user_erased": (
        [erased(), erased(erased_at="NULL", email="'a@b.c'", full_name="'Ann'", auth_provider_id="'x'")],
        [erased(email="'a@b.c'"), erased(full_name="'Ann'"), erased(auth_provider_id="'x'")],
    ),
    "ck_organization_tombstone_slug_sha256": (
        ["slug_sha256 = decode(repeat('00', 32), 'hex')"],
        [f"slug_sha256 = decode(repeat('00', {length}), 'hex')" for length in (0, 31, 33)],
    ),
    "ck_app_user_auth_provider": words("auth_provider", "supabase google github"),
    "ck_organization_members_role_in_org": words("role_in_org", ROLES),
    "ck_invitation_email_format": EMAILS,
    "ck_invitation_role_in_org": words("role_in_org", ROLES),
    "ck_invitation_accepted": (
        ["accepted_at = now(), accepted_by = invited_by", "accepted_at = NULL, accepted_by = NULL"],
        ["accepted_at = now(), accepted_by = NULL", "accepted_at = NULL, accepted_by = invited_by"],
    ),
    "ck_invitation_one_end": (
        ["revoked_at = now()", "accepted_at = now(), accepted_by = invited_by"],
        ["revoked_at = now(), accepted_at = now(), accepted_by = invited_by"],
    ),
    "ck_workspace_name_length": lengths("name", 3, 50),
    "ck_project_name_length": lengths("name", 3, 100),
    "ck_project_problem_statement_length": lengths("problem_statement", 10, 5000),
    "ck_project_phase": words("phase", PHASES),
    "ck_project_status": words("status", "IN_PROGRESS PASSED CONDITIONAL FAILED"),
    "ck_project_access_role": words("role", "EDITOR COMMENTER VIEWER"),
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
    "ck_machine_key_name_length": lengths("name", 1, 100),
    "ck_machine_key_scopes": (
        ["scopes = '{publish}'", "scopes = '{read}'", "scopes = '{run,read,publish}'"],
        ["scopes = '{}'", "scopes = '{write}'", "scopes = '{read,read,publish,run}'"],
    ),
    "ck_machine_key_secret_sha256": (
        ["secret_sha256 = sha256('x')"],
        ["secret_sha256 = '\\x00'", "secret_sha256 = sha512('x')"],
    ),
    "ck_machine_key_quota": (
        ["quota = NULL", "quota = '1/second'", "quota = '1000000/hour'", "quota = '999999999999/day'"],
        [
            f"quota = '{quota}'"
            for quota in ("", "0/hour", "1000000", "1/week", "-1/hour", "1/hour ", "1.5/hour")
        ],
    ),
    "ck_otlp_mapping_version": (["version = 1"], ["version = 0", "version = -1"]),
    "ck_exclusion_window_kind": words("kind", "INCIDENT MIGRATION LOAD_TEST OTHER"),
    "ck_exclusion_window_metric_name": words("metric_name", METRICS),
    "ck_exclusion_window_reason_length": lengths("reason", 3, 500),
    "ck_exclusion_window_span": (
        [
            "ends_at = starts_at + interval '1 second'",
            "starts_at = '2026-03-01Z', ends_at = '2026-05-30Z'",
        ],
        [
            "ends_at = starts_at",
            "ends_at = starts_at - interval '1 second'",
            "starts_at = '2026-03-01Z', ends_at = '2026-05-30 00:00:01Z'",
            "ends_at = 'infinity'",
        ],
    ),
    "ck_exclusion_window_removed": (
        ["removed_at = now(), removed_by = created_by", "removed_at = NULL, removed_by = NULL"],
        ["removed_at = now(), removed_by = NULL", "removed_at = NULL, removed_by = created_by"],
    ),
    "ck_holiday_calendar_version": (["version = 1"], ["version = 0", "version = -1"]),
    "ck_holiday_calendar_holidays": (
        ["holidays = '[]'"],
        ["holidays = '{}'", "holidays = 'null'", "holidays = '\"2026-12-25\"'"],
    ),
    "ck_holiday_calendar_country": (
        [
            "country = NULL, subdivision = NULL, first_year = NULL, last_year = NULL",
            "country = 'DE', subdivision = NULL, first_year = 2026, last_year = 2027",
            "country = 'DE', subdivision = 'BY', first_year = 2026, last_year = 2026",
        ],
        [
            "country = 'DE', first_year = NULL, last_year = NULL",
            "country = 'DE', first_year = 2026, last_year = NULL",
            "country = NULL, subdivision = NULL, first_year = 2026, last_year = 2026",
            "country = NULL, subdivision = 'BY', first_year = NULL, last_year = NULL",
        ],
    ),
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
    "ck_idempotency_key_key_length": lengths("key", 1, 200),
    "ck_telemetry_metric_name": words("metric_name", METRICS),
    "ck_telemetry_unit": words("unit", "% count ms rate"),
    "ck_telemetry_whole_hour": (
        ["timestamp = '2026-11-01 11:00+00'", "timestamp = '2026-11-01 11:00+01'"],
        ["timestamp = '2026-11-01 11:30+00'", "timestamp = '2026-11-01 11:00:01+00'"],
    ),
    "ck_divergence_report_divergence_type": words("divergence_type", DIVERGENCES),
    "ck_divergence_report_metric_name": words("metric_name", METRICS),
    "ck_divergence_report_assumption_evidence_tier": words("assumption_evidence_tier", TIERS),
    "ck_divergence_report_telemetry_evidence_tier": words("telemetry_evidence_tier", TIERS),
    "ck_divergence_report_tier_delta": numbers("tier_delta", 0, 4),
    "ck_divergence_report_classification": words("classification", "COSMETIC MINOR MAJOR"),
    "ck_divergence_report_status": words("status", "OPEN RESOLVED SUPERSEDED"),
    "ck_divergence_report_lane": words("lane", "daily fast estimate"),
    "ck_divergence_report_close_reason_length": (
        [f"{CLOSED}, close_reason = repeat('ä', {length})" for length in (3, 2000)],
        [f"{CLOSED}, close_reason = repeat('ä', {length})" for length in (2, 2001)],
    ),
    "ck_divergence_report_reopen_reason_length": lengths("reopen_reason", 3, 2000),
    "ck_divergence_report_closed_as": (
        [f"{CLOSED.replace('MINOR', word)}, close_reason = 'why'" for word in ("COSMETIC", "MINOR", "MAJOR")],
        [f"{CLOSED.replace('MINOR', word)}, close_reason = 'why'" for word in ("", "minor")],
    ),
    "ck_divergence_report_acknowledged": (
        [f"acknowledged_at = now(), acknowledged_by = {SOMEBODY}"],
        ["acknowledged_at = now()", f"acknowledged_by = {SOMEBODY}"],
    ),
    "ck_divergence_report_closed": (
        [f"{CLOSED}, close_reason = 'why'"],
        [
            CLOSED,
            "close_reason = 'why'",
            "closed_at = now()",
            f"closed_by = {SOMEBODY}",
            "closed_as = 'MINOR'",
        ],
    ),
    "ck_divergence_report_reopened": (
        [f"{CLOSED}, close_reason = 'why'", "reopen_reason = 'why'"],
        [f"{CLOSED}, close_reason = 'why', reopen_reason = 'why'"],
    ),
    "ck_report_event_sequence": (
        ["sequence = 1", "sequence = 2147483647"],
        ["sequence = 0", "sequence = -1"],
    ),
    "ck_report_event_kind": words(
        "kind",
        "DETECTED RECLASSIFIED ACKNOWLEDGED UNACKNOWLEDGED ASSIGNED UNASSIGNED SNOOZED WOKEN RESOLVED"
        " REOPENED SUPERSEDED",
    ),
    "ck_report_event_actor_kind": (
        ["actor_kind = 'system'", f"actor_kind = 'user', actor_id = {SOMEBODY}"],
        ["actor_kind = ''", "actor_kind = 'key'", "actor_kind = 'SYSTEM'"],
    ),
    "ck_report_event_actor": (
        [f"actor_kind = 'user', actor_id = {SOMEBODY}"],
        ["actor_kind = 'user'", f"actor_id = {SOMEBODY}"],
    ),
    "ck_report_event_body": (["body = '{}'"], ["body = '[]'", "body = 'null'", "body = '1'"]),
    "ck_report_event_comment": (
        [f"kind = 'COMMENTED', body = jsonb_build_object('text', repeat('ä', {n}))" for n in (1, 5000)],
        [
            *(f"kind = 'COMMENTED', body = jsonb_build_object('text', repeat('ä', {n}))" for n in (0, 5001)),
            *(
                f"kind = 'COMMENTED', body = '{body}'"
                for body in ("{}", '{"text": null}', '{"text": 1}', '{"text": "x", "by": "person"}')
            ),
        ],
    ),
    "ck_cascade_analysis_reexecution_scope_days": numbers("reexecution_scope_days", 2, 7),
    "ck_cascade_analysis_full_redesign_days": numbers("full_redesign_days", 14, 21),
    "ck_cascade_analysis_recommendation": words("recommendation", "SKIP REEXECUTE FULL_REDESIGN"),
    "ck_audit_log_actor_kind": (
        [f"actor_kind = '{kind}', actor_name = NULL" for kind in ("user", "key")]
        + ["actor_kind = 'role', actor_name = 'augentis'"],
        ["actor_kind = 'worker', actor_name = NULL", "actor_kind = 'USER', actor_name = NULL"],
    ),
    "ck_audit_log_actor_name": (
        ["actor_kind = 'user', actor_name = NULL", "actor_kind = 'role', actor_name = 'augentis'"],
        ["actor_kind = 'user', actor_name = 'augentis'", "actor_kind = 'role', actor_name = NULL"],
    ),
    "ck_audit_checkpoint_whole_months": (
        ["dropped_before = '2026-11-01Z'", "dropped_before = '2026-11-01 01:00+01'"],
        ["dropped_before = '2026-11-02Z'", "dropped_before = '2026-11-01 00:00:00.000001Z'"],
    ),
    "ck_audit_log_action": words("action", "CREATE UPDATE DELETE APPROVE OVERRIDE ESCALATE"),
    "ck_audit_log_resource_type": words(
        "resource_type",
        "Organization User OrganizationMember Invitation Workspace Project ProjectAccess Artifact Tag"
        " ArtifactDependency Assumption MachineKey OtlpMapping ExclusionWindow HolidayCalendar",
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
    "ck_agent_id": (["id = 1"], ["id = 0", "id = 27"]),
    "ck_agent_name_length": lengths("name", 3, 100),
    "ck_agent_phase": words("phase", PHASES),
    "ck_agent_agent_type": words("agent_type", "VALIDATOR ANALYZER GENERATOR ASSEMBLER"),
    "ck_agent_model_preference_length": lengths("model_preference", 1, 100),
    "ck_agent_averages": (
        ["avg_tokens_input = 0, avg_tokens_output = 0, cost_per_execution_usd = 0"],
        [f"{column} = -1" for column in ("avg_tokens_input", "avg_tokens_output", "cost_per_execution_usd")],
    ),
    "ck_agent_tool_tool_name": (
        ["tool_name = 'ab'", "tool_name = 'web_search_2'", f"tool_name = '{'x' * 50}'"],
        [f"tool_name = '{name}'" for name in ("", "a", "Web", "2nd", "web search", "x" * 51)],
    ),
    "ck_agent_tool_tool_config": (
        ["tool_config = '{}'", """tool_config = '{"a": 1}'"""],
        ["tool_config = '[]'", "tool_config = 'null'", "tool_config = '1'"],
    ),
    "ck_model_price_model_length": lengths("model", 1, 100),
    "ck_model_price_prices": (
        ["input_per_million = 0, output_per_million = 0", "input_per_million = 999999.999999"],
        [f"{side}_per_million = {price}" for side in ("input", "output") for price in ("-0.000001", "'NaN'")],
    ),
    "ck_cost_tracking_phase": words("phase", PHASES),
    "ck_cost_tracking_aggregated_at": (
        ["aggregated_at = 'daily'"]
        + [f"aggregated_at = '{kind}', period_start = '2027-02-01'" for kind in ("weekly", "monthly")],
        ["aggregated_at = 'DAILY'", "aggregated_at = 'yearly'", "aggregated_at = ''"],
    ),
    "ck_cost_tracking_period_start": (
        # 2027-02-01 is a Monday.
        [
            "period_start = '2027-02-03'",
            "aggregated_at = 'weekly', period_start = '2027-02-08'",
            "aggregated_at = 'monthly', period_start = '2027-03-01'",
        ],
        [
            "aggregated_at = 'weekly', period_start = '2027-02-07'",
            "aggregated_at = 'monthly', period_start = '2027-02-02'",
        ],
    ),
    "ck_cost_tracking_tokens_used": (["tokens_used = 0"], ["tokens_used = -1"]),
    "ck_cost_tracking_cost_usd": (
        ["cost_usd = 0", "cost_usd = 99999999999999999999999999.999999999999"],
        ["cost_usd = -0.000000000001", "cost_usd = 'NaN'"],
    ),
    "ck_cost_tracking_executions": (["executions = 1"], ["executions = 0"]),
    "ck_agent_execution_phase": words("phase", PHASES),
    "ck_agent_execution_status": (
        ["status = 'QUEUED'", f"status = 'RUNNING', {STARTED}", f"status = 'SUCCESS', {ENDED}"]
        + [f"status = '{status}', {ENDED}, error_message = 'x'" for status in ("FAILED", "RETRIED")],
        [f"status = '{status}', {ENDED}" for status in ("", "success", "CANCELLED")],
    ),
    "ck_agent_execution_started": (
        [f"status = 'RUNNING', {STARTED}"],
        [
            "status = 'RUNNING'",
            STARTED,
            f"status = 'RUNNING', {STARTED.replace('claimed_by = id', 'claimed_by = NULL')}",
            f"status = 'RUNNING', {STARTED.replace('seen_at = now()', 'seen_at = NULL')}",
        ],
    ),
    "ck_agent_execution_ended": (
        [f"status = 'SUCCESS', {ENDED}"],
        [
            f"status = 'SUCCESS', {STARTED}",
            f"status = 'RUNNING', {ENDED}",
            "cost_usd = 0",
            "tokens_input = 1",
            f"status = 'SUCCESS', {ENDED.replace('completed_at = now()', 'completed_at = NULL')}",
            f"status = 'SUCCESS', {ENDED.replace('cost_usd = 0.00009', 'cost_usd = NULL')}",
        ],
    ),
    "ck_agent_execution_failed": (
        [f"status = 'FAILED', {ENDED}, error_message = 'x'"],
        [
            f"status = 'FAILED', {ENDED}",
            f"status = 'SUCCESS', {ENDED}, error_message = 'x'",
            "error_message = 'x'",
        ],
    ),
    "ck_agent_execution_output": (
        [f"status = 'SUCCESS', {ENDED}, output_artifact_id = id"],
        [
            "output_artifact_id = id",
            f"status = 'FAILED', {ENDED}, error_message = 'x', output_artifact_id = id",
        ],
    ),
    "ck_agent_execution_error_message_length": (
        [f"status = 'FAILED', {ENDED}, error_message = repeat('ä', {length})" for length in (1, 10000)],
        [f"status = 'FAILED', {ENDED}, error_message = repeat('ä', {length})" for length in (0, 10001)],
    ),
    "ck_agent_execution_tokens": (
        [used("tokens_input = 0", "tokens_output = 0", "0")],
        [
            used("tokens_input = -1", "tokens_output = 1", "0.00003"),
            used("tokens_input = 2", "tokens_output = -1", "0"),
        ],
    ),
    "ck_agent_execution_cost": (
        [used("tokens_input = 3", "tokens_output = 1", "0.00015")],
        [
            used("tokens_input = 1", "tokens_output = 1", "0.000090000001"),
            used("tokens_input = 1", "tokens_output = 1", "0"),
        ],
    ),
    "ck_agent_execution_retries": (
        ["max_retries = 0", "max_retries = 10", "max_retries = 10, retry_count = 10, retry_of = id"],
        [
            "max_retries = -1",
            "max_retries = 11",
            "max_retries = 2, retry_count = 3, retry_of = id",
            "retry_count = 1",
            "retry_of = id",
        ],
    ),
    "ck_dead_letter_reason": words(
        "reason",
        "not_json bad_schema unknown_org unknown_project unknown_metric bad_value bad_unit bad_timestamp"
        " future too_late too_large too_many_series tenant_mismatch bad_key over_quota unmapped",
    ),
    "ck_dead_letter_whose": (
        ["project_id = gen_random_uuid()", f"{OPERATORS}, project_id = NULL"],
        ["project_id = NULL", f"{OPERATORS}, project_id = gen_random_uuid()"],
    ),
    "ck_dead_letter_replayed": (
        ["replayed_at = now(), replayed_as = gen_random_uuid()", "replayed_at = NULL, replayed_as = NULL"],
        ["replayed_at = now(), replayed_as = NULL", "replayed_at = NULL, replayed_as = gen_random_uuid()"],
    ),
    "ck_outbox_destination": words("destination", "kafka webhook"),
    "ck_series_metric_name": words("metric_name", METRICS),
    "ck_topic_binding_topic": (
        ["topic = 'raw_metrics.acme'", "topic = 'otlp_metrics.a.b'", "topic = 'backfill_metrics.x_1-2'"],
        [
            f"topic = '{topic}'"
            for topic in (
                *("raw_metrics", "raw_metrics.", "raw_metrics.dlq", "otlp_metrics.parked", "other.acme"),
                *("raw_metrics.acme.dlq", "raw_metrics.a b", "raw_metrics." + "x" * 230),
            )
        ],
    ),
}


def checks() -> dict[str, str]:
    """Return the table of every CHECK of the models."""
    return {
        str(constraint.name): table.name
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }


async def refusal(connection: asyncpg.Connection, statement: str) -> str | None:
    """Return the constraint that refuses the statement, None if it did something; undone either way."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        done = await connection.execute(statement)
        assert not done.endswith(" 0"), statement
    except asyncpg.IntegrityConstraintViolationError as error:
        return error.constraint_name
    finally:
        await attempt.rollback()
    return None


def test_every_check_is_tried():
    assert set(checks()) == set(CHECKS)


def one_row(table: str, assignments: str) -> str:
    among = "status = 'APPROVED'" if table == "artifact" else "true"
    return f"UPDATE {table} SET {assignments} WHERE ctid = (SELECT min(ctid) FROM {table} AS x WHERE {among})"


@pytest.mark.parametrize("constraint", CHECKS)
async def test_a_column_takes_what_it_should_and_nothing_beyond(world: World, constraint: str):
    table = checks()[constraint]
    good, bad = CHECKS[constraint]
    async with undone(world, triggers=False) as connection:
        for assignments in good:
            assert await refusal(connection, one_row(table, assignments)) is None, assignments
        for assignments in bad:
            assert await refusal(connection, one_row(table, assignments)) == constraint, assignments


def copied(table: str, **changes: str) -> str:
    """Return the statement that inserts each row again, but for `changes` (SQL)."""
    changed = ", ".join(f"'{column}', {value}" for column, value in changes.items())
    row = f"jsonb_populate_record(t, jsonb_build_object({changed}))"
    made = [column.name for column in Base.metadata.tables[table].columns if column.computed is None]
    said = ", ".join(f"r.{column}" for column in made)
    return f"INSERT INTO {table} ({', '.join(made)}) SELECT {said} FROM {table} AS t, LATERAL {row} AS r"


NEW_ID = "gen_random_uuid()"
NOT_THE_DEFAULT = {"id": NEW_ID, "is_default": "false", "position": "1", "created_by": SOMEBODY}

A_HEAD = {
    "id": NEW_ID,
    "sequence": "(random() * 1000000000)::bigint + 10",
    "status": "'PENDING'",
    "next_attempt_at": "now()",
}

# By constraint: what would make two rows alike, and what only seems to.
UNIQUES: dict[str, tuple[str, str]] = {
    "uq_cost_tracking_period": (
        copied("cost_tracking", id=NEW_ID),
        copied("cost_tracking", id=NEW_ID, model_used="'another'"),
    ),
    "uq_agent_name": (
        "UPDATE agent SET name = 'Market Analyzer' WHERE id = 1",
        "UPDATE agent SET name = 'Another' WHERE id = 1",
    ),
    "uq_agent_execution_org_id_project_id_id": (
        f"UPDATE agent_execution SET {SAME_PROJECT}, id = {FIRST.format('id')}",
        f"UPDATE agent_execution SET {SAME_PROJECT}",
    ),
    "uq_agent_execution_org_id_project_id_claim_id": (
        f"UPDATE agent_execution SET {SAME_PROJECT}, claim_id = {FIRST.format('id')}",
        f"UPDATE agent_execution SET {SAME_PROJECT}, claim_id = id",
    ),
    "uq_agent_execution_org_id_retry_of": (
        f"UPDATE agent_execution SET {SAME_PROJECT}, retry_count = 1, retry_of = {FIRST.format('id')}",
        f"UPDATE agent_execution SET {SAME_PROJECT}, retry_count = 1, retry_of = id",
    ),
    "uq_evidence_telemetry": (
        f"UPDATE evidence SET {SAME_ARTIFACT}, source = 'telemetry', {COUNTED}",
        f"UPDATE evidence SET {SAME_ARTIFACT}",
    ),
    "uq_evidence_org_id_project_id_id": (
        f"UPDATE evidence SET {SAME_ARTIFACT}, id = {FIRST.format('id')}",
        f"UPDATE evidence SET {SAME_ARTIFACT}",
    ),
    "uq_organization_slug": (
        "UPDATE organization SET slug = 'acme' WHERE slug = 'beta'",
        "UPDATE organization SET name = 'Acme' WHERE slug = 'beta'",
    ),
    "uq_app_user_email": (
        "UPDATE app_user SET email = 'ANN@People.example' WHERE email = 'bob@people.example'",
        "UPDATE app_user SET full_name = 'ann' WHERE email = 'bob@people.example'",
    ),
    "uq_app_user_auth_provider_auth_provider_id": (
        "UPDATE app_user SET auth_provider = 'google', auth_provider_id = 'same'",
        "UPDATE app_user SET auth_provider = 'google', auth_provider_id = NULL",
    ),
    "uq_invitation_pending": (
        copied("invitation", id=NEW_ID, email="upper(t.email)"),
        copied("invitation", id=NEW_ID, revoked_at="now()"),
    ),
    "uq_alert_window_live_name": (
        copied("alert_window", id=NEW_ID, name="upper(t.name)"),
        copied("alert_window", id=NEW_ID, removed_at="now()"),
    ),
    "uq_alert_route_name": (
        copied("alert_route", **NOT_THE_DEFAULT, name="upper(t.name)"),
        copied("alert_route", **NOT_THE_DEFAULT, name="'x' || t.name"),
    ),
    "uq_alert_route_default": (
        copied("alert_route", id=NEW_ID, name="'x' || t.name"),
        copied("alert_route", **NOT_THE_DEFAULT, name="'x' || t.name"),
    ),
    "uq_workspace_org_id_name": (
        "UPDATE workspace SET name = 'Team a1' WHERE name = 'Team a2'",
        "UPDATE workspace SET name = 'Team a1' WHERE name = 'Team b1'",
    ),
    "uq_project_live_name": (
        copied("project", id=NEW_ID),
        copied("project", id=NEW_ID, is_archived="true"),
    ),
    "uq_artifact_org_id_project_id_type_key_version": (
        copied("artifact", id=NEW_ID),
        copied("artifact", id=NEW_ID, version="t.version + 1"),
    ),
    "uq_artifact_org_id_project_id_id": (
        "UPDATE artifact SET id = (SELECT min(id::text)::uuid FROM artifact)",
        "UPDATE artifact SET id = gen_random_uuid()",
    ),
    "uq_assumption_org_id_artifact_id_key": (
        copied("assumption", id=NEW_ID),
        copied("assumption", id=NEW_ID, key="'another'"),
    ),
    "uq_tag_org_id_artifact_id_tag_name": (
        copied("tag", id=NEW_ID),
        copied("tag", id=NEW_ID, tag_name="'another'"),
    ),
    "uq_divergence_report_org_id_assumption_id_detected_at": (
        copied("divergence_report", id=NEW_ID),
        copied("divergence_report", id=NEW_ID, detected_at="t.detected_at + interval '1 day'"),
    ),
    "uq_divergence_report_org_id_project_id_id": (
        "UPDATE divergence_report SET id = (SELECT min(id::text)::uuid FROM divergence_report)",
        "UPDATE divergence_report SET id = gen_random_uuid()",
    ),
    "uq_report_event_org_id_report_id_sequence": (
        copied("report_event", id=NEW_ID),
        copied("report_event", id=NEW_ID, sequence="t.sequence + 1"),
    ),
    "uq_alert_delivery_org_id_channel_id_thread_id_sequence": (
        copied("alert_delivery", id=NEW_ID),
        copied("alert_delivery", id=NEW_ID, sequence="2"),
    ),
    "ix_alert_delivery_head": (
        copied("alert_delivery", **A_HEAD, thread_id="t.channel_id"),
        copied("alert_delivery", **A_HEAD),
    ),
    "uq_alert_notice_open": (
        f"UPDATE alert_notice SET {SAME_PROJECT}, ended_at = NULL",
        f"UPDATE alert_notice SET {SAME_PROJECT}",
    ),
    "uq_cascade_analysis_org_id_divergence_id": (
        copied("cascade_analysis", id=NEW_ID),
        copied("cascade_analysis", id=NEW_ID, divergence_id=NEW_ID),
    ),
    "uq_otlp_mapping_org_id_project_id_version": (
        copied("otlp_mapping", id=NEW_ID),
        copied("otlp_mapping", id=NEW_ID, version="t.version + 1"),
    ),
    "uq_holiday_calendar_org_id_project_id_version": (
        copied("holiday_calendar", id=NEW_ID),
        copied("holiday_calendar", id=NEW_ID, version="t.version + 1"),
    ),
    "uq_phase_gate_decision_org_id_project_id_id": (
        "UPDATE phase_gate_decision SET id = (SELECT min(id::text)::uuid FROM phase_gate_decision)",
        "UPDATE phase_gate_decision SET id = gen_random_uuid()",
    ),
    "uq_phase_gate_decision_org_id_project_id_decided_at": (
        "UPDATE phase_gate_decision SET project_id = org_id",
        "UPDATE phase_gate_decision SET decided_at = decided_at + interval '1 microsecond'",
    ),
    "uq_alert_channel_live_name": (
        copied("alert_channel", id=NEW_ID, name="upper(t.name)"),
        copied("alert_channel", id=NEW_ID, name="t.name || '.'"),
    ),
    "uq_topic_binding_topic": (
        copied("topic_binding", org_id=NEW_ID),
        copied("topic_binding", topic="t.topic || '.more'"),
    ),
}
# Its primary key begins with the same columns and speaks first.
SPOKEN_FOR = {
    "uq_agent_execution_org_id_project_id_id": "pk_agent_execution",
    "uq_artifact_org_id_project_id_id": "pk_artifact",
    "uq_divergence_report_org_id_project_id_id": "pk_divergence_report",
    "uq_evidence_org_id_project_id_id": "pk_evidence",
    "uq_phase_gate_decision_org_id_project_id_id": "pk_phase_gate_decision",
}


def uniques() -> set[str]:
    """Return every unique key of the models beside the primary ones."""
    return {
        str(key.name)
        for table in Base.metadata.sorted_tables
        for key in (*table.constraints, *table.indexes)
        if isinstance(key, UniqueConstraint) or (isinstance(key, Index) and key.unique)
    }


def test_every_unique_is_tried():
    assert uniques() == set(UNIQUES)


@pytest.mark.parametrize("constraint", UNIQUES)
async def test_two_rows_are_not_alike(world: World, constraint: str):
    alike, different = UNIQUES[constraint]
    async with undone(world, triggers=False) as connection:
        assert await refusal(connection, different) is None
        assert await refusal(connection, alike) == SPOKEN_FOR.get(constraint, constraint)
