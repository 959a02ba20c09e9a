"""Fields and indexes of DataModel.md as the catalogue has them: types, what may be missing, defaults."""

import pytest

from tests.undone import undone
from tests.world import World

# By table: each field of the specification and its type; `?` may be NULL, `=` has that default.
FIELDS = {
    "organization": """id uuid; name text; slug text; subscription_tier text ='BASIC'; max_projects integer ?;
        max_agents_per_project integer; created_at time =now(); updated_at time =now()""",
    "app_user": """id uuid; email text; full_name text; auth_provider text ='supabase';
        auth_provider_id text ?; created_at time =now(); last_login_at time ?""",
    "organization_members": "org_id uuid; user_id uuid; role_in_org text; created_at time =now()",
    "workspace": """id uuid; org_id uuid; name text; description text =''; created_by uuid;
        created_at time =now(); updated_at time =now()""",
    "project": """id uuid; org_id uuid; workspace_id uuid; name text; description text ='';
        problem_statement text; phase text ='DISCOVER'; status text ='IN_PROGRESS'; created_by uuid;
        last_updated_by uuid ?; created_at time =now(); updated_at time =now(); is_archived boolean =false""",
    "project_access": "user_id uuid; project_id uuid; role text; created_at time =now()",
    "artifact": """id uuid; org_id uuid; project_id uuid; type text; version integer =1; status text ='DRAFT';
        content jsonb ?; evidence_tier text ='E0'; created_by uuid; approved_by uuid ?;
        created_at time =now(); approved_at time ?; deployed_at time ?""",
    "tag": "id uuid; artifact_id uuid; tag_name text; created_at time =now()",
    "telemetry": """id uuid; org_id uuid; project_id uuid; metric_name text; metric_value numeric; unit text;
        timestamp time; cohort text; created_at time =now()""",
    "divergence_report": """id uuid; org_id uuid; project_id uuid; divergence_type text; artifact_id uuid;
        assumed_value text; actual_value text; assumption_evidence_tier text; telemetry_evidence_tier text;
        tier_delta integer; classification text; detected_at time; created_at time =now()""",
    "agent_execution": """id uuid; org_id uuid; project_id uuid; agent_id integer; phase text;
        status text ='QUEUED'; started_at time ?; completed_at time ?; tokens_input integer ?;
        tokens_output integer ?; cost_usd numeric ?; model_used text ?; output_artifact_id uuid ?;
        error_message text ?; retry_count integer =0; max_retries integer =3; created_at time =now()""",
    "agent": """id integer; name text; phase text; agent_type text; description text; system_prompt text;
        model_preference text; avg_tokens_input integer; avg_tokens_output integer;
        cost_per_execution_usd numeric; is_active boolean =true; created_at time =now();
        updated_at time =now()""",
    "agent_tool": "agent_id integer; tool_name text; tool_config jsonb",
    "evidence": """id uuid; org_id uuid; project_id uuid; artifact_id uuid; evidence_tier text; source text;
        confidence_score integer; evidence_count integer; url_or_reference text ?; created_by uuid ?;
        reviewed_by uuid ?; created_at time =now(); reviewed_at time ?; escalation_status text ='NONE'""",
    "phase_gate_decision": """id uuid; org_id uuid; project_id uuid; phase text; score integer;
        target_threshold integer; indicators jsonb; decided_by uuid; rationale text; override_by uuid ?;
        override_reason text ?; created_at time =now(); decided_at time; override_at time ?""",
    "audit_log": """id uuid; org_id uuid; actor_id uuid; action text; resource_type text; resource_id uuid;
        changes_before jsonb ?; changes_after jsonb ?; timestamp time; ip_address text ?; user_agent text ?;
        rationale text ?""",
    "cost_tracking": """id uuid; org_id uuid; project_id uuid; agent_id integer; phase text;
        tokens_used bigint; cost_usd numeric; model_used text; created_at time =now(); aggregated_at text""",
    "cascade_analysis": """id uuid; divergence_id uuid; affected_features jsonb; affected_code_modules jsonb;
        reexecution_scope_days integer; full_redesign_days integer; recommendation text;
        created_at time =now()""",
}
INDEXES = ("(project_id, type, version DESC)", "(org_id, created_at DESC)", "(evidence_tier)")


_FOUND = """
    SELECT column_name || ' ' || replace(data_type, 'timestamp with time zone', 'time')
        || CASE is_nullable WHEN 'YES' THEN ' ?' ELSE '' END
        || coalesce(' =' || replace(column_default, '::text', ''), '')
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1"""


@pytest.mark.parametrize("table", FIELDS)
async def test_the_specifications_fields_are_there(world: World, table: str):
    async with undone(world) as connection:
        found = {row[0] for row in await connection.fetch(_FOUND, table)}
    assert {field.strip() for field in FIELDS[table].split(";")} - found == set()


@pytest.mark.parametrize("columns", INDEXES)
async def test_the_specifications_indexes_of_artifacts_are_there(world: World, columns: str):
    query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'artifact'"
    async with undone(world) as connection:
        found = [row[0] for row in await connection.fetch(query)]
    assert [definition for definition in found if definition.endswith(f"USING btree {columns}")] != []
