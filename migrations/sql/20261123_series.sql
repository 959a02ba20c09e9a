-- What a project may send: its series, quotas of keys, topics bound to it.

CREATE TABLE series (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    metric_name TEXT NOT NULL,
    cohort TEXT NOT NULL,
    feature TEXT NOT NULL,
    first_seen TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_hour TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_series PRIMARY KEY (org_id, project_id, metric_name, cohort, feature),
    CONSTRAINT ck_series_metric_name CHECK (metric_name IN ('feature_usage', 'retention', 'crash_rate', 'latency_p50', 'error_rate', 'user_adoption'))
) WITH (fillfactor = 70);

CREATE TABLE series_count (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    series INTEGER NOT NULL,
    pruned_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_series_count PRIMARY KEY (org_id, project_id)
);

ALTER TABLE machine_key ADD COLUMN quota TEXT;
ALTER TABLE machine_key
ADD CONSTRAINT ck_machine_key_quota CHECK (quota ~ '^[1-9][0-9]{0,11}/(second|minute|hour|day)$');

CREATE TABLE key_usage (
    org_id UUID NOT NULL,
    key_id UUID NOT NULL,
    period_start TIMESTAMP WITH TIME ZONE NOT NULL,
    used BIGINT NOT NULL,
    CONSTRAINT pk_key_usage PRIMARY KEY (org_id, key_id),
    CONSTRAINT fk_key_usage_org_id_key_id FOREIGN KEY (org_id, key_id) REFERENCES machine_key (org_id, id) ON DELETE CASCADE
);

CREATE TABLE topic_binding (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    topic TEXT NOT NULL,
    bound_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    unbound_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_topic_binding PRIMARY KEY (org_id, project_id, topic),
    CONSTRAINT uq_topic_binding_topic UNIQUE (topic),
    CONSTRAINT ck_topic_binding_topic CHECK (topic ~ '^(raw_metrics|otlp_metrics|backfill_metrics)\.[a-zA-Z0-9._-]+$' AND topic !~ '\.(dlq|parked)$' AND char_length(topic) <= 240),
    CONSTRAINT fk_topic_binding_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id)
);
