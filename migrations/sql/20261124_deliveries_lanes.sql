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
CREATE FUNCTION public.wake_lane() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

GRANT SELECT, DELETE ON alert_delivery, alert_lane TO augentis_archivist;
CREATE POLICY archivist_select ON alert_delivery FOR SELECT TO augentis_archivist
USING (org_id = (SELECT auth.operated_org()));
CREATE POLICY archivist_delete ON alert_delivery FOR DELETE TO augentis_archivist
USING (org_id = (SELECT auth.closed_org()));
CREATE POLICY archivist_select ON alert_lane FOR SELECT TO augentis_archivist
USING (org_id = (SELECT auth.operated_org()));
CREATE POLICY archivist_delete ON alert_lane FOR DELETE TO augentis_archivist
USING (org_id = (SELECT auth.closed_org()));

GRANT USAGE ON SCHEMA auth, public TO augentis_postmaster;
GRANT SELECT ON alert_lane, alert_delivery TO augentis_postmaster;
GRANT UPDATE (failures, open_until, due_at) ON alert_lane TO augentis_postmaster;
CREATE POLICY postmaster_select ON alert_lane FOR SELECT TO augentis_postmaster USING (true);
CREATE POLICY postmaster_update ON alert_lane FOR UPDATE TO augentis_postmaster USING (true) WITH CHECK (true);

REVOKE ALL ON FUNCTION public.take_places(uuid, uuid, integer), public.promote_heads(uuid, uuid, uuid[]),
    public.wake_lane() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.take_places(uuid, uuid, integer), public.promote_heads(uuid, uuid, uuid[])
TO augentis_worker;
GRANT CREATE ON SCHEMA public TO augentis_postmaster;
ALTER FUNCTION public.wake_lane() OWNER TO augentis_postmaster;
REVOKE CREATE ON SCHEMA public FROM augentis_postmaster;
SET LOCAL row_security = off;
