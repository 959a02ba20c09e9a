-- What the system notices of a project by itself, and since when its last day is closed.

CREATE TABLE alert_notice (
    org_id UUID NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    project_id UUID NOT NULL,
    kind TEXT NOT NULL,
    cohort TEXT DEFAULT '' NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    detail JSONB DEFAULT '{}' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_alert_notice PRIMARY KEY (org_id, id),
    CONSTRAINT fk_alert_notice_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT ck_alert_notice_kind CHECK (kind IN ('PROJECT_SILENT', 'COHORT_SILENT', 'DEAD_LETTERS', 'DETECTION_BEHIND')),
    CONSTRAINT ck_alert_notice_cohort CHECK (kind = 'COHORT_SILENT' OR cohort = ''),
    CONSTRAINT ck_alert_notice_ended CHECK (ended_at >= opened_at),
    CONSTRAINT ck_alert_notice_detail CHECK (jsonb_typeof(detail) = 'object')
);
-- One of a kind is open at a time, whoever else looks.
CREATE UNIQUE INDEX uq_alert_notice_open ON alert_notice (org_id, project_id, kind, cohort) WHERE ended_at IS NULL;
CREATE INDEX ix_alert_notice_page ON alert_notice (org_id, opened_at, id);

ALTER TABLE project_clock ADD COLUMN day_closed_at TIMESTAMP WITH TIME ZONE;
