-- Organisations with their people, telemetry and reports, all told by a number: bench.organizations of them,
-- bench.hours of telemetry (18 rows each) and bench.reports of reports for each. For benchmarks/tenancy.py.

-- Neither foreign keys nor triggers are measured here.
SET session_replication_role = replica;

CREATE FUNCTION pg_temp.id(kind text, i int) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || ':' || i)::uuid $$;
CREATE TEMP TABLE numbers AS
SELECT i, pg_temp.id('org', i) AS org, pg_temp.id('user', i) AS person, pg_temp.id('workspace', i) AS workspace,
    pg_temp.id('project', i) AS project, pg_temp.id('artifact', i) AS artifact,
    pg_temp.id('assumption', i) AS assumption
FROM generate_series(1, current_setting('bench.organizations')::int) AS i;

INSERT INTO organization (id, name, slug, subscription_tier)
SELECT org, 'Organisation ' || i, 'o' || i, 'PRO' FROM numbers;
INSERT INTO app_user (id, email, full_name)
SELECT person, 'u' || i || '@bench.example', 'User ' || i FROM numbers;
INSERT INTO organization_members (org_id, user_id, role_in_org) SELECT org, person, 'MEMBER' FROM numbers;
INSERT INTO workspace (org_id, id, name, created_by) SELECT org, workspace, 'Team', person FROM numbers;
INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
SELECT org, project, workspace, 'Checkout', 'It takes too long to pay.', person FROM numbers;
INSERT INTO artifact (org_id, id, project_id, type, key, status, evidence_tier, created_by, approved_by, approved_at)
SELECT org, artifact, project, 'PRD', 'prd', 'APPROVED', 'E2', person, person, now() FROM numbers;
INSERT INTO assumption (org_id, id, project_id, artifact_id, key, statement, metric_name, cohort, feature, operator,
    value, unit, tolerance, tolerance_kind, divergence_type, evidence_tier, effective_from, min_users, owner,
    runbook_url)
SELECT org, assumption, project, artifact, 'adoption', '', 'user_adoption', 'mainstream', 'F12', '>=',
    60, '%', 0, 'absolute', 'FEATURE_ADOPTION_MISS', 'E2', now(), 0, '', ''
FROM numbers;

-- Hour by hour up to a day of its own in the last months, so that every partition is used.
SELECT public.ensure_partitions(
    ARRAY['telemetry'], ARRAY(SELECT (now() - m * interval '1 month')::date FROM generate_series(-1, 18) AS m));
INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id, metric_value, unit,
    numerator, denominator, sample_count, user_count, users_sketch, revision, is_final)
SELECT org, project,
    date_trunc('hour', now()) - (i % 120) * interval '1 day' - h * interval '1 hour',
    (ARRAY['feature_usage', 'retention', 'crash_rate', 'latency_p50', 'error_rate', 'user_adoption'])[m],
    (ARRAY['early_adopter', 'mainstream', 'enterprise'])[c], 'F12', gen_random_uuid(), 50 + (h + m + c) % 40, '%',
    1000 + h % 500, 2000, 2000, 1200, decode(repeat('ab', 200), 'hex'), 1, true
FROM numbers, generate_series(1, current_setting('bench.hours')::int) AS h,
    generate_series(1, 6) AS m, generate_series(1, 3) AS c;
INSERT INTO divergence_report (org_id, id, project_id, artifact_id, assumption_id, divergence_type, metric_name,
    cohort, feature, assumed_value, actual_value, assumed_number, actual_number, unit, relative_gap,
    assumption_evidence_tier, telemetry_evidence_tier, tier_delta, classification, summary, e_value, threshold,
    sample_count, user_count, first_hour, last_hour, detected_at)
SELECT org, gen_random_uuid(), project, artifact, assumption, 'FEATURE_ADOPTION_MISS', 'user_adoption', 'mainstream',
    'F12', '>= 60 %', '42 %', 60, 42, '%', -0.3, 'E2', 'E4', 2, 'MINOR',
    'We assumed that 60 % of mainstream users adopt F12; 42 % do.', 1e9, 3650, 1000, 1000, now(), now(),
    now() - r * interval '1 hour'
FROM numbers, generate_series(1, current_setting('bench.reports')::int) AS r;

DROP TABLE numbers;
RESET session_replication_role;
