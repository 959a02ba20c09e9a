"""Which rows are alike, for `test_values.py`."""

from storage.tables import Base
from tests.migrations.values import COUNTED, FIRST, SAME_ARTIFACT, SAME_PROJECT, SOMEBODY


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
