-- What the system notices of a project by itself, and since when its last day is closed.

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

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

-- What was noticed, and that it is over, is to be told: in the transaction that says so.
CREATE FUNCTION public.alert_of_notice() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
BEGIN
    INSERT INTO public.alert_due AS d (org_id, subject_kind, subject_id, project_id, due_at, changed_at)
    VALUES (NEW.org_id, 'notice', NEW.id, NEW.project_id, clock_timestamp(), clock_timestamp())
    ON CONFLICT (org_id, subject_id) DO UPDATE
    SET due_at = least(d.due_at, EXCLUDED.due_at), changed_at = EXCLUDED.changed_at;
    PERFORM pg_notify('augentis_alerts', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER alert_of_new_notice AFTER INSERT ON public.alert_notice
FOR EACH ROW EXECUTE FUNCTION public.alert_of_notice();
CREATE TRIGGER alert_of_notice AFTER UPDATE OF ended_at ON public.alert_notice
FOR EACH ROW WHEN (NEW.ended_at IS DISTINCT FROM OLD.ended_at) EXECUTE FUNCTION public.alert_of_notice();

REVOKE ALL ON FUNCTION public.alert_of_notice() FROM PUBLIC;
SET LOCAL row_security = off;
