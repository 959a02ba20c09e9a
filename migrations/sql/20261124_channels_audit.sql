-- As it was, but for channels: their sealed secrets are told to nobody, their settings are a person's, since they
-- name who is written to, and whoever is erased is named no more.
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
    ours text[] := CASE WHEN TG_ARGV[0] IN ('User', 'Invitation') THEN '{email,full_name,auth_provider_id}'
                        WHEN TG_ARGV[0] = 'AlertChannel' THEN '{settings}' END;
    link uuid := gen_random_uuid();
    actor uuid := CASE kind WHEN 'role' THEN auth.role_id(session_user)
                            ELSE coalesce(claims ->> 'key_id', claims ->> 'sub')::uuid END;
    olds jsonb[];
    news jsonb[];
    old jsonb;
    new jsonb;
    part jsonb;
    raised boolean;
    places jsonb := '{}';
    e public.audit_log;
    entries public.audit_log[];
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
    e.timestamp := happened;
    e.actor_kind := kind;
    e.actor_id := actor;
    e.actor_name := CASE kind WHEN 'role' THEN session_user END;
    e.resource_type := TG_ARGV[0];
    e.ip_address := ip;
    e.user_agent := agent;
    e.link_id := link;
    -- A row at a time, in plain expressions: most statements are of one, and a query for all would cost them more.
    FOR nth IN 1 .. cardinality(olds) LOOP
        old := olds[nth];
        new := news[nth];
        part := coalesce(new, old);
        -- A person has no organisation of their own: theirs is the one that the token is for.
        e.org_id := CASE TG_ARGV[0] WHEN 'Organization' THEN part ->> 'id' WHEN 'User' THEN claims ->> 'org_id'
                    ELSE part ->> 'org_id' END;
        CONTINUE WHEN e.org_id IS NULL;
        SELECT CASE WHEN old IS NOT NULL THEN jsonb_object_agg(k.key, old -> k.key) END,
               CASE WHEN new IS NOT NULL THEN jsonb_object_agg(k.key, k.value) END
          INTO e.changes_before, e.changes_after
        FROM jsonb_each(part) AS k (key, value)
        WHERE CASE WHEN old IS NULL OR new IS NULL THEN k.value <> 'null'
                   ELSE k.value IS DISTINCT FROM old -> k.key AND k.key <> 'version' END
          AND k.key <> ALL (
              '{secret_sha256, sealed, updated_at, last_updated_by, last_login_at, last_used_at, seen_at, revision}');
        CONTINUE WHEN e.changes_before IS NULL AND e.changes_after IS NULL;
        -- A tier changes inside a trigger by raise_evidence_tier() alone, which has just set augentis.evidence,
        -- so that nobody's own setting is believed.
        raised := TG_OP = 'UPDATE' AND TG_ARGV[0] = 'Artifact' AND pg_trigger_depth() > 1
                  AND e.changes_after ? 'evidence_tier';
        e.action := CASE
            WHEN old IS NULL THEN 'CREATE'
            WHEN new IS NULL THEN 'DELETE'
            WHEN TG_ARGV[0] = 'Artifact' AND e.changes_after ->> 'status' = 'APPROVED' THEN 'APPROVE'
            WHEN TG_ARGV[0] = 'Evidence' AND e.changes_after ->> 'escalation_status' = 'ESCALATED' THEN 'ESCALATE'
            WHEN TG_ARGV[0] = 'PhaseGateDecision' AND e.changes_after ? 'override_at' THEN 'OVERRIDE'
            WHEN raised THEN 'ESCALATE'
            ELSE 'UPDATE' END;
        IF raised THEN
            e.changes_after := e.changes_after
                || jsonb_build_object('evidence', current_setting('augentis.evidence')::jsonb);
        END IF;
        e.id := gen_random_uuid();
        e.project_id := CASE TG_ARGV[0] WHEN 'Project' THEN part ->> 'id' ELSE part ->> 'project_id' END;
        e.resource_id := part ->> TG_ARGV[1];
        -- Who signs in acts on what is theirs alone: their membership, their invitation.
        IF claims ? 'identity' THEN
            e.actor_id := coalesce(part ->> 'accepted_by', part ->> 'user_id');
        END IF;
        e.rationale := coalesce(claims #>> '{client,rationale}', e.changes_after ->> 'override_reason');
        e.place := coalesce(places ->> e.org_id::text, '0');
        places := places || jsonb_build_object(e.org_id, e.place + 1);
        IF client IS NOT NULL THEN
            e.client_salt := uuid_send(gen_random_uuid());
            e.client_digest := sha256(e.client_salt || convert_to(client, 'UTF8'));
        END IF;
        IF ours IS NOT NULL THEN
            e.personal := NULL;
            e.personal_salt := NULL;
            e.personal_digest := NULL;
            IF coalesce(e.changes_before, e.changes_after) ?| ours THEN
                SELECT jsonb_build_object('before', jsonb_object_agg(k.key, e.changes_before -> k.key)
                                                    FILTER (WHERE e.changes_before ? k.key),
                                          'after', jsonb_object_agg(k.key, e.changes_after -> k.key)
                                                   FILTER (WHERE e.changes_after ? k.key))
                  INTO e.personal FROM unnest(ours) AS k (key);
                e.personal_salt := uuid_send(gen_random_uuid());
                e.personal_digest := sha256(e.personal_salt || convert_to(e.personal::text, 'UTF8'));
                e.changes_before := e.changes_before - ours;
                e.changes_after := e.changes_after - ours;
            END IF;
        END IF;
        entries := entries || e;
    END LOOP;
    IF entries IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.audit_log SELECT u.* FROM unnest(entries) AS u;
    INSERT INTO public.audit_pending (org_id, transaction, link_id, began, leaves)
    SELECT u.org_id, pg_current_xact_id()::text::bigint, link, happened,
           string_agg(sha256(convert_to(auth.audit_text(u), 'UTF8')), ''::bytea ORDER BY u.place)
    FROM unnest(entries) AS u GROUP BY u.org_id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION auth.erase_personal(who uuid) RETURNS bigint
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
            WHEN 'AlertChannel' THEN EXISTS (
                SELECT FROM unnest(ARRAY[e.personal #> '{before,settings,to}', e.personal #> '{after,settings,to}'])
                    AS t (listed), jsonb_array_elements_text(t.listed) AS a (address)
                WHERE lower(a.address) = ANY (addresses))
            ELSE lower(e.personal #>> '{before,email}') = ANY (addresses)
                 OR lower(e.personal #>> '{after,email}') = ANY (addresses) END
        RETURNING 1
    )
    SELECT count(*) INTO others FROM gone;
    RETURN clients + others;
END
$$;

CREATE OR REPLACE FUNCTION auth.erase_user() RETURNS uuid
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
    -- Nobody writes to them any more; where nobody else is written to, the channel is used no more.
    UPDATE public.alert_channel AS c
    SET settings = jsonb_build_object('to', others.listed),
        disabled_at = CASE others.listed WHEN '[]' THEN coalesce(c.disabled_at, clock_timestamp()) ELSE c.disabled_at END,
        disabled_reason = CASE others.listed WHEN '[]' THEN coalesce(c.disabled_reason, 'its recipients were erased')
                                             ELSE c.disabled_reason END
    FROM (
        SELECT k.org_id, k.id,
               coalesce(jsonb_agg(a.listed) FILTER (WHERE lower(a.listed) <> lower(address)), '[]') AS listed
        FROM public.alert_channel AS k CROSS JOIN LATERAL jsonb_array_elements_text(k.settings -> 'to') AS a (listed)
        GROUP BY k.org_id, k.id HAVING bool_or(lower(a.listed) = lower(address))
    ) AS others
    WHERE c.org_id = others.org_id AND c.id = others.id;
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

SET LOCAL row_security = off;
