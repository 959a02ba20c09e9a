-- As it was, and chained: what each entry's hash is goes to audit_pending, to be linked at the transaction's end.
-- From where and with what a person asked, and why, stands in their signed claims. What belongs to a person stands
-- apart (`personal`): e-mail, name and the provider's id of people and of who is invited.
SET LOCAL row_security = on;

CREATE OR REPLACE FUNCTION auth.audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET row_security = on SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    happened timestamptz := clock_timestamp();
    claims jsonb := auth.claims();
    kind text := CASE WHEN claims ? 'key_id' THEN 'key'
                      WHEN claims ? 'sub' OR claims ? 'identity' THEN 'user' ELSE 'role' END;
    ip text := claims #>> '{client,ip}';
    agent text := claims #>> '{client,agent}';
    client text := CASE WHEN ip IS NOT NULL OR agent IS NOT NULL THEN auth.audit_client_text(ip, agent) END;
    ours text[] := CASE WHEN TG_ARGV[0] IN ('User', 'Invitation') THEN '{email,full_name,auth_provider_id}' END;
    link uuid := gen_random_uuid();
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
    WITH told AS MATERIALIZED (
        SELECT whose.org_id, r.part, changed.before, changed.after,
               row_number() OVER (PARTITION BY whose.org_id ORDER BY c.nth) - 1 AS place,
               CASE WHEN c.old IS NULL THEN 'CREATE'
                    WHEN c.new IS NULL THEN 'DELETE'
                    WHEN TG_ARGV[0] = 'Artifact' AND changed.after ->> 'status' = 'APPROVED' THEN 'APPROVE'
                    WHEN TG_ARGV[0] = 'Evidence' AND changed.after ->> 'escalation_status' = 'ESCALATED'
                        THEN 'ESCALATE'
                    WHEN TG_ARGV[0] = 'PhaseGateDecision' AND changed.after ? 'override_at' THEN 'OVERRIDE'
                    WHEN escalated.raised THEN 'ESCALATE'
                    ELSE 'UPDATE' END AS action,
               CASE WHEN escalated.raised THEN current_setting('augentis.evidence')::jsonb END AS evidence,
               CASE WHEN client IS NOT NULL THEN uuid_send(gen_random_uuid()) END AS client_salt,
               CASE WHEN coalesce(changed.before, changed.after) ?| ours THEN uuid_send(gen_random_uuid()) END
                   AS personal_salt
        FROM unnest(olds, news) WITH ORDINALITY AS c (old, new, nth)
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
              AND k.key <> ALL (
                  '{secret_sha256, updated_at, last_updated_by, last_login_at, last_used_at, seen_at, revision}')
              AND (k.key <> 'version' OR c.old IS NULL OR c.new IS NULL)
        ) AS changed
        CROSS JOIN LATERAL (
            -- A tier changes inside a trigger by raise_evidence_tier() alone, which has just set augentis.evidence,
            -- so that nobody's own setting is believed.
            SELECT TG_OP = 'UPDATE' AND TG_ARGV[0] = 'Artifact' AND pg_trigger_depth() > 1
                   AND changed.after ? 'evidence_tier' AS raised
        ) AS escalated
        WHERE whose.org_id IS NOT NULL AND coalesce(changed.before, changed.after) IS NOT NULL
    ), entry AS MATERIALIZED (
        -- In the order of the table's columns.
        SELECT ROW(
            t.org_id, happened, gen_random_uuid(),
            CASE TG_ARGV[0] WHEN 'Project' THEN t.part ->> 'id' ELSE t.part ->> 'project_id' END::uuid,
            kind,
            -- Who signs in acts on what is theirs alone: their membership, their invitation.
            CASE WHEN claims ? 'identity' THEN coalesce(t.part ->> 'accepted_by', t.part ->> 'user_id')::uuid
                 WHEN kind = 'role' THEN auth.role_id(session_user)
                 ELSE coalesce(claims ->> 'key_id', claims ->> 'sub')::uuid END,
            CASE kind WHEN 'role' THEN session_user END,
            t.action, TG_ARGV[0], (t.part ->> TG_ARGV[1])::uuid,
            CASE WHEN t.personal_salt IS NULL THEN t.before ELSE t.before - ours END,
            CASE WHEN t.evidence IS NOT NULL THEN t.after || jsonb_build_object('evidence', t.evidence)
                 WHEN t.personal_salt IS NULL THEN t.after ELSE t.after - ours END,
            ip, agent,
            coalesce(claims #>> '{client,rationale}', t.after ->> 'override_reason'),
            t.place, t.client_salt, sha256(t.client_salt || convert_to(client, 'UTF8')),
            link, p.personal, t.personal_salt, sha256(t.personal_salt || convert_to(p.personal::text, 'UTF8'))
        )::public.audit_log AS e
        FROM told AS t CROSS JOIN LATERAL (
            SELECT CASE WHEN t.personal_salt IS NOT NULL THEN jsonb_build_object(
                'before', (SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(t.before) AS k WHERE k.key = ANY (ours)),
                'after', (SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(t.after) AS k WHERE k.key = ANY (ours))
            ) END AS personal
        ) AS p
    ), written AS (
        INSERT INTO public.audit_log SELECT (entry.e).* FROM entry
    )
    INSERT INTO public.audit_pending (org_id, transaction, link_id, began, leaves)
    SELECT (entry.e).org_id, pg_current_xact_id()::text::bigint, link, happened,
           string_agg(sha256(convert_to(auth.audit_text(entry.e), 'UTF8')), ''::bytea ORDER BY (entry.e).place)
    FROM entry GROUP BY (entry.e).org_id;
    RETURN NULL;
END
$$;

SET LOCAL row_security = off;
