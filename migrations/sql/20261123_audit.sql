-- Who changed what, when: written by the database itself, so that no code can forget or forge it.

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE audit_log (
    org_id UUID NOT NULL,
    timestamp TIMESTAMP WITH TIME ZONE NOT NULL,
    id UUID NOT NULL,
    project_id UUID,
    actor_kind TEXT NOT NULL,
    actor_id UUID NOT NULL,
    actor_name TEXT,
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id UUID NOT NULL,
    changes_before JSONB,
    changes_after JSONB,
    ip_address TEXT,
    user_agent TEXT,
    rationale TEXT,
    sequence BIGINT,
    prev_hash BYTEA,
    hash BYTEA,
    CONSTRAINT pk_audit_log PRIMARY KEY (org_id, timestamp, id),
    CONSTRAINT ck_audit_log_actor_kind CHECK (actor_kind IN ('user', 'key', 'role')),
    CONSTRAINT ck_audit_log_actor_name CHECK ((actor_kind = 'role') = (actor_name IS NOT NULL)),
    CONSTRAINT ck_audit_log_action CHECK (action IN ('CREATE', 'UPDATE', 'DELETE', 'APPROVE', 'OVERRIDE', 'ESCALATE')),
    CONSTRAINT ck_audit_log_resource_type CHECK (resource_type IN ('Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess', 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey'))
) PARTITION BY RANGE (timestamp);
CREATE INDEX ix_audit_log_resource ON audit_log (org_id, resource_type, resource_id, timestamp DESC);

-- The id of a login that acts for nobody: a UUID that follows from its name (RFC 9562, version 8). Version 5
-- would need SHA-1, which PostgreSQL has in an extension only.
CREATE FUNCTION auth.role_id(login text) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | 128), 8, get_byte(h, 8) & 63 | 128), 'hex')::uuid
    FROM (SELECT substring(sha256(convert_to('role/' || login, 'UTF8')) FOR 16) AS h) AS hashed
$$;

-- After a statement, for all of its rows. Arguments: what a row is called, the column of its id, and one more
-- of its key where two rows may share that. A row that only says when it was used, or by whom, has not changed.
CREATE FUNCTION auth.audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET row_security = on SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    happened timestamptz := clock_timestamp();
    claims jsonb := auth.claims();
    kind text := CASE WHEN claims ? 'key_id' THEN 'key'
                      WHEN claims ? 'sub' OR claims ? 'identity' THEN 'user' ELSE 'role' END;
    olds jsonb[];
    news jsonb[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(NULL::jsonb), array_agg(to_jsonb(n)) INTO olds, news FROM new_rows AS n;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(to_jsonb(o)), array_agg(NULL::jsonb) INTO olds, news FROM old_rows AS o;
    ELSE
        SELECT array_agg(o.part), array_agg(n.part) INTO olds, news
        FROM (SELECT to_jsonb(o) AS part FROM old_rows AS o) AS o
        FULL JOIN (SELECT to_jsonb(n) AS part FROM new_rows AS n) AS n
        ON concat_ws('/', o.part ->> 'org_id', o.part ->> TG_ARGV[1], o.part ->> TG_ARGV[2])
         = concat_ws('/', n.part ->> 'org_id', n.part ->> TG_ARGV[1], n.part ->> TG_ARGV[2]);
    END IF;
    IF olds IS NULL THEN
        RETURN NULL;
    END IF;
    -- Made ahead as long as a worker runs; but nobody's edit may fail for want of a month.
    IF to_regclass('public.audit_log_' || to_char(happened AT TIME ZONE 'UTC', 'YYYY_MM')) IS NULL THEN
        PERFORM public.ensure_partitions('{audit_log}', ARRAY[(happened AT TIME ZONE 'UTC')::date]);
    END IF;
    INSERT INTO public.audit_log (org_id, timestamp, id, project_id, actor_kind, actor_id, actor_name, action,
                                  resource_type, resource_id, changes_before, changes_after)
    SELECT whose.org_id, happened, gen_random_uuid(),
           CASE TG_ARGV[0] WHEN 'Project' THEN r.part ->> 'id' ELSE r.part ->> 'project_id' END::uuid,
           kind,
           -- Who signs in acts on what is theirs alone: their membership, their invitation.
           CASE WHEN claims ? 'identity' THEN coalesce(r.part ->> 'accepted_by', r.part ->> 'user_id')::uuid
                WHEN kind = 'role' THEN auth.role_id(session_user)
                ELSE coalesce(claims ->> 'key_id', claims ->> 'sub')::uuid END,
           CASE kind WHEN 'role' THEN session_user END,
           CASE WHEN c.old IS NULL THEN 'CREATE'
                WHEN c.new IS NULL THEN 'DELETE'
                WHEN TG_ARGV[0] = 'Artifact' AND changed.after ->> 'status' = 'APPROVED' THEN 'APPROVE'
                ELSE 'UPDATE' END,
           TG_ARGV[0], (r.part ->> TG_ARGV[1])::uuid, changed.before, changed.after
    FROM unnest(olds, news) AS c (old, new)
    CROSS JOIN LATERAL (SELECT coalesce(c.new, c.old) AS part) AS r
    CROSS JOIN LATERAL (
        -- A person has no organisation of their own: theirs is the one that the token is for.
        SELECT CASE TG_ARGV[0] WHEN 'Organization' THEN r.part ->> 'id' WHEN 'User' THEN claims ->> 'org_id'
               ELSE r.part ->> 'org_id' END::uuid AS org_id
    ) AS whose
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.old IS NOT NULL THEN jsonb_object_agg(k.key, c.old -> k.key) END AS before,
               CASE WHEN c.new IS NOT NULL THEN jsonb_object_agg(k.key, c.new -> k.key) END AS after
        FROM jsonb_object_keys(r.part) AS k (key)
        WHERE nullif(c.old -> k.key, 'null') IS DISTINCT FROM nullif(c.new -> k.key, 'null')
          AND k.key <> ALL ('{secret_sha256, updated_at, last_updated_by, last_login_at, last_used_at, revision}')
          AND (k.key <> 'version' OR c.old IS NULL OR c.new IS NULL)
    ) AS changed
    WHERE whose.org_id IS NOT NULL AND coalesce(changed.before, changed.after) IS NOT NULL;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION auth.role_id(text), auth.audit() FROM PUBLIC;
SET LOCAL row_security = off;
