-- The tables of the main job, as storage/tables has them (a test compares the two).

CREATE TABLE app_user (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    full_name TEXT NOT NULL,
    auth_provider TEXT DEFAULT 'supabase' NOT NULL,
    auth_provider_id TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_login_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_app_user PRIMARY KEY (id),
    CONSTRAINT ck_app_user_email_format CHECK (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'),
    CONSTRAINT ck_app_user_full_name_length CHECK (char_length(full_name) BETWEEN 2 AND 100),
    CONSTRAINT ck_app_user_auth_provider CHECK (auth_provider IN ('supabase', 'google', 'github'))
);
CREATE UNIQUE INDEX uq_app_user_email ON app_user (lower(email));

CREATE TABLE batch_seen (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    batch_id UUID NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_batch_seen PRIMARY KEY (org_id, project_id, batch_id)
);
CREATE INDEX ix_batch_seen_seen_at ON batch_seen (seen_at);

CREATE TABLE organization (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    subscription_tier TEXT DEFAULT 'BASIC' NOT NULL,
    max_projects INTEGER DEFAULT 3,
    max_agents_per_project INTEGER DEFAULT 1 NOT NULL,
    timezone TEXT DEFAULT 'UTC' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_organization PRIMARY KEY (id),
    CONSTRAINT ck_organization_name_length CHECK (char_length(name) BETWEEN 3 AND 100),
    CONSTRAINT ck_organization_slug_format CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    CONSTRAINT ck_organization_subscription_tier CHECK (subscription_tier IN ('BASIC', 'PRO', 'ENTERPRISE')),
    CONSTRAINT uq_organization_slug UNIQUE (slug)
);

CREATE TABLE outbox (
    org_id UUID NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    destination TEXT NOT NULL,
    topic TEXT NOT NULL,
    key BYTEA,
    value BYTEA,
    headers JSONB DEFAULT '{}' NOT NULL,
    sealed BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT,
    CONSTRAINT pk_outbox PRIMARY KEY (org_id, id),
    CONSTRAINT ck_outbox_destination CHECK (destination IN ('kafka', 'webhook'))
);
CREATE INDEX ix_outbox_due ON outbox (destination, next_attempt_at, id) WHERE delivered_at IS NULL;

CREATE TABLE partial (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    metric_name TEXT NOT NULL,
    cohort TEXT NOT NULL,
    feature TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    value_micro NUMERIC(38, 0) NOT NULL,
    of_micro NUMERIC(38, 0) NOT NULL,
    sample_count BIGINT NOT NULL,
    users BYTEA,
    positive_users BYTEA,
    latency BYTEA,
    revision BIGINT NOT NULL,
    dirty BOOLEAN NOT NULL,
    CONSTRAINT pk_partial PRIMARY KEY (org_id, project_id, hour, metric_name, cohort, feature, topic, partition)
)
 WITH (fillfactor = 60);
CREATE INDEX ix_partial_dirty ON partial (org_id, project_id, hour) WHERE dirty;

CREATE TABLE partition_ledger (
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    owner TEXT NOT NULL,
    topic_id TEXT NOT NULL,
    caught_up_at TIMESTAMP WITH TIME ZONE,
    fresh_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_partition_ledger PRIMARY KEY (consumer, topic, partition)
);

CREATE TABLE project_clock (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    closed_through TIMESTAMP WITH TIME ZONE NOT NULL,
    day_closed_through DATE NOT NULL,
    CONSTRAINT pk_project_clock PRIMARY KEY (org_id, project_id)
);

CREATE TABLE project_watermark (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    first_event TIMESTAMP WITH TIME ZONE NOT NULL,
    event_time TIMESTAMP WITH TIME ZONE NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_project_watermark PRIMARY KEY (org_id, project_id, topic, partition)
);

CREATE TABLE organization_members (
    org_id UUID NOT NULL,
    user_id UUID NOT NULL,
    role_in_org TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    removed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_organization_members PRIMARY KEY (org_id, user_id),
    CONSTRAINT ck_organization_members_role_in_org CHECK (role_in_org IN ('ADMIN', 'MEMBER', 'VIEWER')),
    CONSTRAINT fk_organization_members_org_id FOREIGN KEY(org_id) REFERENCES organization (id),
    CONSTRAINT fk_organization_members_user_id FOREIGN KEY(user_id) REFERENCES app_user (id)
);
CREATE INDEX ix_organization_members_user_id ON organization_members (user_id);

CREATE TABLE workspace (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_workspace PRIMARY KEY (org_id, id),
    CONSTRAINT ck_workspace_name_length CHECK (char_length(name) BETWEEN 3 AND 50),
    CONSTRAINT uq_workspace_org_id_name UNIQUE (org_id, name),
    CONSTRAINT fk_workspace_org_id FOREIGN KEY(org_id) REFERENCES organization (id),
    CONSTRAINT fk_workspace_created_by FOREIGN KEY(created_by) REFERENCES app_user (id)
);

CREATE TABLE project (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    workspace_id UUID NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    problem_statement TEXT NOT NULL,
    phase TEXT DEFAULT 'DISCOVER' NOT NULL,
    status TEXT DEFAULT 'IN_PROGRESS' NOT NULL,
    created_by UUID NOT NULL,
    last_updated_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    is_archived BOOLEAN DEFAULT false NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_project PRIMARY KEY (org_id, id),
    CONSTRAINT ck_project_name_length CHECK (char_length(name) BETWEEN 3 AND 100),
    CONSTRAINT ck_project_problem_statement_length CHECK (char_length(problem_statement) BETWEEN 10 AND 5000),
    CONSTRAINT ck_project_phase CHECK (phase IN ('DISCOVER', 'DEFINE', 'DESIGN', 'DEVELOP', 'DEPLOY')),
    CONSTRAINT ck_project_status CHECK (status IN ('IN_PROGRESS', 'PASSED', 'CONDITIONAL', 'FAILED')),
    CONSTRAINT fk_project_org_id_workspace_id FOREIGN KEY(org_id, workspace_id) REFERENCES workspace (org_id, id),
    CONSTRAINT fk_project_org_id FOREIGN KEY(org_id) REFERENCES organization (id),
    CONSTRAINT fk_project_created_by FOREIGN KEY(created_by) REFERENCES app_user (id),
    CONSTRAINT fk_project_last_updated_by FOREIGN KEY(last_updated_by) REFERENCES app_user (id)
);
CREATE UNIQUE INDEX uq_project_live_name ON project (org_id, workspace_id, name) WHERE NOT is_archived;

CREATE TABLE artifact (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    type TEXT NOT NULL,
    key TEXT DEFAULT '' NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    status TEXT DEFAULT 'DRAFT' NOT NULL,
    content JSONB,
    evidence_tier TEXT DEFAULT 'E0' NOT NULL,
    created_by UUID NOT NULL,
    approved_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    approved_at TIMESTAMP WITH TIME ZONE,
    deployed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_artifact PRIMARY KEY (org_id, id),
    CONSTRAINT ck_artifact_type CHECK (type IN ('PROBLEM', 'PERSONA', 'MARKET_RESEARCH', 'PRD', 'POSITIONING', 'PRICING', 'GTM', 'ARCHITECTURE', 'WIREFRAME', 'PROTOTYPE', 'API_SPEC', 'DB_SCHEMA', 'CODE_BACKEND', 'CODE_FRONTEND', 'TEST_SUITE', 'DEPLOYMENT_PLAN')),
    CONSTRAINT ck_artifact_status CHECK (status IN ('DRAFT', 'REVIEW', 'APPROVED', 'DEPLOYED')),
    CONSTRAINT ck_artifact_evidence_tier CHECK (evidence_tier IN ('E0', 'E1', 'E2', 'E3', 'E4')),
    CONSTRAINT ck_artifact_key_length CHECK (char_length(key) BETWEEN 0 AND 100),
    CONSTRAINT ck_artifact_version CHECK (version >= 1),
    CONSTRAINT fk_artifact_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT uq_artifact_org_id_project_id_type_key_version UNIQUE (org_id, project_id, type, key, version),
    CONSTRAINT fk_artifact_created_by FOREIGN KEY(created_by) REFERENCES app_user (id),
    CONSTRAINT fk_artifact_approved_by FOREIGN KEY(approved_by) REFERENCES app_user (id)
);
CREATE INDEX ix_artifact_evidence_tier ON artifact (evidence_tier);
CREATE INDEX ix_artifact_latest ON artifact (project_id, type, version DESC);
CREATE INDEX ix_artifact_org_created ON artifact (org_id, created_at DESC);

CREATE TABLE ingest_key (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    name TEXT NOT NULL,
    secret_sha256 BYTEA NOT NULL,
    created_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_ingest_key PRIMARY KEY (org_id, id),
    CONSTRAINT fk_ingest_key_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id)
);
CREATE INDEX ix_ingest_key_project ON ingest_key (org_id, project_id);

CREATE TABLE telemetry (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    timestamp TIMESTAMP WITH TIME ZONE NOT NULL,
    metric_name TEXT NOT NULL,
    cohort TEXT NOT NULL,
    feature TEXT NOT NULL,
    id UUID NOT NULL,
    metric_value NUMERIC NOT NULL,
    unit TEXT NOT NULL,
    numerator NUMERIC,
    denominator NUMERIC,
    sample_count BIGINT NOT NULL,
    user_count BIGINT NOT NULL,
    latency_sketch BYTEA,
    users_sketch BYTEA,
    positive_users_sketch BYTEA,
    revision BIGINT NOT NULL,
    is_final BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_telemetry PRIMARY KEY (org_id, project_id, timestamp, metric_name, cohort, feature),
    CONSTRAINT fk_telemetry_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT ck_telemetry_metric_name CHECK (metric_name IN ('feature_usage', 'retention', 'crash_rate', 'latency_p50', 'error_rate', 'user_adoption')),
    CONSTRAINT ck_telemetry_unit CHECK (unit IN ('%', 'count', 'ms', 'rate')),
    CONSTRAINT ck_telemetry_whole_hour CHECK (extract(epoch FROM timestamp)::bigint % 3600 = 0)
);
CREATE INDEX ix_telemetry_page ON telemetry (org_id, project_id, metric_name, timestamp DESC);

CREATE TABLE artifact_dependency (
    org_id UUID NOT NULL,
    artifact_id UUID NOT NULL,
    depends_on_id UUID NOT NULL,
    project_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_artifact_dependency PRIMARY KEY (org_id, artifact_id, depends_on_id),
    CONSTRAINT fk_artifact_dependency_org_id_artifact_id FOREIGN KEY(org_id, artifact_id) REFERENCES artifact (org_id, id),
    CONSTRAINT fk_artifact_dependency_org_id_depends_on_id FOREIGN KEY(org_id, depends_on_id) REFERENCES artifact (org_id, id),
    CONSTRAINT fk_artifact_dependency_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT ck_artifact_dependency_not_itself CHECK (artifact_id <> depends_on_id)
);
CREATE INDEX ix_artifact_dependency_depends_on ON artifact_dependency (org_id, depends_on_id);

CREATE TABLE assumption (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    artifact_id UUID NOT NULL,
    key TEXT NOT NULL,
    statement TEXT NOT NULL,
    metric_name TEXT NOT NULL,
    cohort TEXT NOT NULL,
    feature TEXT NOT NULL,
    operator TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    unit TEXT NOT NULL,
    tolerance DOUBLE PRECISION NOT NULL,
    tolerance_kind TEXT NOT NULL,
    divergence_type TEXT NOT NULL,
    evidence_tier TEXT NOT NULL,
    effective_from TIMESTAMP WITH TIME ZONE NOT NULL,
    min_users INTEGER NOT NULL,
    owner TEXT NOT NULL,
    runbook_url TEXT NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_assumption PRIMARY KEY (org_id, id),
    CONSTRAINT fk_assumption_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_assumption_org_id_artifact_id FOREIGN KEY(org_id, artifact_id) REFERENCES artifact (org_id, id),
    CONSTRAINT uq_assumption_org_id_artifact_id_key UNIQUE (org_id, artifact_id, key),
    CONSTRAINT ck_assumption_metric_name CHECK (metric_name IN ('feature_usage', 'retention', 'crash_rate', 'latency_p50', 'error_rate', 'user_adoption')),
    CONSTRAINT ck_assumption_operator CHECK (operator IN ('>=', '<=', 'within')),
    CONSTRAINT ck_assumption_tolerance_kind CHECK (tolerance_kind IN ('absolute', 'relative')),
    CONSTRAINT ck_assumption_divergence_type CHECK (divergence_type IN ('PERSONA_MISMATCH', 'FEATURE_ADOPTION_MISS', 'PRICING_ELASTICITY_MISS', 'LATENCY_MISS')),
    CONSTRAINT ck_assumption_evidence_tier CHECK (evidence_tier IN ('E0', 'E1', 'E2', 'E3', 'E4'))
);
CREATE INDEX ix_assumption_live ON assumption (org_id, project_id) WHERE superseded_at IS NULL;

CREATE TABLE detector_state (
    org_id UUID NOT NULL,
    assumption_id UUID NOT NULL,
    project_id UUID NOT NULL,
    state JSONB NOT NULL,
    status TEXT NOT NULL,
    folded_through DATE NOT NULL,
    telemetry_revisions BIGINT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_detector_state PRIMARY KEY (org_id, assumption_id),
    CONSTRAINT fk_detector_state_org_id_assumption_id FOREIGN KEY(org_id, assumption_id) REFERENCES assumption (org_id, id),
    CONSTRAINT fk_detector_state_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id)
);

CREATE TABLE divergence_report (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    artifact_id UUID NOT NULL,
    assumption_id UUID NOT NULL,
    divergence_type TEXT NOT NULL,
    metric_name TEXT NOT NULL,
    cohort TEXT NOT NULL,
    feature TEXT NOT NULL,
    assumed_value TEXT NOT NULL,
    actual_value TEXT NOT NULL,
    assumed_number DOUBLE PRECISION NOT NULL,
    actual_number DOUBLE PRECISION NOT NULL,
    unit TEXT NOT NULL,
    relative_gap DOUBLE PRECISION NOT NULL,
    assumption_evidence_tier TEXT NOT NULL,
    telemetry_evidence_tier TEXT NOT NULL,
    tier_delta INTEGER NOT NULL,
    classification TEXT NOT NULL,
    summary TEXT NOT NULL,
    e_value DOUBLE PRECISION,
    threshold DOUBLE PRECISION,
    sample_count BIGINT NOT NULL,
    user_count BIGINT NOT NULL,
    first_hour TIMESTAMP WITH TIME ZONE NOT NULL,
    last_hour TIMESTAMP WITH TIME ZONE NOT NULL,
    status TEXT DEFAULT 'OPEN' NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    resolution TEXT,
    detected_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_divergence_report PRIMARY KEY (org_id, id),
    CONSTRAINT fk_divergence_report_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_divergence_report_org_id_artifact_id FOREIGN KEY(org_id, artifact_id) REFERENCES artifact (org_id, id),
    CONSTRAINT fk_divergence_report_org_id_assumption_id FOREIGN KEY(org_id, assumption_id) REFERENCES assumption (org_id, id),
    CONSTRAINT ck_divergence_report_divergence_type CHECK (divergence_type IN ('PERSONA_MISMATCH', 'FEATURE_ADOPTION_MISS', 'PRICING_ELASTICITY_MISS', 'LATENCY_MISS')),
    CONSTRAINT ck_divergence_report_metric_name CHECK (metric_name IN ('feature_usage', 'retention', 'crash_rate', 'latency_p50', 'error_rate', 'user_adoption')),
    CONSTRAINT ck_divergence_report_assumption_evidence_tier CHECK (assumption_evidence_tier IN ('E0', 'E1', 'E2', 'E3', 'E4')),
    CONSTRAINT ck_divergence_report_telemetry_evidence_tier CHECK (telemetry_evidence_tier IN ('E0', 'E1', 'E2', 'E3', 'E4')),
    CONSTRAINT ck_divergence_report_tier_delta CHECK (tier_delta BETWEEN 0 AND 4),
    CONSTRAINT ck_divergence_report_classification CHECK (classification IN ('COSMETIC', 'MINOR', 'MAJOR')),
    CONSTRAINT ck_divergence_report_status CHECK (status IN ('OPEN', 'RESOLVED')),
    CONSTRAINT uq_divergence_report_org_id_assumption_id_detected_at UNIQUE (org_id, assumption_id, detected_at)
);
CREATE INDEX ix_divergence_report_page ON divergence_report (org_id, detected_at, id);

CREATE TABLE cascade_analysis (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    divergence_id UUID NOT NULL,
    project_id UUID NOT NULL,
    affected_features JSONB NOT NULL,
    affected_code_modules JSONB NOT NULL,
    reexecution_scope_days INTEGER NOT NULL,
    full_redesign_days INTEGER NOT NULL,
    recommendation TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_cascade_analysis PRIMARY KEY (org_id, id),
    CONSTRAINT fk_cascade_analysis_org_id_divergence_id FOREIGN KEY(org_id, divergence_id) REFERENCES divergence_report (org_id, id),
    CONSTRAINT fk_cascade_analysis_org_id_project_id FOREIGN KEY(org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT uq_cascade_analysis_org_id_divergence_id UNIQUE (org_id, divergence_id),
    CONSTRAINT ck_cascade_analysis_reexecution_scope_days CHECK (reexecution_scope_days BETWEEN 2 AND 7),
    CONSTRAINT ck_cascade_analysis_full_redesign_days CHECK (full_redesign_days BETWEEN 14 AND 21),
    CONSTRAINT ck_cascade_analysis_recommendation CHECK (recommendation IN ('SKIP', 'REEXECUTE', 'FULL_REDESIGN'))
);
