-- Columns that detection needs; what is there stays valid by their defaults.

ALTER TABLE organization
    ADD COLUMN alarms_per_year DOUBLE PRECISION DEFAULT 1 NOT NULL,
    ADD CONSTRAINT ck_organization_alarms_per_year CHECK (alarms_per_year >= 0.001 AND alarms_per_year <= 365);

ALTER TABLE assumption
    ADD COLUMN min_samples INTEGER,
    ADD COLUMN launch_grace_days INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN slow BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN shadow_days INTEGER DEFAULT 0 NOT NULL,
    ADD CONSTRAINT ck_assumption_min_samples CHECK (min_samples >= 0),
    ADD CONSTRAINT ck_assumption_launch_grace_days CHECK (launch_grace_days BETWEEN 0 AND 180),
    ADD CONSTRAINT ck_assumption_shadow_days CHECK (shadow_days BETWEEN 0 AND 365);

ALTER TABLE divergence_report
    ADD COLUMN actual_since TIMESTAMPTZ,
    ADD COLUMN interval_low DOUBLE PRECISION,
    ADD COLUMN interval_high DOUBLE PRECISION,
    ADD COLUMN confidence DOUBLE PRECISION,
    ADD COLUMN days INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN lane TEXT DEFAULT 'daily' NOT NULL,
    ADD COLUMN configuration TEXT,
    ADD COLUMN telemetry_revisions BIGINT DEFAULT 0 NOT NULL,
    ADD COLUMN telemetry_digest TEXT,
    ADD COLUMN shadow BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN launch BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN incident_id UUID,
    DROP CONSTRAINT ck_divergence_report_status,
    ADD CONSTRAINT ck_divergence_report_status CHECK (status IN ('OPEN', 'RESOLVED', 'SUPERSEDED')),
    ADD CONSTRAINT ck_divergence_report_lane CHECK (lane IN ('daily', 'fast', 'estimate'));
CREATE INDEX ix_divergence_report_incident ON divergence_report (org_id, incident_id)
WHERE incident_id IS NOT NULL;

ALTER TABLE detector_state
    ADD COLUMN checkpoints JSONB DEFAULT '[]' NOT NULL,
    ADD COLUMN verdict JSONB;
