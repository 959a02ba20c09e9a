-- Which alert goes to which channel (ADR 0028).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

-- What routing/matchers.py reads: lists of texts by known names, of which some are words of closed lists.
CREATE FUNCTION public.are_matchers(matchers jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_typeof(are_matchers.matchers) = 'object' AND NOT EXISTS (
        SELECT FROM jsonb_each(CASE jsonb_typeof(are_matchers.matchers) WHEN 'object' THEN are_matchers.matchers
                                    ELSE '{}' END) AS m (name, listed)
        WHERE CASE
            WHEN m.name <> ALL ('{project_id, divergence_type, classification, metric_name, cohort, feature, tag, notice}')
                OR jsonb_typeof(m.listed) <> 'array' THEN true
            WHEN jsonb_array_length(m.listed) > 50 THEN true
            ELSE EXISTS (
                SELECT FROM jsonb_array_elements(m.listed) AS v (value)
                WHERE jsonb_typeof(v.value) <> 'string' OR CASE m.name
                    WHEN 'project_id' THEN
                        v.value #>> '{}' !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
                    WHEN 'divergence_type' THEN v.value #>> '{}' <> ALL (
                        '{PERSONA_MISMATCH, FEATURE_ADOPTION_MISS, PRICING_ELASTICITY_MISS, LATENCY_MISS}')
                    WHEN 'classification' THEN v.value #>> '{}' <> ALL ('{COSMETIC, MINOR, MAJOR}')
                    WHEN 'metric_name' THEN v.value #>> '{}' <> ALL (
                        '{feature_usage, retention, crash_rate, latency_p50, error_rate, user_adoption}')
                    WHEN 'notice' THEN v.value #>> '{}' <> ALL (
                        '{PROJECT_SILENT, COHORT_SILENT, DEAD_LETTERS, DETECTION_BEHIND}')
                    ELSE char_length(v.value #>> '{}') > 100 END)
            END)
$$;

CREATE TABLE alert_route (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    is_default BOOLEAN DEFAULT false NOT NULL,
    matchers JSONB DEFAULT '{}'::jsonb NOT NULL,
    continues BOOLEAN DEFAULT false NOT NULL,
    group_by TEXT DEFAULT 'incident' NOT NULL,
    group_wait INTERVAL DEFAULT '30 seconds'::interval NOT NULL,
    repeat_every INTERVAL DEFAULT '1 day'::interval,
    cosmetic TEXT DEFAULT 'digest' NOT NULL,
    send_resolved BOOLEAN DEFAULT true NOT NULL,
    storm_at INTEGER DEFAULT 20 NOT NULL,
    escalate_after INTERVAL,
    created_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_alert_route PRIMARY KEY (org_id, id),
    CONSTRAINT fk_alert_route_org_id FOREIGN KEY (org_id) REFERENCES organization (id),
    CONSTRAINT fk_alert_route_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT ck_alert_route_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT ck_alert_route_name CHECK (name !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'),
    CONSTRAINT ck_alert_route_position CHECK (
        CASE WHEN is_default THEN position = 1000000 ELSE position BETWEEN 0 AND 999999 END),
    CONSTRAINT ck_alert_route_matchers CHECK (public.are_matchers(matchers)),
    CONSTRAINT ck_alert_route_default CHECK (
        (is_default AND matchers = '{}' AND NOT continues AND created_by IS NULL)
        OR (NOT is_default AND created_by IS NOT NULL)),
    CONSTRAINT ck_alert_route_group_by CHECK (group_by IN ('incident', 'report')),
    CONSTRAINT ck_alert_route_group_wait CHECK (group_wait BETWEEN interval '0' AND interval '1 hour'),
    CONSTRAINT ck_alert_route_repeat_every CHECK (repeat_every BETWEEN interval '1 hour' AND interval '365 days'),
    CONSTRAINT ck_alert_route_cosmetic CHECK (cosmetic IN ('digest', 'at_once', 'never')),
    CONSTRAINT ck_alert_route_storm_at CHECK (storm_at BETWEEN 2 AND 100000),
    CONSTRAINT ck_alert_route_escalate_after CHECK (
        escalate_after BETWEEN interval '1 minute' AND interval '30 days')
);
CREATE UNIQUE INDEX uq_alert_route_default ON alert_route (org_id) WHERE is_default;
CREATE UNIQUE INDEX uq_alert_route_name ON alert_route (org_id, lower(name));

CREATE TABLE alert_route_channel (
    org_id UUID NOT NULL,
    route_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    role TEXT NOT NULL,
    CONSTRAINT pk_alert_route_channel PRIMARY KEY (org_id, route_id, channel_id, role),
    CONSTRAINT fk_alert_route_channel_org_id_route_id FOREIGN KEY (org_id, route_id)
        REFERENCES alert_route (org_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_alert_route_channel_org_id_channel_id FOREIGN KEY (org_id, channel_id)
        REFERENCES alert_channel (org_id, id),
    CONSTRAINT ck_alert_route_channel_role CHECK (role IN ('notify', 'escalate'))
);
CREATE INDEX ix_alert_route_channel_channel ON alert_route_channel (org_id, channel_id);
CREATE TRIGGER channel_is_live AFTER INSERT OR UPDATE ON public.alert_route_channel
FOR EACH ROW EXECUTE FUNCTION public.channel_is_live();

-- Last among the others where no place is named; the lock makes two at once come one after the other, which the
-- limit needs as well.
CREATE FUNCTION public.place_alert_route() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.is_default THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('alert routes of ' || NEW.org_id::text, 0));
    NEW.position := coalesce(NEW.position, (
        SELECT least(coalesce(max(r.position), 0) + 10, 999999) FROM public.alert_route AS r
        WHERE r.org_id = NEW.org_id AND NOT r.is_default));
    RETURN NEW;
END
$$;
CREATE TRIGGER place_alert_route BEFORE INSERT ON public.alert_route
FOR EACH ROW EXECUTE FUNCTION public.place_alert_route();
CREATE TRIGGER next_version BEFORE UPDATE ON public.alert_route
FOR EACH ROW EXECUTE FUNCTION public.next_version();

-- As whoever asks: a project that they do not see is none.
CREATE FUNCTION public.guard_alert_route() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (SELECT count(*) FROM public.alert_route AS r WHERE r.org_id = NEW.org_id) > 200 THEN
        RAISE EXCEPTION 'an organisation has at most 200 routes: delete one first' USING ERRCODE = 'AG037';
    END IF;
    IF EXISTS (
        SELECT FROM jsonb_array_elements_text(NEW.matchers -> 'project_id') AS p (id)
        WHERE NOT EXISTS (SELECT FROM public.project AS k WHERE k.org_id = NEW.org_id AND k.id = p.id::uuid)
    ) THEN
        RAISE EXCEPTION 'there is no such project' USING ERRCODE = 'AG038';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER guard_alert_route AFTER INSERT OR UPDATE OF matchers ON public.alert_route
FOR EACH ROW WHEN (NOT NEW.is_default) EXECUTE FUNCTION public.guard_alert_route();

-- An organisation begins with a route for what no other route is about, and it tells nobody yet.
CREATE FUNCTION public.make_default_route() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
BEGIN
    INSERT INTO public.alert_route (org_id, id, name, position, is_default)
    VALUES (NEW.id, gen_random_uuid(), 'Default', 1000000, true);
    RETURN NULL;
END
$$;
CREATE TRIGGER make_default_route AFTER INSERT ON public.organization
FOR EACH ROW EXECUTE FUNCTION public.make_default_route();

REVOKE ALL ON FUNCTION public.are_matchers(jsonb), public.place_alert_route(), public.guard_alert_route(),
    public.make_default_route() FROM PUBLIC;
SET LOCAL row_security = off;
