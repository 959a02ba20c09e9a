-- A superseded report was resolved for what came before, by its resolution.
-- FORCE would keep the owner from these rows: it is lifted for the one statement.
ALTER TABLE divergence_report NO FORCE ROW LEVEL SECURITY;
UPDATE divergence_report SET status = 'RESOLVED' WHERE status = 'SUPERSEDED';
ALTER TABLE divergence_report FORCE ROW LEVEL SECURITY;

DROP INDEX ix_divergence_report_incident;
ALTER TABLE divergence_report
    DROP CONSTRAINT ck_divergence_report_status,
    ADD CONSTRAINT ck_divergence_report_status CHECK (status IN ('OPEN', 'RESOLVED')),
    DROP COLUMN actual_since, DROP COLUMN interval_low, DROP COLUMN interval_high, DROP COLUMN confidence, DROP COLUMN days,
    DROP COLUMN lane, DROP COLUMN configuration, DROP COLUMN telemetry_revisions, DROP COLUMN telemetry_digest,
    DROP COLUMN shadow, DROP COLUMN launch, DROP COLUMN incident_id;

ALTER TABLE detector_state DROP COLUMN checkpoints, DROP COLUMN verdict;
ALTER TABLE assumption
    DROP COLUMN min_samples, DROP COLUMN launch_grace_days, DROP COLUMN slow, DROP COLUMN shadow_days;
ALTER TABLE organization DROP COLUMN alarms_per_year;
