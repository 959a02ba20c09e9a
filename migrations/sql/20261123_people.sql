-- One organisation taken out whole, one person made nobody: each bound by signed claims of its own kind, so that
-- what a statement forgets to say, row security says (ADR 0022).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

ALTER TABLE organization ADD COLUMN closed_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE app_user
    ADD COLUMN erased_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT ck_app_user_erased CHECK (
        erased_at IS NULL OR (auth_provider_id IS NULL AND full_name = 'Erased user'
                              AND email = 'erased-' || id::text || '@invalid.invalid'));

CREATE TABLE organization_tombstone (
    org_id UUID NOT NULL,
    slug_sha256 BYTEA NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_by TEXT NOT NULL,
    audit_sequence BIGINT,
    audit_hash BYTEA,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_organization_tombstone PRIMARY KEY (org_id),
    CONSTRAINT ck_organization_tombstone_slug_sha256 CHECK (octet_length(slug_sha256) = 32)
);

-- The organisation that an operator works on: the command signs for one, and for no person. A definer's, since a
-- cursor asks as whoever fetches from it.
CREATE FUNCTION auth.operated_org() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT (auth.claims() ->> 'operates')::uuid $$;

-- The same, if it is closed, or gone already: what may be deleted.
CREATE FUNCTION auth.closed_org() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id FROM public.organization AS o WHERE o.id = auth.operated_org() AND o.closed_at IS NOT NULL
    UNION ALL
    SELECT t.org_id FROM public.organization_tombstone AS t WHERE t.org_id = auth.operated_org()
    LIMIT 1
$$;

-- The person whom a command erases, or who asks for it, in claims of that request alone and by no token of one
-- workspace.
CREATE FUNCTION auth.erased_user() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT c.claims ? 'workspace_id' THEN c.claims ->> 'erases' END::uuid
    FROM (SELECT auth.claims() AS claims) AS c
$$;

-- For the operator alone: which organisation a slug or an id means, also one whose deletion was interrupted.
CREATE FUNCTION auth.find_organization(org text)
RETURNS TABLE (org_id uuid, slug text, closed_at timestamptz, deleted_at timestamptz, finished_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.slug, o.closed_at, NULL::timestamptz, NULL::timestamptz FROM public.organization AS o
    WHERE o.slug = find_organization.org OR o.id::text = lower(find_organization.org)
    UNION ALL
    -- By its slug as long as it is not done with; another may bear that by now.
    SELECT t.org_id, NULL, t.closed_at, t.deleted_at, t.finished_at FROM public.organization_tombstone AS t
    WHERE t.org_id::text = lower(find_organization.org)
       OR (t.slug_sha256 = sha256(convert_to(find_organization.org, 'UTF8')) AND t.finished_at IS NULL)
$$;

CREATE FUNCTION auth.find_user(person text) RETURNS TABLE (user_id uuid, email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.email FROM public.app_user AS u
    WHERE lower(u.email) = lower(find_user.person) OR u.id::text = lower(find_user.person)
$$;

-- Opens a cursor on the rows of a table as JSON, in the order of its key, with the columns that may leave.
CREATE FUNCTION auth.export_rows(of_table text, named refcursor) RETURNS refcursor
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found regclass := to_regclass(format('public.%I', of_table));
    columns text;
    key text;
BEGIN
    IF auth.operated_org() IS NULL THEN
        RAISE EXCEPTION 'no organisation is named by the claims' USING ERRCODE = '42501';
    END IF;
    SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum) INTO columns FROM pg_attribute AS a
    WHERE a.attrelid = found AND a.attnum > 0 AND NOT a.attisdropped
      AND has_column_privilege(a.attrelid, a.attnum, 'SELECT');
    IF columns IS NULL THEN
        RAISE EXCEPTION 'nothing of table % is exported', of_table USING ERRCODE = '42501';
    END IF;
    SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY k.place) INTO key
    FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = found AND i.indisprimary;
    OPEN named NO SCROLL FOR EXECUTE format(
        'SELECT row_to_json(r)::text FROM (SELECT %s FROM public.%I AS t ORDER BY %s) AS r', columns, of_table, key);
    RETURN named;
END
$$;

CREATE FUNCTION auth.count_rows(of_table text) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM public.%I', of_table) INTO found;
    RETURN found;
END
$$;

-- Closes the organisation to everybody: members, invitations and keys end, workers know it no more.
CREATE FUNCTION auth.close_organization() RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := auth.operated_org();
    since timestamptz;
BEGIN
    UPDATE public.organization AS o SET closed_at = clock_timestamp() WHERE o.id = org AND o.closed_at IS NULL;
    SELECT o.closed_at INTO since FROM public.organization AS o WHERE o.id = org;
    IF since IS NULL THEN
        RAISE EXCEPTION 'there is no such organisation' USING ERRCODE = 'AG025';
    END IF;
    UPDATE public.organization_members AS m SET removed_at = since WHERE m.org_id = org AND m.removed_at IS NULL;
    UPDATE public.invitation AS i SET revoked_at = since
    WHERE i.org_id = org AND i.accepted_at IS NULL AND i.revoked_at IS NULL;
    UPDATE public.machine_key AS k SET revoked_at = since WHERE k.org_id = org AND k.revoked_at IS NULL;
    RETURN since;
END
$$;

-- Some rows of a closed organisation, `most` of them, in the order of the key and not before the place `after`:
-- what was deleted just now lies at the beginning until it is vacuumed, and must not be read again each time.
-- By the key, since a ctid is a partition's own. Returns how many they were, and the place to go on from.
CREATE FUNCTION auth.delete_rows(of_table text, most bigint, after jsonb, OUT gone bigint, OUT place jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key text[];
BEGIN
    IF auth.closed_org() IS NULL THEN
        RAISE EXCEPTION 'only what is of a closed organisation is deleted' USING ERRCODE = 'AG026';
    END IF;
    IF of_table IN ('organization', 'organization_tombstone') THEN
        RAISE EXCEPTION 'table % is not emptied', of_table USING ERRCODE = '42501';
    END IF;
    IF starts_with(of_table, 'audit_')
        AND EXISTS (SELECT FROM public.organization AS o WHERE o.id = auth.closed_org())
    THEN
        RAISE EXCEPTION 'the log goes last' USING ERRCODE = 'AG026';
    END IF;
    SELECT array_agg(quote_ident(a.attname) ORDER BY k.place) INTO key
    FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = to_regclass(format('public.%I', of_table)) AND i.indisprimary;
    EXECUTE format(
        'WITH those AS MATERIALIZED (
             SELECT s.* FROM jsonb_populate_record(NULL::public.%1$I, coalesce($3, ''{}'')) AS r
             CROSS JOIN LATERAL (SELECT t.%2$s FROM public.%1$I AS t WHERE t.org_id = $1 AND %4$s
                                 ORDER BY t.%2$s LIMIT $2) AS s
         ), gone AS (DELETE FROM public.%1$I AS t USING those AS s WHERE (t.%2$s) = (s.%3$s) RETURNING 1)
         SELECT (SELECT count(*) FROM gone), (SELECT to_jsonb(s) FROM those AS s ORDER BY s.%5$s DESC LIMIT 1)',
        of_table, array_to_string(key, ', t.'), array_to_string(key, ', s.'),
        CASE WHEN after IS NULL THEN 'true' ELSE format('(t.%s) >= (r.%s)', array_to_string(key[:3], ', t.'),
                                                        array_to_string(key[:3], ', r.')) END,
        array_to_string(key, ' DESC, s.'))
    INTO gone, place USING auth.closed_org(), most, after;
END
$$;

-- The last of its rows gives way to the tombstone: refused by a foreign key as long as anything hangs on it.
CREATE FUNCTION auth.bury_organization() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := auth.closed_org();
BEGIN
    INSERT INTO public.organization_tombstone (org_id, slug_sha256, closed_at, deleted_by)
    SELECT o.id, sha256(convert_to(o.slug, 'UTF8')), o.closed_at, session_user
    FROM public.organization AS o WHERE o.id = org;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only a closed organisation is deleted' USING ERRCODE = 'AG026';
    END IF;
    DELETE FROM public.organization AS o WHERE o.id = org;
END
$$;

-- The log has told of the deletion by now, in a transaction that is over: what stands last in it is what the
-- tombstone keeps.
CREATE FUNCTION auth.note_last_words() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.organization_tombstone AS t SET audit_sequence = l.sequence, audit_hash = l.hash
    FROM (SELECT a.sequence, a.hash FROM public.audit_link AS a WHERE a.org_id = auth.operated_org()
          ORDER BY a.sequence DESC LIMIT 1) AS l
    WHERE t.org_id = auth.operated_org() AND t.audit_sequence IS NULL;
END
$$;

CREATE FUNCTION auth.finish_burial() RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.organization_tombstone AS t SET finished_at = coalesce(t.finished_at, clock_timestamp())
    WHERE t.org_id = auth.operated_org()
      AND NOT EXISTS (SELECT FROM public.audit_log AS a WHERE a.org_id = auth.operated_org())
    RETURNING t.finished_at
$$;

-- Who was of the closed organisation, and is of no other.
CREATE FUNCTION auth.lonely_members() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.user_id FROM public.organization_members AS m
    WHERE m.org_id = auth.closed_org() AND NOT EXISTS (
        SELECT FROM public.organization_members AS o WHERE o.user_id = m.user_id AND o.removed_at IS NULL)
$$;

-- Makes a person nobody, everywhere at once; returns their id, NULL where a deletion meets somebody who has
-- come to belong somewhere. What they did stays, as the doing of a pseudonym.
CREATE FUNCTION auth.erase_user() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid := auth.erased_user();
    address text;
    pseudonym text := 'erased-' || who::text || '@invalid.invalid';
BEGIN
    -- The lock first: a sign-in that accepts an invitation waits, or is seen.
    SELECT u.email INTO address FROM public.app_user AS u WHERE u.id = who FOR UPDATE;
    IF address IS NULL THEN
        RAISE EXCEPTION 'the claims name nobody who could be erased' USING ERRCODE = '42501';
    END IF;
    IF auth.claims() ? 'operates' AND EXISTS (
        SELECT FROM public.organization_members AS m WHERE m.user_id = who AND m.removed_at IS NULL
    ) THEN
        RETURN NULL;
    END IF;
    UPDATE public.organization_members AS m SET removed_at = clock_timestamp()
    WHERE m.user_id = who AND m.removed_at IS NULL;
    DELETE FROM public.project_access AS a WHERE a.user_id = who;
    DELETE FROM public.idempotency_key AS k WHERE k.actor_id = who;
    UPDATE public.invitation AS i
    SET email = pseudonym,
        revoked_at = CASE WHEN i.accepted_at IS NULL THEN coalesce(i.revoked_at, clock_timestamp()) END
    WHERE lower(i.email) = lower(address);
    -- Twice: as long as the address is known what was told of invitations is found by it, and then there is what
    -- the log was told just now.
    PERFORM auth.erase_personal(who);
    UPDATE public.app_user AS u
    SET email = pseudonym, full_name = 'Erased user', auth_provider_id = NULL, last_login_at = NULL,
        erased_at = coalesce(u.erased_at, clock_timestamp())
    WHERE u.id = who;
    PERFORM auth.erase_personal(who);
    RETURN who;
END
$$;

-- Who is erased comes back to nothing, also where an invitation was being accepted meanwhile. The registrar does
-- not see whoever is erased, and a statement of its own sees what was committed while the row waited.
CREATE FUNCTION public.keep_erased_out() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.app_user AS u WHERE u.id = NEW.user_id FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the person was erased' USING ERRCODE = 'AG006';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_erased_out AFTER INSERT OR UPDATE OF removed_at ON public.organization_members
FOR EACH ROW WHEN (NEW.removed_at IS NULL) EXECUTE FUNCTION public.keep_erased_out();

-- What an agent said when it failed may name people: of executions that ended before `moment` some, `most` of
-- them, forget it. The row stays, with what it cost. Returns how many they were.
CREATE FUNCTION public.forget_executions(moment timestamptz, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH forgotten AS (
        UPDATE public.agent_execution AS e SET error_message = 'forgotten'
        WHERE (e.org_id, e.id) IN (
            SELECT o.org_id, o.id FROM public.agent_execution AS o
            WHERE o.completed_at < forget_executions.moment AND o.error_message <> 'forgotten'
            LIMIT forget_executions.most)
        RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

-- As before; and what is closed needs nobody any more.
CREATE OR REPLACE FUNCTION public.keep_an_admin() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.role_in_org <> 'ADMIN' OR OLD.removed_at IS NOT NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('admins of ' || OLD.org_id::text, 0));
    IF NOT EXISTS (
        SELECT FROM public.organization_members AS m
        WHERE m.org_id = OLD.org_id AND m.role_in_org = 'ADMIN' AND m.removed_at IS NULL
    ) AND NOT EXISTS (
        SELECT FROM public.organization AS o WHERE o.id = OLD.org_id AND o.closed_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'the organisation would be left without an ADMIN' USING ERRCODE = 'AG002';
    END IF;
    RETURN NULL;
END
$$;

SET LOCAL row_security = off;
