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
    ) THEN
        RAISE EXCEPTION 'the organisation would be left without an ADMIN' USING ERRCODE = 'AG002';
    END IF;
    RETURN NULL;
END
$$;

ALTER TABLE app_user DROP CONSTRAINT ck_app_user_erased, DROP COLUMN erased_at;
ALTER TABLE organization DROP COLUMN closed_at;
