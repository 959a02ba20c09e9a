-- What is to be looked at, and what each channel was told (ADR 0030).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

-- A subject's place in the outbox of alerts: it is there as long as something may be told of it. A due_at of
-- 'infinity' waits for news. Of one that `begins` some channel is told for the first time then. A row of kind 'organization' asks that all of its subjects are looked at.
CREATE TABLE alert_due (
    org_id UUID NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id UUID NOT NULL,
    project_id UUID,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    begins BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT pk_alert_due PRIMARY KEY (org_id, subject_id),
    CONSTRAINT ck_alert_due_subject_kind CHECK (subject_kind IN ('report', 'notice', 'organization')),
    CONSTRAINT ck_alert_due_project CHECK ((project_id IS NULL) = (subject_kind = 'organization'))
);
CREATE INDEX ix_alert_due_next ON alert_due (due_at, org_id);
CREATE INDEX ix_alert_due_organization ON alert_due (org_id, due_at);

CREATE TABLE alert_told (
    org_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    subject_id UUID NOT NULL,
    subject_kind TEXT NOT NULL,
    project_id UUID NOT NULL,
    route_id UUID NOT NULL,
    thread_id UUID NOT NULL,
    thread_kind TEXT NOT NULL,
    state TEXT NOT NULL,
    classification TEXT,
    first_told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reminded_at TIMESTAMP WITH TIME ZONE,
    refreshed_at TIMESTAMP WITH TIME ZONE,
    escalated_at TIMESTAMP WITH TIME ZONE,
    acknowledged_told BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_alert_told PRIMARY KEY (org_id, channel_id, subject_id),
    CONSTRAINT fk_alert_told_org_id_channel_id FOREIGN KEY (org_id, channel_id) REFERENCES alert_channel (org_id, id),
    CONSTRAINT fk_alert_told_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT ck_alert_told_subject_kind CHECK (subject_kind IN ('report', 'notice')),
    CONSTRAINT ck_alert_told_thread_kind CHECK (thread_kind IN ('subject', 'incident', 'storm')),
    CONSTRAINT ck_alert_told_state CHECK (state IN ('TOLD', 'ENDED', 'DIGEST')),
    CONSTRAINT ck_alert_told_classification CHECK (classification IN ('COSMETIC', 'MINOR', 'MAJOR')),
    CONSTRAINT ck_alert_told_classified CHECK ((classification IS NULL) = (subject_kind = 'notice'))
);
CREATE INDEX ix_alert_told_subject ON alert_told (org_id, subject_id);
CREATE INDEX ix_alert_told_thread ON alert_told (org_id, channel_id, thread_id);
CREATE INDEX ix_alert_told_digest ON alert_told (org_id, channel_id) WHERE state = 'DIGEST';
CREATE INDEX ix_alert_told_lately ON alert_told (org_id, first_told_at);

-- What becomes of a report is to be told: in the transaction in which it does, once however often it does.
CREATE FUNCTION public.alert_of_report() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
BEGIN
    INSERT INTO public.alert_due AS d (org_id, subject_kind, subject_id, project_id, due_at, changed_at)
    VALUES (NEW.org_id, 'report', NEW.report_id, NEW.project_id, clock_timestamp(), clock_timestamp())
    ON CONFLICT (org_id, subject_id) DO UPDATE
    SET due_at = least(d.due_at, EXCLUDED.due_at), changed_at = EXCLUDED.changed_at;
    PERFORM pg_notify('augentis_alerts', '');
    RETURN NULL;
END
$$;

-- All that an organisation may be told of is looked at again: one row, since whoever asks holds no others.
CREATE FUNCTION public.alerts_due_again(org uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
BEGIN
    INSERT INTO public.alert_due AS d (org_id, subject_kind, subject_id, due_at, changed_at)
    VALUES (org, 'organization', org, clock_timestamp(), clock_timestamp())
    ON CONFLICT (org_id, subject_id) DO UPDATE
    SET due_at = least(d.due_at, EXCLUDED.due_at), changed_at = EXCLUDED.changed_at;
    PERFORM pg_notify('augentis_alerts', '');
END
$$;

CREATE FUNCTION public.alert_again() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.alerts_due_again(CASE TG_OP WHEN 'DELETE' THEN OLD.org_id ELSE NEW.org_id END);
    RETURN NULL;
END
$$;

-- Routes match tags as well: what is open about a version is looked at when one is put on it, or taken off.
CREATE FUNCTION public.alert_of_tag() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    org uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.org_id ELSE NEW.org_id END;
    artifact uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.artifact_id ELSE NEW.artifact_id END;
BEGIN
    UPDATE public.alert_due AS d
    SET due_at = least(d.due_at, clock_timestamp()), changed_at = clock_timestamp()
    FROM public.divergence_report AS r
    WHERE d.org_id = org AND d.subject_kind = 'report' AND r.org_id = d.org_id AND r.id = d.subject_id
        AND r.artifact_id = artifact;
    IF FOUND THEN
        PERFORM pg_notify('augentis_alerts', '');
    END IF;
    RETURN NULL;
END
$$;

-- What is open was told to nobody: no channel was there. It is looked at from here on.
ALTER TABLE divergence_report NO FORCE ROW LEVEL SECURITY;
INSERT INTO alert_due (org_id, subject_kind, subject_id, project_id, due_at, changed_at)
SELECT r.org_id, 'report', r.id, r.project_id, now(), now()
FROM divergence_report AS r WHERE r.state IN ('OPEN', 'ACKNOWLEDGED') AND NOT r.shadow AND NOT r.historical;
ALTER TABLE divergence_report FORCE ROW LEVEL SECURITY;

CREATE TRIGGER alert_of_report AFTER INSERT ON public.report_event FOR EACH ROW
WHEN (NEW.kind NOT IN ('COMMENTED', 'ASSIGNED', 'UNASSIGNED')) EXECUTE FUNCTION public.alert_of_report();

REVOKE ALL ON FUNCTION public.alert_of_report(), public.alert_again(), public.alerts_due_again(uuid),
    public.alert_of_tag() FROM PUBLIC;
SET LOCAL row_security = off;
