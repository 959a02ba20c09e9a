-- As it was before channels.
DROP TABLE alert_channel;
DROP FUNCTION public.guard_alert_channel(), public.channel_is_live(), public.limit_alert_channels();
SET LOCAL row_security = on;

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
