-- The rule of 20261123_incidents.sql, asked once a statement: whatever it adds, all that rests on one another
-- in a project is looked at once, in time that grows with it and not with its square.
--
-- What has nothing below it is in no circle, nor is what is left without anything below it once such are
-- taken away, and so on: what is never taken away rests on a circle. Only there, where one is as good as
-- found, each added edge is asked for, and its way looked for: a circle that stood before is not its doing.
-- The lock makes insertions in a project wait for each other; statements after it see what others wrote.
CREATE OR REPLACE FUNCTION public.refuse_circles() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    by_document boolean;
    names text[];
    tails integer[]; -- edge i says that tails[i] rests on heads[i]; by heads
    heads integer[];
    first_edge integer[]; -- by node, its first edge as a head
    below integer[]; -- by node, how many that it rests on are not yet taken away
    taken integer[];
    last_taken integer;
    number integer;
    edge integer;
    added_edge record;
    nearest jsonb; -- by version, the way to what the last step has reached
    reached jsonb;
    circle text;
BEGIN
    FOR place IN SELECT DISTINCT n.org_id, n.project_id FROM added AS n ORDER BY 1, 2 LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended('lineage of ' || place.project_id::text, 0));
        -- An edge closes a circle only if something rests on its document, and its other end rests on something.
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM added AS n
            JOIN public.artifact AS a ON a.org_id = n.org_id AND a.id = n.artifact_id
            JOIN public.artifact AS b ON b.org_id = n.org_id AND b.id = n.depends_on_id
            WHERE n.org_id = place.org_id AND n.project_id = place.project_id
                AND EXISTS (
                    SELECT FROM public.artifact AS same
                    JOIN public.artifact_dependency AS d ON d.org_id = same.org_id AND d.depends_on_id = same.id
                    WHERE same.org_id = a.org_id AND same.project_id = a.project_id
                        AND same.type = a.type AND same.key = a.key
                )
                AND EXISTS (
                    SELECT FROM public.artifact AS same
                    JOIN public.artifact_dependency AS d ON d.org_id = same.org_id AND d.artifact_id = same.id
                    WHERE same.org_id = b.org_id AND same.project_id = b.project_id
                        AND same.type = b.type AND same.key = b.key
                )
        );
        FOREACH by_document IN ARRAY ARRAY[false, true] LOOP
            WITH edges AS MATERIALIZED (
                SELECT DISTINCT
                    CASE WHEN by_document THEN a.type || '/' || a.key ELSE a.id::text END AS tail,
                    CASE WHEN by_document THEN b.type || '/' || b.key ELSE b.id::text END AS head
                FROM public.artifact_dependency AS d
                JOIN public.artifact AS a ON a.org_id = d.org_id AND a.id = d.artifact_id
                JOIN public.artifact AS b ON b.org_id = d.org_id AND b.id = d.depends_on_id
                WHERE d.org_id = place.org_id AND d.project_id = place.project_id
                    -- A version that was replaced says nothing any more of its document.
                    AND NOT (by_document AND EXISTS (
                        SELECT FROM public.artifact AS later
                        WHERE later.org_id = a.org_id AND later.project_id = a.project_id
                            AND later.type = a.type AND later.key = a.key
                            AND later.version > a.version AND later.status IN ('APPROVED', 'DEPLOYED')
                    ))
            ), nodes AS MATERIALIZED (
                SELECT each.name, row_number() OVER (ORDER BY each.name)::integer AS number
                FROM (SELECT e.tail AS name FROM edges AS e UNION SELECT e.head FROM edges AS e) AS each
            )
            SELECT
                (SELECT array_agg(n.name ORDER BY n.number) FROM nodes AS n),
                array_agg(t.number ORDER BY h.number, t.number),
                array_agg(h.number ORDER BY h.number, t.number)
            INTO names, tails, heads
            FROM edges AS e JOIN nodes AS t ON t.name = e.tail JOIN nodes AS h ON h.name = e.head;
            CONTINUE WHEN names IS NULL;

            first_edge := array_fill(0, ARRAY[cardinality(names)]);
            below := first_edge;
            taken := first_edge;
            FOR edge IN 1..cardinality(heads) LOOP
                below[tails[edge]] := below[tails[edge]] + 1;
                IF first_edge[heads[edge]] = 0 THEN
                    first_edge[heads[edge]] := edge;
                END IF;
            END LOOP;
            last_taken := 0;
            FOR number IN 1..cardinality(names) LOOP
                IF below[number] = 0 THEN
                    last_taken := last_taken + 1;
                    taken[last_taken] := number;
                END IF;
            END LOOP;
            number := 1;
            WHILE number <= last_taken LOOP
                edge := first_edge[taken[number]];
                WHILE edge > 0 AND heads[edge] = taken[number] LOOP
                    below[tails[edge]] := below[tails[edge]] - 1;
                    IF below[tails[edge]] = 0 THEN
                        last_taken := last_taken + 1;
                        taken[last_taken] := tails[edge];
                    END IF;
                    edge := edge + 1;
                END LOOP;
                number := number + 1;
            END LOOP;
            CONTINUE WHEN last_taken = cardinality(names);

            SELECT n.artifact_id, n.depends_on_id, a.type, a.key, a.version INTO added_edge
            FROM added AS n
            JOIN public.artifact AS a ON a.org_id = n.org_id AND a.id = n.artifact_id
            JOIN public.artifact AS b ON b.org_id = n.org_id AND b.id = n.depends_on_id,
            LATERAL (SELECT
                array_position(names, CASE WHEN by_document THEN a.type || '/' || a.key ELSE a.id::text END) AS tail,
                array_position(names, CASE WHEN by_document THEN b.type || '/' || b.key ELSE b.id::text END) AS head
            ) AS at
            WHERE n.org_id = place.org_id AND n.project_id = place.project_id
                AND below[at.tail] > 0 AND below[at.head] > 0
                AND NOT (by_document AND EXISTS (
                    SELECT FROM public.artifact AS later
                    WHERE later.org_id = a.org_id AND later.project_id = a.project_id
                        AND later.type = a.type AND later.key = a.key
                        AND later.version > a.version AND later.status IN ('APPROVED', 'DEPLOYED')
                ))
                AND EXISTS (
                    WITH RECURSIVE edges AS MATERIALIZED (
                        SELECT e.tail, e.head FROM unnest(tails, heads) AS e (tail, head)
                    ), onward (node) AS (
                        SELECT at.head
                        UNION
                        SELECT e.head FROM onward JOIN edges AS e ON e.tail = onward.node
                    )
                    SELECT FROM onward WHERE onward.node = at.tail
                )
            ORDER BY a.type, a.key, a.version, b.type, b.key, b.version
            LIMIT 1;
            CONTINUE WHEN NOT FOUND;

            SELECT jsonb_build_object(b.id, concat_ws(' -> ',
                concat_ws('/', added_edge.type, nullif(added_edge.key, '')) || ' v' || added_edge.version,
                concat_ws('/', b.type, nullif(b.key, '')) || ' v' || b.version
            )) INTO nearest
            FROM public.artifact AS b WHERE b.org_id = place.org_id AND b.id = added_edge.depends_on_id;
            reached := nearest;
            WHILE nearest IS NOT NULL LOOP
                SELECT jsonb_object_agg(step.id, step.way) INTO nearest FROM (
                    SELECT DISTINCT ON (b.id)
                        b.id, near.way || ' -> ' || concat_ws('/', b.type, nullif(b.key, '')) || ' v' || b.version AS way
                    FROM jsonb_each_text(nearest) AS near (id, way)
                    JOIN public.artifact AS a ON a.org_id = place.org_id AND a.id = near.id::uuid
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
            JOIN public.artifact AS a ON a.org_id = place.org_id AND a.id = r.id::uuid
            WHERE a.id = added_edge.artifact_id
                OR by_document AND (a.type, a.key) = (added_edge.type, added_edge.key)
            ORDER BY length(r.way), r.way LIMIT 1;
            RAISE EXCEPTION 'the artifact would rest on itself: %', circle USING ERRCODE = 'AG007';
        END LOOP;
    END LOOP;
    RETURN NULL;
END
$$;

DROP TRIGGER refuse_circles ON public.artifact_dependency;
CREATE TRIGGER refuse_circles AFTER INSERT ON public.artifact_dependency
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_circles();
