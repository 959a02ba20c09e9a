-- The audit log as a chain: one link a statement and organisation, each holding the hash of the one before.

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

-- No column of it was filled so far: those of the chain become what an entry is committed by.
ALTER TABLE audit_log RENAME COLUMN sequence TO place;
ALTER TABLE audit_log RENAME COLUMN prev_hash TO client_salt;
ALTER TABLE audit_log RENAME COLUMN hash TO client_digest;
ALTER TABLE audit_log ADD COLUMN link_id UUID, ADD COLUMN personal JSONB, ADD COLUMN personal_salt BYTEA,
    ADD COLUMN personal_digest BYTEA;

CREATE TABLE audit_link (
    org_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    link_id UUID NOT NULL,
    began TIMESTAMP WITH TIME ZONE NOT NULL,
    linked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    prev_hash BYTEA NOT NULL,
    leaves BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_audit_link PRIMARY KEY (org_id, sequence)
);
-- What a transaction has told and not linked: empty whenever none is open, so that a crash takes nothing.
CREATE UNLOGGED TABLE audit_pending (
    org_id UUID NOT NULL,
    place BIGINT GENERATED ALWAYS AS IDENTITY,
    transaction BIGINT NOT NULL,
    link_id UUID NOT NULL,
    began TIMESTAMP WITH TIME ZONE NOT NULL,
    leaves BYTEA NOT NULL,
    CONSTRAINT pk_audit_pending PRIMARY KEY (org_id, place)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX ix_audit_pending_transaction ON audit_pending (transaction);
-- A row an organisation, locked by who links: nothing is ever changed in it.
CREATE TABLE audit_chain (
    org_id UUID NOT NULL,
    CONSTRAINT pk_audit_chain PRIMARY KEY (org_id)
);
CREATE TABLE audit_checkpoint (
    org_id UUID NOT NULL,
    dropped_before TIMESTAMP WITH TIME ZONE NOT NULL,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    entries BIGINT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    signature BYTEA NOT NULL,
    CONSTRAINT pk_audit_checkpoint PRIMARY KEY (org_id, dropped_before),
    CONSTRAINT ck_audit_checkpoint_whole_months CHECK (
        dropped_before = date_trunc('month', dropped_before AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
);
CREATE TABLE audit_head (
    org_id UUID NOT NULL,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_audit_head PRIMARY KEY (org_id)
);

-- What an entry's hash is of. What belongs to people stands in it as a commitment alone, so that it can be erased.
CREATE FUNCTION auth.audit_text(e public.audit_log) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'org_id', e.org_id, 'id', e.id, 'project_id', e.project_id,
        'at', pg_catalog.to_char(e.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'actor_kind', e.actor_kind, 'actor_id', e.actor_id, 'actor_name', e.actor_name, 'action', e.action,
        'resource_type', e.resource_type, 'resource_id', e.resource_id, 'before', e.changes_before,
        'after', e.changes_after, 'rationale', e.rationale, 'client', pg_catalog.encode(e.client_digest, 'hex'),
        'personal', pg_catalog.encode(e.personal_digest, 'hex'))::text
$$;

CREATE FUNCTION auth.audit_link_text(l public.audit_link) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.jsonb_build_object(
        'org_id', l.org_id, 'sequence', l.sequence, 'link_id', l.link_id,
        'began', pg_catalog.to_char(l.began AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'linked_at', pg_catalog.to_char(l.linked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'prev_hash', pg_catalog.encode(l.prev_hash, 'hex'), 'leaves', pg_catalog.encode(l.leaves, 'hex'))::text
$$;

CREATE FUNCTION auth.audit_client_text(ip_address text, user_agent text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.jsonb_build_array(ip_address, user_agent)::text
$$;

-- The next link of an organisation's chain, after what is known to be the last one.
CREATE FUNCTION auth.audit_next(last public.audit_link, pending public.audit_pending) RETURNS public.audit_link
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made public.audit_link;
BEGIN
    made.org_id := pending.org_id;
    made.sequence := coalesce(last.sequence, 0) + 1;
    made.link_id := pending.link_id;
    made.began := pending.began;
    made.linked_at := greatest(clock_timestamp(), last.linked_at);
    made.prev_hash := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    made.leaves := pending.leaves;
    made.hash := sha256(convert_to(auth.audit_link_text(made), 'UTF8'));
    RETURN made;
END
$$;

-- At the transaction's end, when nothing else is left to lock: two transactions cannot wait for one another here,
-- whatever they locked before, and an organisation's writers queue for the length of a commit. Organisations
-- in the order of their ids, all of them at the first call.
CREATE FUNCTION auth.audit_link() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    pending public.audit_pending;
    last public.audit_link;
BEGIN
    FOR pending IN
        WITH mine AS (
            DELETE FROM public.audit_pending AS p WHERE p.transaction = pg_current_xact_id()::text::bigint
            RETURNING p.*
        )
        SELECT * FROM mine ORDER BY mine.org_id, mine.place
    LOOP
        IF last.org_id IS DISTINCT FROM pending.org_id THEN
            PERFORM FROM public.audit_chain AS c WHERE c.org_id = pending.org_id FOR UPDATE;
            IF NOT FOUND THEN
                INSERT INTO public.audit_chain (org_id) VALUES (pending.org_id) ON CONFLICT DO NOTHING;
                PERFORM FROM public.audit_chain AS c WHERE c.org_id = pending.org_id FOR UPDATE;
            END IF;
            SELECT l.* INTO last FROM public.audit_link AS l
            WHERE l.org_id = pending.org_id ORDER BY l.sequence DESC LIMIT 1;
        END IF;
        last := auth.audit_next(last, pending);
        -- No conflict in READ COMMITTED; a transaction that sees an older end of the chain is told to try again.
        INSERT INTO public.audit_link SELECT last.* ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER link_at_commit AFTER INSERT ON audit_pending
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION auth.audit_link();

-- For whoever takes a person's data out (ADR 0022), and the only thing that may: what the log holds of them is
-- taken away, and the chain still holds, since an entry's hash has a salted digest of it alone. Of what they did:
-- from where and with what; of what was told of them: e-mail, name, the provider's id; invitations to any e-mail
-- address they ever had. Call it last in the transaction: the erasure's own change of app_user is told, too, with
-- the values before. Returns how many entries lost something. EXECUTE is nobody's yet: grant it to the role that
-- owns the calling function.
CREATE FUNCTION auth.erase_personal(who uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    addresses text[];
    clients bigint;
    others bigint;
BEGIN
    SELECT coalesce(array_agg(DISTINCT lower(a.address)), '{}') INTO addresses FROM (
        SELECT u.email FROM public.app_user AS u WHERE u.id = erase_personal.who
        UNION ALL
        SELECT v.email FROM public.audit_log AS e,
            unnest(ARRAY[e.personal #>> '{before,email}', e.personal #>> '{after,email}']) AS v (email)
        WHERE e.resource_type = 'User' AND e.resource_id = erase_personal.who AND v.email IS NOT NULL
    ) AS a (address);
    WITH gone AS (
        UPDATE public.audit_log AS e SET ip_address = NULL, user_agent = NULL, client_salt = NULL
        WHERE e.actor_id = erase_personal.who AND e.client_salt IS NOT NULL RETURNING 1
    )
    SELECT count(*) INTO clients FROM gone;
    WITH gone AS (
        UPDATE public.audit_log AS e SET personal = NULL, personal_salt = NULL
        WHERE e.personal_salt IS NOT NULL AND CASE e.resource_type
            WHEN 'User' THEN e.resource_id = erase_personal.who
            ELSE lower(e.personal #>> '{before,email}') = ANY (addresses)
                 OR lower(e.personal #>> '{after,email}') = ANY (addresses) END
        RETURNING 1
    )
    SELECT count(*) INTO others FROM gone;
    RETURN clients + others;
END
$$;

-- Whether the months that end at `before` or earlier may go: what becomes of each chain has been written down.
CREATE FUNCTION auth.audit_is_told(before date) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
    SELECT NOT EXISTS (
        SELECT FROM public.audit_chain AS c
        WHERE EXISTS (SELECT FROM public.audit_link AS l
                      WHERE l.org_id = c.org_id AND l.began < audit_is_told.before::timestamp AT TIME ZONE 'UTC')
          AND NOT EXISTS (SELECT FROM public.audit_checkpoint AS p
                          WHERE p.org_id = c.org_id
                            AND p.dropped_before >= audit_is_told.before::timestamp AT TIME ZONE 'UTC')
    )
$$;

-- Links that a checkpoint stands for, once their entries are gone; the last of them stays, for the next to hold on to.
CREATE FUNCTION auth.drop_audit_links() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
    WITH gone AS (
        DELETE FROM public.audit_link AS l USING (
            SELECT p.org_id, max(p.sequence) AS sequence FROM public.audit_checkpoint AS p
            WHERE p.dropped_before <= now() - interval '35 days' AND NOT EXISTS (
                SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'public.audit_log'::regclass
                  AND to_date(right(c.relname, 7), 'YYYY_MM') < (p.dropped_before AT TIME ZONE 'UTC')::date
            ) GROUP BY p.org_id
        ) AS told
        WHERE l.org_id = told.org_id AND l.sequence < told.sequence RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- As it was, but for the log: none of its months goes untold.
CREATE OR REPLACE FUNCTION public.drop_partitions(tables text[], before date, most integer) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    part text;
BEGIN
    IF before > (now() AT TIME ZONE 'UTC')::date - 35 THEN
        RAISE EXCEPTION 'months are kept for 35 days at least' USING ERRCODE = '22023';
    END IF;
    IF 'audit_log' = ANY (tables) AND NOT auth.audit_is_told(before) THEN
        RAISE EXCEPTION 'a month of the audit log goes after its checkpoint' USING ERRCODE = '55000';
    END IF;
    PERFORM pg_advisory_xact_lock(x'4175676d'::bigint);
    FOR part IN
        SELECT found.part FROM (
            SELECT c.relname AS part, right(c.relname, 7) AS month, array_position(tables, p.relname::text) AS place,
                   dense_rank() OVER (ORDER BY right(c.relname, 7)) AS age
            FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            JOIN pg_class AS p ON p.oid = i.inhparent
            WHERE p.relnamespace = 'public'::regnamespace AND p.relname = ANY (tables)
              AND p.relkind = 'p' AND p.relowner = current_user::regrole
              AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= before
        ) AS found
        WHERE found.age <= most ORDER BY found.place, found.month
    LOOP
        EXECUTE format('DROP TABLE public.%I', part);
        RETURN NEXT part;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION auth.audit_text(public.audit_log), auth.audit_link_text(public.audit_link),
    auth.audit_client_text(text, text), auth.audit_next(public.audit_link, public.audit_pending), auth.audit_link(),
    auth.erase_personal(uuid), auth.audit_is_told(date), auth.drop_audit_links() FROM PUBLIC;
SET LOCAL row_security = off;
