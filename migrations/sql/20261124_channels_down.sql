-- As it was before channels.
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

SET LOCAL row_security = off;
