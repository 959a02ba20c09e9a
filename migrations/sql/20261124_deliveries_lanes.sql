-- What is told to a channel, and where each channel stands with it (ADR 0031).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE alert_lane (
    org_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    sequences BIGINT DEFAULT 0 NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    lease UUID,
    leased_until TIMESTAMP WITH TIME ZONE,
    failures INTEGER DEFAULT 0 NOT NULL,
    open_until TIMESTAMP WITH TIME ZONE,
    tokens DOUBLE PRECISION DEFAULT 0 NOT NULL,
    tokens_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_alert_lane PRIMARY KEY (org_id, channel_id),
    CONSTRAINT fk_alert_lane_org_id_channel_id FOREIGN KEY (org_id, channel_id) REFERENCES alert_channel (org_id, id),
    CONSTRAINT ck_alert_lane_leased CHECK ((lease IS NULL) = (leased_until IS NULL)),
    CONSTRAINT ck_alert_lane_failures CHECK (failures >= 0),
    CONSTRAINT ck_alert_lane_tokens CHECK (tokens >= 0)
);
CREATE INDEX ix_alert_lane_due ON alert_lane (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE alert_delivery (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    channel_id UUID NOT NULL,
    project_id UUID,
    report_id UUID,
    thread_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body BYTEA,
    headers JSONB DEFAULT '{}' NOT NULL,
    status TEXT DEFAULT 'PENDING' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE,
    pending_since TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT,
    CONSTRAINT pk_alert_delivery PRIMARY KEY (org_id, id),
    CONSTRAINT uq_alert_delivery_org_id_channel_id_thread_id_sequence UNIQUE (org_id, channel_id, thread_id, sequence),
    CONSTRAINT fk_alert_delivery_org_id_channel_id FOREIGN KEY (org_id, channel_id) REFERENCES alert_channel (org_id, id),
    CONSTRAINT fk_alert_delivery_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_alert_delivery_org_id_project_id_report_id
        FOREIGN KEY (org_id, project_id, report_id) REFERENCES divergence_report (org_id, project_id, id),
    CONSTRAINT ck_alert_delivery_kind CHECK (kind IN ('detected', 'reclassified', 'resolved', 'reminder', 'escalated', 'acknowledged', 'storm', 'digest', 'notice', 'heartbeat', 'refresh', 'test')),
    CONSTRAINT ck_alert_delivery_status CHECK (status IN ('PENDING', 'SENT', 'DEAD')),
    CONSTRAINT ck_alert_delivery_sequence CHECK (sequence > 0),
    CONSTRAINT ck_alert_delivery_attempts CHECK (attempts >= 0),
    CONSTRAINT ck_alert_delivery_whose CHECK (report_id IS NULL OR project_id IS NOT NULL),
    CONSTRAINT ck_alert_delivery_head CHECK (next_attempt_at IS NULL OR status = 'PENDING'),
    CONSTRAINT ck_alert_delivery_sent CHECK ((status = 'SENT') = (sent_at IS NOT NULL)),
    CONSTRAINT ck_alert_delivery_dead CHECK (status <> 'DEAD' OR last_error IS NOT NULL),
    CONSTRAINT ck_alert_delivery_body CHECK
        (CASE WHEN status = 'SENT' THEN body IS NULL ELSE body IS NOT NULL OR kind = 'test' END),
    CONSTRAINT ck_alert_delivery_last_error_length CHECK (char_length(last_error) BETWEEN 1 AND 500)
);
-- Of a thread one alone may be on its way: whatever is written at once, the second head is refused.
CREATE UNIQUE INDEX ix_alert_delivery_head ON alert_delivery (org_id, channel_id, thread_id)
WHERE next_attempt_at IS NOT NULL;
CREATE INDEX ix_alert_delivery_due ON alert_delivery (org_id, channel_id, next_attempt_at)
WHERE next_attempt_at IS NOT NULL;
CREATE INDEX ix_alert_delivery_waiting ON alert_delivery (org_id, channel_id, thread_id, sequence)
WHERE status = 'PENDING';
CREATE INDEX ix_alert_delivery_pending_since ON alert_delivery (org_id, channel_id, pending_since)
WHERE status = 'PENDING';
CREATE INDEX ix_alert_delivery_dead ON alert_delivery (org_id, channel_id, created_at, id) WHERE status = 'DEAD';
CREATE INDEX ix_alert_delivery_created_at ON alert_delivery (org_id, created_at DESC, id DESC);
CREATE INDEX ix_alert_delivery_report ON alert_delivery (org_id, report_id, created_at, id)
WHERE report_id IS NOT NULL;
-- What is too old goes in order of age, of all organisations at once: a block range index is enough for it.
CREATE INDEX ix_alert_delivery_age ON alert_delivery USING brin (created_at);

-- Take the next places of a channel's lane, up to the one returned, and make it due. Whoever has them keeps the
-- lane's row until its transaction ends: so of two that put at once one is first, and no place is given twice.
CREATE FUNCTION public.take_places(org uuid, channel uuid, more integer) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.alert_lane AS l (org_id, channel_id, sequences, due_at)
    VALUES (org, channel, more, clock_timestamp())
    ON CONFLICT ON CONSTRAINT pk_alert_lane DO UPDATE SET
        sequences = l.sequences + EXCLUDED.sequences,
        due_at = least(l.due_at, greatest(EXCLUDED.due_at, l.open_until, l.leased_until))
    RETURNING l.sequences
$$;

-- The first that waits in each of these threads is their head, if they have none. Under the lane's row.
CREATE FUNCTION public.promote_heads(org uuid, channel uuid, threads uuid[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.alert_delivery AS d SET next_attempt_at = clock_timestamp()
    FROM unnest(threads) AS t (id), LATERAL (
        SELECT w.id, w.next_attempt_at FROM public.alert_delivery AS w
        WHERE w.org_id = org AND w.channel_id = channel AND w.thread_id = t.id AND w.status = 'PENDING'
        ORDER BY w.sequence LIMIT 1
    ) AS head
    WHERE d.org_id = org AND d.id = head.id AND head.next_attempt_at IS NULL
$$;
-- What was given up waits again, before what waits in its thread, but for what is of a channel that takes nothing.
CREATE FUNCTION public.revive_deliveries(org uuid, ids uuid[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lane record;
    revived integer := 0;
BEGIN
    FOR lane IN
        SELECT d.channel_id AS id, array_agg(d.id) AS deliveries, array_agg(DISTINCT d.thread_id) AS threads
        FROM public.alert_delivery AS d
        JOIN public.alert_channel AS c ON c.org_id = d.org_id AND c.id = d.channel_id
        WHERE d.org_id = org AND d.id = ANY (ids) AND d.status = 'DEAD'
            AND c.removed_at IS NULL AND c.disabled_at IS NULL
        GROUP BY d.channel_id ORDER BY d.channel_id
    LOOP
        PERFORM public.take_places(org, lane.id, 0);
        UPDATE public.alert_delivery AS d SET next_attempt_at = NULL
        WHERE d.org_id = org AND d.channel_id = lane.id AND d.thread_id = ANY (lane.threads)
            AND d.next_attempt_at IS NOT NULL;
        WITH again AS (
            UPDATE public.alert_delivery AS d
            SET status = 'PENDING', attempts = 0, pending_since = clock_timestamp()
            WHERE d.org_id = org AND d.id = ANY (lane.deliveries) AND d.status = 'DEAD' RETURNING d.id)
        SELECT revived + count(*) INTO revived FROM again;
        PERFORM public.promote_heads(org, lane.id, lane.threads);
        PERFORM pg_notify('augentis_deliveries', '');
    END LOOP;
    RETURN revived;
END
$$;

-- What an administrator may have sent again; false: there is nothing of the kind to see for them.
CREATE FUNCTION public.replay_delivery(delivery uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := auth.org_id();
    confined uuid[] := auth.confined_to();
    stands record;
BEGIN
    IF auth.my_role() IS DISTINCT FROM 'ADMIN' THEN
        RAISE EXCEPTION 'administrators alone send again' USING ERRCODE = '42501';
    END IF;
    SELECT d.status, c.removed_at IS NOT NULL AS removed, c.disabled_at IS NOT NULL AS disabled INTO stands
    FROM public.alert_delivery AS d
    JOIN public.alert_channel AS c ON c.org_id = d.org_id AND c.id = d.channel_id
    WHERE d.org_id = org AND d.id = delivery AND (confined IS NULL OR d.project_id = ANY (confined));
    IF NOT FOUND THEN
        RETURN false;
    ELSIF stands.removed THEN
        RAISE EXCEPTION 'its channel is deleted: nothing is sent there any more' USING ERRCODE = 'AG041';
    ELSIF stands.disabled THEN
        RAISE EXCEPTION 'its channel is disabled: enable it first' USING ERRCODE = 'AG041';
    ELSIF stands.status <> 'DEAD' OR public.revive_deliveries(org, ARRAY[delivery]) = 0 THEN
        RAISE EXCEPTION 'only what was given up is sent again' USING ERRCODE = 'AG042';
    END IF;
    RETURN true;
END
$$;

-- A test of a channel, before all else that waits; one that waits already is that test. NULL: no such channel.
CREATE FUNCTION public.test_channel(channel uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := auth.org_id();
    thread uuid := encode(substr(sha256(convert_to(channel || '/test', 'UTF8')), 1, 16), 'hex')::uuid;
    place bigint;
    test uuid;
    disabled boolean;
BEGIN
    IF auth.my_role() IS DISTINCT FROM 'ADMIN' OR auth.workspace_id() IS NOT NULL THEN
        RAISE EXCEPTION 'administrators alone test channels' USING ERRCODE = '42501';
    END IF;
    SELECT c.disabled_at IS NOT NULL INTO disabled FROM public.alert_channel AS c
    WHERE c.org_id = org AND c.id = channel AND c.removed_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF disabled THEN
        RAISE EXCEPTION 'the channel is disabled: enable it first' USING ERRCODE = 'AG041';
    END IF;
    place := public.take_places(org, channel, 1);
    SELECT d.id INTO test FROM public.alert_delivery AS d
    WHERE d.org_id = org AND d.channel_id = channel AND d.thread_id = thread AND d.status = 'PENDING';
    IF NOT FOUND THEN
        test := gen_random_uuid();
        INSERT INTO public.alert_delivery (org_id, id, channel_id, thread_id, sequence, kind, next_attempt_at)
        VALUES (org, test, channel, thread, place, 'test', to_timestamp(0));
    END IF;
    -- Whoever tests wants to know now: an open circuit lets one through.
    UPDATE public.alert_lane AS l SET open_until = NULL, due_at = greatest(clock_timestamp(), l.leased_until)
    WHERE l.org_id = org AND l.channel_id = channel;
    PERFORM pg_notify('augentis_deliveries', '');
    RETURN test;
END
$$;

CREATE FUNCTION public.wake_lane() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
BEGIN
    UPDATE public.alert_lane AS l
    SET failures = 0, open_until = NULL, due_at = greatest(clock_timestamp(), l.leased_until)
    WHERE l.org_id = NEW.org_id AND l.channel_id = NEW.id;
    PERFORM pg_notify('augentis_deliveries', '');
    RETURN NULL;
END
$$;
-- A channel that is another now, or no more, is looked at at once: what failed before says nothing of it.
CREATE TRIGGER wake_lane AFTER UPDATE OF kind, settings, sealed, rate_per_minute, disabled_at, removed_at
ON public.alert_channel FOR EACH ROW EXECUTE FUNCTION public.wake_lane();

ALTER TABLE alert_delivery ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE alert_lane ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- What is sent is in no statement of the API's role: it names the headers and bodies of others' systems.
GRANT SELECT (org_id, id, channel_id, project_id, report_id, thread_id, sequence, kind, status, attempts,
              next_attempt_at, pending_since, created_at, sent_at, last_error) ON alert_delivery TO augentis_api;
CREATE POLICY members_read ON alert_delivery FOR SELECT TO augentis_api USING (
    org_id = ANY ((SELECT auth.my_orgs())::uuid[])
    AND (project_id IS NOT NULL OR (SELECT auth.my_role()) = 'ADMIN'));
CREATE POLICY org_of_token ON alert_delivery AS RESTRICTIVE TO augentis_api
USING (org_id = (SELECT auth.org_id())) WITH CHECK (org_id = (SELECT auth.org_id()));
CREATE POLICY people_only ON alert_delivery AS RESTRICTIVE TO augentis_api USING ((SELECT auth.uid()) IS NOT NULL);
CREATE POLICY confined ON alert_delivery AS RESTRICTIVE TO augentis_api USING (
    (SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]));

GRANT SELECT, INSERT, DELETE,
      UPDATE (status, attempts, next_attempt_at, pending_since, sent_at, last_error, body)
ON alert_delivery TO augentis_worker;
CREATE POLICY worker_select ON alert_delivery FOR SELECT TO augentis_worker USING (true);
CREATE POLICY worker_insert ON alert_delivery FOR INSERT TO augentis_worker WITH CHECK (true);
CREATE POLICY worker_update ON alert_delivery FOR UPDATE TO augentis_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_delete ON alert_delivery FOR DELETE TO augentis_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON alert_lane TO augentis_worker;
CREATE POLICY worker_select ON alert_lane FOR SELECT TO augentis_worker USING (true);
CREATE POLICY worker_insert ON alert_lane FOR INSERT TO augentis_worker WITH CHECK (true);
CREATE POLICY worker_update ON alert_lane FOR UPDATE TO augentis_worker USING (true) WITH CHECK (true);

GRANT SELECT, DELETE ON alert_delivery TO augentis_archivist;
GRANT SELECT (org_id, channel_id), DELETE ON alert_lane TO augentis_archivist;
CREATE POLICY archivist_select ON alert_delivery FOR SELECT TO augentis_archivist
USING (org_id = (SELECT auth.operated_org()));
CREATE POLICY archivist_delete ON alert_delivery FOR DELETE TO augentis_archivist
USING (org_id = (SELECT auth.closed_org()));
CREATE POLICY archivist_select ON alert_lane FOR SELECT TO augentis_archivist
USING (org_id = (SELECT auth.operated_org()));
CREATE POLICY archivist_delete ON alert_lane FOR DELETE TO augentis_archivist
USING (org_id = (SELECT auth.closed_org()));

GRANT USAGE ON SCHEMA auth, public TO augentis_postmaster;
GRANT EXECUTE ON FUNCTION auth.claims(), auth.org_id(), auth.my_role(), auth.workspace_id(), auth.confined_to()
TO augentis_postmaster;
GRANT SELECT (org_id, id, disabled_at, removed_at) ON alert_channel TO augentis_postmaster;
CREATE POLICY postmaster_select ON alert_channel FOR SELECT TO augentis_postmaster USING (org_id = (SELECT auth.org_id()));
GRANT SELECT (org_id, id, channel_id, project_id, thread_id, sequence, status, next_attempt_at),
      INSERT (org_id, id, channel_id, thread_id, sequence, kind, next_attempt_at),
      UPDATE (status, attempts, next_attempt_at, pending_since)
ON alert_delivery TO augentis_postmaster;
CREATE POLICY postmaster_select ON alert_delivery FOR SELECT TO augentis_postmaster USING (org_id = (SELECT auth.org_id()));
CREATE POLICY postmaster_insert ON alert_delivery FOR INSERT TO augentis_postmaster
WITH CHECK (org_id = (SELECT auth.org_id()) AND kind = 'test');
CREATE POLICY postmaster_update ON alert_delivery FOR UPDATE TO augentis_postmaster USING (org_id = (SELECT auth.org_id()))
WITH CHECK (org_id = (SELECT auth.org_id()) AND status = 'PENDING');
GRANT SELECT, INSERT (org_id, channel_id, sequences, due_at), UPDATE (sequences, failures, open_until, due_at)
ON alert_lane TO augentis_postmaster;
CREATE POLICY postmaster_insert ON alert_lane FOR INSERT TO augentis_postmaster WITH CHECK (org_id = (SELECT auth.org_id()));
CREATE POLICY postmaster_select ON alert_lane FOR SELECT TO augentis_postmaster USING (true);
CREATE POLICY postmaster_update ON alert_lane FOR UPDATE TO augentis_postmaster USING (true) WITH CHECK (true);

REVOKE ALL ON FUNCTION public.take_places(uuid, uuid, integer), public.promote_heads(uuid, uuid, uuid[]),
    public.revive_deliveries(uuid, uuid[]), public.replay_delivery(uuid), public.test_channel(uuid),
    public.wake_lane() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.take_places(uuid, uuid, integer), public.promote_heads(uuid, uuid, uuid[]),
    public.revive_deliveries(uuid, uuid[]) TO augentis_worker, augentis_postmaster;
GRANT EXECUTE ON FUNCTION public.replay_delivery(uuid), public.test_channel(uuid) TO augentis_api;
GRANT CREATE ON SCHEMA public TO augentis_postmaster;
ALTER FUNCTION public.replay_delivery(uuid) OWNER TO augentis_postmaster;
ALTER FUNCTION public.test_channel(uuid) OWNER TO augentis_postmaster;
ALTER FUNCTION public.wake_lane() OWNER TO augentis_postmaster;
REVOKE CREATE ON SCHEMA public FROM augentis_postmaster;
SET LOCAL row_security = off;
