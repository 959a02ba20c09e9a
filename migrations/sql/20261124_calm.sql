-- Silences, and windows in which alerts wait (ADR 0029).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

-- The projects that matchers name; what is no list of ids fails, or names none.
CREATE FUNCTION public.matched_projects(matchers jsonb) RETURNS uuid[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(named.id::uuid), '{}')
    FROM jsonb_array_elements_text(CASE jsonb_typeof(matchers -> 'project_id')
        WHEN 'array' THEN matchers -> 'project_id' ELSE '[]' END) AS named (id)
$$;

CREATE TABLE alert_silence (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    matchers JSONB NOT NULL,
    project_ids UUID[] GENERATED ALWAYS AS (public.matched_projects(matchers)) STORED NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT NOT NULL,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by UUID,
    CONSTRAINT pk_alert_silence PRIMARY KEY (org_id, id),
    CONSTRAINT fk_alert_silence_org_id FOREIGN KEY (org_id) REFERENCES organization (id),
    CONSTRAINT fk_alert_silence_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT fk_alert_silence_ended_by FOREIGN KEY (ended_by) REFERENCES app_user (id),
    CONSTRAINT ck_alert_silence_matchers CHECK (public.are_matchers(matchers)),
    CONSTRAINT ck_alert_silence_span CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '8784 hours'),
    CONSTRAINT ck_alert_silence_reason_length CHECK (char_length(reason) BETWEEN 3 AND 2000),
    CONSTRAINT ck_alert_silence_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL) AND ended_at <= ends_at)
);
CREATE INDEX ix_alert_silence_live ON alert_silence (org_id, coalesce(ended_at, ends_at));

CREATE TABLE alert_window (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    matchers JSONB NOT NULL,
    timezone TEXT NOT NULL,
    weekdays SMALLINT[] NOT NULL,
    from_time TIME WITHOUT TIME ZONE NOT NULL,
    to_time TIME WITHOUT TIME ZONE NOT NULL,
    first_day DATE,
    last_day DATE,
    lets_through TEXT,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    removed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_alert_window PRIMARY KEY (org_id, id),
    CONSTRAINT fk_alert_window_org_id FOREIGN KEY (org_id) REFERENCES organization (id),
    CONSTRAINT fk_alert_window_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT ck_alert_window_matchers CHECK (public.are_matchers(matchers)),
    CONSTRAINT ck_alert_window_kind CHECK (kind IN ('QUIET_HOURS', 'MAINTENANCE')),
    CONSTRAINT ck_alert_window_lets_through CHECK (lets_through IN ('critical', 'error', 'warning')),
    CONSTRAINT ck_alert_window_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT ck_alert_window_timezone_length CHECK (char_length(timezone) BETWEEN 1 AND 100),
    CONSTRAINT ck_alert_window_weekdays CHECK (
        array_ndims(weekdays) = 1 AND cardinality(weekdays) BETWEEN 1 AND 7 AND weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]),
    CONSTRAINT ck_alert_window_from_time CHECK (from_time < '24:00' AND extract(second FROM from_time) = 0),
    CONSTRAINT ck_alert_window_to_time CHECK (to_time < '24:00' AND extract(second FROM to_time) = 0),
    CONSTRAINT ck_alert_window_days CHECK (
        first_day >= '1900-01-01' AND last_day <= '9000-01-01' AND first_day <= '9000-01-01'
        AND last_day >= '1900-01-01' AND first_day <= last_day)
);
CREATE UNIQUE INDEX uq_alert_window_live_name ON alert_window (org_id, lower(name)) WHERE removed_at IS NULL;

-- Matchers name projects that are there. After the policies: who may not write is not told what there is.
CREATE FUNCTION public.guard_matched() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM unnest(public.matched_projects(NEW.matchers)) AS named (id)
    WHERE NOT EXISTS (SELECT FROM public.project AS p WHERE p.org_id = NEW.org_id AND p.id = named.id);
    IF FOUND THEN
        RAISE EXCEPTION 'there is no such project' USING ERRCODE = 'AG038';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER guard_matched AFTER INSERT ON public.alert_silence
FOR EACH ROW EXECUTE FUNCTION public.guard_matched();
CREATE TRIGGER guard_matched AFTER INSERT OR UPDATE OF matchers ON public.alert_window
FOR EACH ROW EXECUTE FUNCTION public.guard_matched();

-- A silence that has ended already, or begins in years, is a slip.
CREATE FUNCTION public.guard_silence() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    IF NEW.ends_at <= moment THEN
        RAISE EXCEPTION 'it would have ended already: send a time from now on' USING ERRCODE = 'AG040';
    ELSIF NEW.starts_at > moment + interval '8784 hours' THEN
        RAISE EXCEPTION 'it would begin too late' USING ERRCODE = '23514', CONSTRAINT = 'ck_alert_silence_soon';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER guard_silence AFTER INSERT ON public.alert_silence
FOR EACH ROW EXECUTE FUNCTION public.guard_silence();

-- It ends now, by whoever asks; what has ended stays as it ended.
CREATE FUNCTION public.end_silence() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    NEW.ended_at := OLD.ended_at;
    NEW.ended_by := OLD.ended_by;
    IF OLD.ended_at IS NULL AND OLD.ends_at > moment THEN
        NEW.ended_at := moment;
        NEW.ended_by := auth.uid();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER end_silence BEFORE UPDATE OF ended_at, ended_by ON public.alert_silence
FOR EACH ROW EXECUTE FUNCTION public.end_silence();

CREATE TRIGGER next_version BEFORE UPDATE ON public.alert_window
FOR EACH ROW EXECUTE FUNCTION public.next_version();

-- All of an organisation's are read at each look of the notifier: so many, also where two are made at once.
CREATE FUNCTION public.limit_calm() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    live bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_NAME || ' of ' || NEW.org_id::text, 0));
    IF TG_TABLE_NAME = 'alert_silence' THEN
        SELECT count(*) INTO live FROM public.alert_silence AS s
        WHERE s.org_id = NEW.org_id AND coalesce(s.ended_at, s.ends_at) > clock_timestamp();
    ELSE
        SELECT count(*) INTO live FROM public.alert_window AS w WHERE w.org_id = NEW.org_id AND w.removed_at IS NULL;
    END IF;
    IF live > TG_ARGV[0]::bigint THEN
        RAISE EXCEPTION 'the organisation has % of them already: end or remove some', TG_ARGV[0]
            USING ERRCODE = 'AG039';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER limit_calm AFTER INSERT ON public.alert_silence
FOR EACH ROW EXECUTE FUNCTION public.limit_calm('500');
CREATE TRIGGER limit_calm AFTER INSERT ON public.alert_window
FOR EACH ROW EXECUTE FUNCTION public.limit_calm('100');

REVOKE ALL ON FUNCTION public.matched_projects(jsonb), public.guard_matched(), public.guard_silence(), public.end_silence(),
    public.limit_calm() FROM PUBLIC;
SET LOCAL row_security = off;
