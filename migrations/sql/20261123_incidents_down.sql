CREATE OR REPLACE FUNCTION public.refuse_circles() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('lineage of ' || NEW.project_id::text, 0));
    IF EXISTS (
        WITH RECURSIVE below (id) AS (
            SELECT NEW.depends_on_id
            UNION
            SELECT d.depends_on_id FROM below
            JOIN public.artifact_dependency AS d ON d.org_id = NEW.org_id AND d.artifact_id = below.id
        )
        SELECT FROM below WHERE below.id = NEW.artifact_id
    ) THEN
        RAISE EXCEPTION 'the artifact would rest on itself' USING ERRCODE = 'AG007';
    END IF;
    RETURN NULL;
END
$$;
