-- What a team takes out of detection: windows, and the holidays of its calendar.

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE exclusion_window (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    metric_name TEXT,
    cohort TEXT DEFAULT '' NOT NULL,
    feature TEXT DEFAULT '' NOT NULL,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    removed_by UUID,
    removed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_exclusion_window PRIMARY KEY (org_id, id),
    CONSTRAINT fk_exclusion_window_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_exclusion_window_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT fk_exclusion_window_removed_by FOREIGN KEY (removed_by) REFERENCES app_user (id),
    CONSTRAINT ck_exclusion_window_kind CHECK (kind IN ('INCIDENT', 'MIGRATION', 'LOAD_TEST', 'OTHER')),
    CONSTRAINT ck_exclusion_window_metric_name CHECK (metric_name IN ('feature_usage', 'retention', 'crash_rate', 'latency_p50', 'error_rate', 'user_adoption')),
    CONSTRAINT ck_exclusion_window_reason_length CHECK (char_length(reason) BETWEEN 3 AND 500),
    CONSTRAINT ck_exclusion_window_span CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '2160 hours'),
    CONSTRAINT ck_exclusion_window_removed CHECK ((removed_at IS NULL) = (removed_by IS NULL))
);
CREATE INDEX ix_exclusion_window_project ON exclusion_window (org_id, project_id, starts_at);

CREATE TABLE holiday_calendar (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    country TEXT,
    subdivision TEXT,
    first_year INTEGER,
    last_year INTEGER,
    holidays JSONB NOT NULL,
    changed_from DATE,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_holiday_calendar PRIMARY KEY (org_id, id),
    CONSTRAINT fk_holiday_calendar_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_holiday_calendar_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT uq_holiday_calendar_org_id_project_id_version UNIQUE (org_id, project_id, version),
    CONSTRAINT ck_holiday_calendar_version CHECK (version >= 1),
    CONSTRAINT ck_holiday_calendar_holidays CHECK (jsonb_typeof(holidays) = 'array'),
    CONSTRAINT ck_holiday_calendar_country CHECK (
        (country IS NULL) = (first_year IS NULL) AND (country IS NULL) = (last_year IS NULL)
        AND (country IS NOT NULL OR subdivision IS NULL))
);

-- Numbered without a gap, whoever else puts one; detection hears of the days that differ alone.
CREATE FUNCTION public.assign_calendar_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('holidays of ' || NEW.project_id::text, 0));
    SELECT c.version, c.holidays INTO NEW.version, before FROM public.holiday_calendar AS c
    WHERE c.org_id = NEW.org_id AND c.project_id = NEW.project_id ORDER BY c.version DESC LIMIT 1;
    NEW.version := coalesce(NEW.version, 0) + 1;
    SELECT min(d.day) INTO NEW.changed_from FROM (
        SELECT coalesce(n.day, o.day) AS day
        FROM (SELECT (h ->> 'day')::date AS day FROM jsonb_array_elements(NEW.holidays) AS h) AS n
        FULL JOIN (SELECT (h ->> 'day')::date AS day FROM jsonb_array_elements(before) AS h) AS o USING (day)
        WHERE n.day IS NULL OR o.day IS NULL
    ) AS d;
    RETURN NEW;
END
$$;
CREATE TRIGGER assign_calendar_version BEFORE INSERT ON public.holiday_calendar
FOR EACH ROW EXECUTE FUNCTION public.assign_calendar_version();

-- Detection reads hours anew from the first that is judged otherwise now: told by a letter of the transaction
-- that changed it, in the form of the closer's (streams/close.py) and with its key, so in its order too.
CREATE FUNCTION public.tell_detection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed timestamptz;
BEGIN
    IF TG_TABLE_NAME = 'exclusion_window' THEN
        changed := date_trunc('hour', NEW.starts_at, 'UTC');
    ELSE
        -- The first moment at which the day has begun anywhere: the organisation's time zone is not ours to see.
        changed := (NEW.changed_from::timestamp AT TIME ZONE 'UTC') - interval '14 hours';
    END IF;
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.outbox (org_id, destination, topic, key, value, next_attempt_at)
    VALUES (NEW.org_id, 'kafka', 'telemetry_closed', convert_to(NEW.project_id::text, 'UTF8'),
            convert_to(jsonb_build_object(
                'org_id', NEW.org_id, 'project_id', NEW.project_id, 'kind', 'exclusions_changed',
                'first', to_char(changed AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'))::text, 'UTF8'),
            clock_timestamp());
    PERFORM pg_notify('augentis_outbox', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_detection AFTER INSERT OR UPDATE ON public.exclusion_window
FOR EACH ROW EXECUTE FUNCTION public.tell_detection();
CREATE TRIGGER tell_detection AFTER INSERT ON public.holiday_calendar
FOR EACH ROW EXECUTE FUNCTION public.tell_detection();

REVOKE ALL ON FUNCTION public.assign_calendar_version(), public.tell_detection() FROM PUBLIC;
SET LOCAL row_security = off;
