-- Nothing comes to rest on itself: no version, and no document. What rests on what is asked of documents
-- (storage/detection.py: lineage), so the second is asked of the versions whose word counts or can come to
-- count: the one in force and any after it. An approval only takes versions out of these and closes no circle.
-- The lock makes insertions in a project wait for each other; statements after it see what others wrote.
CREATE OR REPLACE FUNCTION public.refuse_circles() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    by_document boolean;
    artifact public.artifact;
    nearest jsonb; -- by version, the way to what the last step has reached
    reached jsonb;
    circle text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('lineage of ' || NEW.project_id::text, 0));
    SELECT a.* INTO artifact FROM public.artifact AS a WHERE a.org_id = NEW.org_id AND a.id = NEW.artifact_id;
    FOREACH by_document IN ARRAY ARRAY[false, true] LOOP
        -- A version that was replaced says nothing any more of its document.
        EXIT WHEN by_document AND EXISTS (
            SELECT FROM public.artifact AS later
            WHERE later.org_id = artifact.org_id AND later.project_id = artifact.project_id
                AND later.type = artifact.type AND later.key = artifact.key
                AND later.version > artifact.version AND later.status IN ('APPROVED', 'DEPLOYED')
        );
        -- Whether there is a circle is asked in one statement; its way is looked for only where there is one.
        CONTINUE WHEN NOT by_document AND NOT EXISTS (
            WITH RECURSIVE below (id) AS (
                SELECT NEW.depends_on_id
                UNION
                SELECT d.depends_on_id FROM below
                JOIN public.artifact_dependency AS d ON d.org_id = NEW.org_id AND d.artifact_id = below.id
            )
            SELECT FROM below WHERE below.id = NEW.artifact_id
        );
        CONTINUE WHEN by_document AND NOT EXISTS (
            WITH RECURSIVE below (type, key) AS (
                SELECT b.type, b.key FROM public.artifact AS b WHERE b.org_id = NEW.org_id AND b.id = NEW.depends_on_id
                UNION
                SELECT b.type, b.key FROM below
                JOIN public.artifact AS says ON says.org_id = NEW.org_id AND says.project_id = NEW.project_id
                    AND says.type = below.type AND says.key = below.key
                    AND NOT EXISTS (
                        SELECT FROM public.artifact AS later
                        WHERE later.org_id = says.org_id AND later.project_id = says.project_id
                            AND later.type = says.type AND later.key = says.key
                            AND later.version > says.version AND later.status IN ('APPROVED', 'DEPLOYED')
                    )
                JOIN public.artifact_dependency AS d ON d.org_id = says.org_id AND d.artifact_id = says.id
                JOIN public.artifact AS b ON b.org_id = d.org_id AND b.id = d.depends_on_id
            )
            SELECT FROM below WHERE (below.type, below.key) = (artifact.type, artifact.key)
        );
        SELECT jsonb_build_object(b.id, concat_ws(' -> ',
            concat_ws('/', artifact.type, nullif(artifact.key, '')) || ' v' || artifact.version,
            concat_ws('/', b.type, nullif(b.key, '')) || ' v' || b.version
        )) INTO nearest FROM public.artifact AS b WHERE b.org_id = NEW.org_id AND b.id = NEW.depends_on_id;
        reached := nearest;
        WHILE nearest IS NOT NULL LOOP
            SELECT jsonb_object_agg(step.id, step.way) INTO nearest FROM (
                SELECT DISTINCT ON (b.id)
                    b.id, near.way || ' -> ' || concat_ws('/', b.type, nullif(b.key, '')) || ' v' || b.version AS way
                FROM jsonb_each_text(nearest) AS near (id, way)
                JOIN public.artifact AS a ON a.org_id = NEW.org_id AND a.id = near.id::uuid
                JOIN public.artifact AS says ON says.org_id = a.org_id AND says.project_id = a.project_id
                    AND says.type = a.type AND says.key = a.key
                    AND CASE WHEN by_document THEN NOT EXISTS (
                        SELECT FROM public.artifact AS later
                        WHERE later.org_id = a.org_id AND later.project_id = a.project_id
                            AND later.type = a.type AND later.key = a.key
                            AND later.version > says.version AND later.status IN ('APPROVED', 'DEPLOYED')
                    ) ELSE says.id = a.id END
                JOIN public.artifact_dependency AS d ON d.org_id = says.org_id AND d.artifact_id = says.id
                JOIN public.artifact AS b ON b.org_id = d.org_id AND b.id = d.depends_on_id
                WHERE NOT reached ? b.id::text
                ORDER BY b.id, way
            ) AS step;
            reached := reached || coalesce(nearest, '{}');
        END LOOP;
        SELECT r.way INTO circle FROM jsonb_each_text(reached) AS r (id, way)
        JOIN public.artifact AS a ON a.org_id = NEW.org_id AND a.id = r.id::uuid
        WHERE a.id = NEW.artifact_id OR by_document AND (a.type, a.key) = (artifact.type, artifact.key)
        ORDER BY length(r.way), r.way LIMIT 1;
        RAISE EXCEPTION 'the artifact would rest on itself: %', circle USING ERRCODE = 'AG007';
    END LOOP;
    RETURN NULL;
END
$$;
