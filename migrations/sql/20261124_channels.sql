-- Where an organisation's alerts go, and the secrets that it takes, sealed (ADR 0027).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE alert_channel (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings JSONB NOT NULL,
    sealed BYTEA,
    secret_changed_at TIMESTAMP WITH TIME ZONE,
    secret_rotated_at TIMESTAMP WITH TIME ZONE,
    rate_per_minute INTEGER DEFAULT 60 NOT NULL,
    heartbeat_every INTERVAL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    disabled_reason TEXT,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    removed_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_alert_channel PRIMARY KEY (org_id, id),
    CONSTRAINT fk_alert_channel_org_id FOREIGN KEY (org_id) REFERENCES organization (id),
    CONSTRAINT fk_alert_channel_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT ck_alert_channel_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT ck_alert_channel_name CHECK (name !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'),
    CONSTRAINT ck_alert_channel_kind CHECK (kind IN ('webhook', 'email', 'slack', 'teams', 'pagerduty', 'alertmanager', 'kafka')),
    CONSTRAINT ck_alert_channel_settings CHECK (jsonb_typeof(settings) = 'object' AND octet_length(settings::text) <= 20000),
    CONSTRAINT ck_alert_channel_recipients CHECK
        (kind <> 'email' OR jsonb_typeof(settings -> 'to') IS NOT DISTINCT FROM 'array'
         AND jsonb_array_length(settings -> 'to') <= 50
         AND (jsonb_array_length(settings -> 'to') > 0 OR disabled_at IS NOT NULL OR removed_at IS NOT NULL)),
    -- One address each, and nothing that a header could be made of, or an encoded word in one.
    CONSTRAINT ck_alert_channel_addresses CHECK
        (kind <> 'email' OR NOT settings @? 'strict $.to[*] ? (@.type() != "string" || !(@ like_regex "^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$") || @ like_regex "=[?]")'),
    CONSTRAINT ck_alert_channel_sealed CHECK
        (CASE WHEN removed_at IS NOT NULL OR kind IN ('email', 'kafka') THEN sealed IS NULL
              WHEN kind = 'alertmanager' THEN true ELSE sealed IS NOT NULL END),
    CONSTRAINT ck_alert_channel_sealed_length CHECK (octet_length(sealed) BETWEEN 1 AND 20000),
    CONSTRAINT ck_alert_channel_rotated CHECK (secret_rotated_at IS NULL OR kind = 'webhook'),
    CONSTRAINT ck_alert_channel_rate_per_minute CHECK (rate_per_minute BETWEEN 1 AND 6000),
    CONSTRAINT ck_alert_channel_heartbeat_every CHECK (heartbeat_every BETWEEN interval '1 minute' AND interval '31 days'),
    CONSTRAINT ck_alert_channel_disabled CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CONSTRAINT ck_alert_channel_disabled_reason_length CHECK (char_length(disabled_reason) BETWEEN 1 AND 500)
);
CREATE UNIQUE INDEX uq_alert_channel_live_name ON alert_channel (org_id, lower(name)) WHERE removed_at IS NULL;

-- Whoever writes a secret cannot read the one before it, so what becomes of that is done here. Who writes `sealed`
-- together with `secret_rotated_at` rotates: both live, a line each, the newest first. Who takes that time away
-- retires the older; who writes `sealed` alone replaces all. When is the database's to say.
CREATE FUNCTION public.guard_alert_channel() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    line bytea := '\x0a';
    changes boolean := NEW.sealed IS NOT NULL;
    moment timestamptz := clock_timestamp();
    routes text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        changes := NEW.sealed IS DISTINCT FROM OLD.sealed;
        IF NEW.removed_at IS NOT NULL THEN
            IF OLD.removed_at IS NULL THEN
                SELECT string_agg(DISTINCT r.name, ', ') INTO routes FROM public.alert_route_channel AS u
                JOIN public.alert_route AS r ON r.org_id = u.org_id AND r.id = u.route_id
                WHERE u.org_id = NEW.org_id AND u.channel_id = NEW.id;
            END IF;
            IF routes IS NOT NULL THEN
                RAISE EXCEPTION 'routes tell it: take it out of them first (%)', routes USING ERRCODE = 'AG036';
            END IF;
            NEW.removed_at := coalesce(OLD.removed_at, moment);
            NEW.sealed := NULL;
            NEW.secret_rotated_at := NULL;
            changes := false;
        ELSIF changes AND NEW.secret_rotated_at IS NOT NULL THEN
            IF NEW.kind <> 'webhook' THEN
                RAISE EXCEPTION 'a webhook alone has two secrets: change this channel''s instead' USING ERRCODE = 'AG036';
            ELSIF OLD.secret_rotated_at IS NOT NULL THEN
                RAISE EXCEPTION 'two secrets are live: retire the older one first' USING ERRCODE = 'AG036';
            END IF;
            NEW.sealed := NEW.sealed || line || OLD.sealed;
            NEW.secret_rotated_at := moment;
        ELSIF NEW.secret_rotated_at IS NULL AND OLD.secret_rotated_at IS NOT NULL AND NOT changes THEN
            NEW.sealed := substring(OLD.sealed FOR position(line IN OLD.sealed) - 1);
        ELSE
            NEW.secret_rotated_at := CASE WHEN NOT changes THEN OLD.secret_rotated_at END;
        END IF;
        -- Who changes where a secret is sent to would be shown it there.
        IF NEW.kind = 'alertmanager' AND NEW.settings -> 'url' IS DISTINCT FROM OLD.settings -> 'url'
            AND NEW.sealed IS NOT NULL AND NOT changes
        THEN
            RAISE EXCEPTION 'the address changes: send the secrets again, or null for none' USING ERRCODE = 'AG036';
        END IF;
        NEW.secret_changed_at := OLD.secret_changed_at;
    END IF;
    IF changes THEN
        NEW.secret_changed_at := CASE WHEN NEW.sealed IS NOT NULL THEN moment END;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_alert_channel BEFORE INSERT OR UPDATE ON public.alert_channel
FOR EACH ROW EXECUTE FUNCTION public.guard_alert_channel();
CREATE TRIGGER next_version BEFORE UPDATE ON public.alert_channel
FOR EACH ROW EXECUTE FUNCTION public.next_version();

-- Of what a route names (20261124_routes.sql): no channel is removed while somebody puts it into one, nor after.
CREATE FUNCTION public.channel_is_live() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.alert_channel AS c
    WHERE c.org_id = NEW.org_id AND c.id = NEW.channel_id AND c.removed_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the channel was removed' USING ERRCODE = 'AG036';
    END IF;
    RETURN NULL;
END
$$;

-- After the row: by then the policies have refused a foreign organisation.
CREATE FUNCTION public.limit_alert_channels() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('alert channels of ' || NEW.org_id::text, 0));
    IF (SELECT count(*) FROM public.alert_channel AS c WHERE c.org_id = NEW.org_id AND c.removed_at IS NULL) > 50 THEN
        RAISE EXCEPTION 'an organisation has at most 50 channels: delete one first' USING ERRCODE = 'AG035';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER limit_alert_channels AFTER INSERT ON public.alert_channel
FOR EACH ROW EXECUTE FUNCTION public.limit_alert_channels();

REVOKE ALL ON FUNCTION public.guard_alert_channel(), public.channel_is_live(), public.limit_alert_channels() FROM PUBLIC;
SET LOCAL row_security = off;
