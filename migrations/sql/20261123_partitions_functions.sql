-- Months of tables: made ahead and on demand, dropped whole. The keeper owns the tables and has no policy, so
-- that who may make a month sees no row by it.

-- Partitions of the months that `months` lie in (UTC), for tables of the keeper's; what is there is left alone.
-- LIKE and ATTACH, not PARTITION OF: readers and writers of the parent go on meanwhile.
CREATE FUNCTION public.ensure_partitions(tables text[], months date[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text;
    starts date;
    part text;
    made integer := 0;
BEGIN
    -- 'Augm': who waits for another that makes a month finds it made.
    PERFORM pg_advisory_xact_lock(x'4175676d'::bigint);
    FOREACH parent IN ARRAY tables LOOP
        IF NOT EXISTS (
            SELECT FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = parent
            AND c.relkind = 'p' AND c.relowner = current_user::regrole
        ) THEN
            RAISE EXCEPTION 'table % is not partitioned by month', parent USING ERRCODE = '22023';
        END IF;
        FOR starts IN SELECT DISTINCT date_trunc('month', m::timestamp)::date FROM unnest(months) AS m ORDER BY 1
        LOOP
            part := format('%s_%s', parent, to_char(starts, 'YYYY_MM'));
            -- Of the rows, and not by to_regclass: what that remembers may be older than the lock.
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = part
            );
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL) WITH (fillfactor = %s)',
                part, parent, CASE parent WHEN 'partial' THEN 60 ELSE 100 END);
            -- A partition inherits neither policies nor their absence: only the parent is to be asked.
            EXECUTE format('REVOKE ALL ON TABLE public.%I FROM PUBLIC, augentis_api, augentis_worker', part);
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
            EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                parent, part, to_char(starts, 'YYYY-MM-DD 00:00:00+00'),
                to_char(starts + interval '1 month', 'YYYY-MM-DD 00:00:00+00'));
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- Months that end at `before` or earlier, the oldest `most` of them, in all `tables` at once; returns their
-- names. Gives up at once where it would wait: everybody who reads or writes the parent would wait behind it.
CREATE FUNCTION public.drop_partitions(tables text[], before date, most integer) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    part text;
BEGIN
    IF before > (now() AT TIME ZONE 'UTC')::date - 35 THEN
        RAISE EXCEPTION 'months are kept for 35 days at least' USING ERRCODE = '22023';
    END IF;
    PERFORM pg_advisory_xact_lock(x'4175676d'::bigint);
    FOR part IN
        SELECT found.part FROM (
            SELECT c.relname AS part, right(c.relname, 7) AS month, array_position(tables, p.relname::text) AS place,
                   dense_rank() OVER (ORDER BY right(c.relname, 7)) AS age
            FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            JOIN pg_class AS p ON p.oid = i.inhparent
            WHERE p.relnamespace = 'public'::regnamespace AND p.relname = ANY (tables)
              AND p.relkind = 'p' AND p.relowner = current_user::regrole
              AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= before
        ) AS found
        WHERE found.age <= most ORDER BY found.place, found.month
    LOOP
        EXECUTE format('DROP TABLE public.%I', part);
        RETURN NEXT part;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION public.ensure_partitions(text[], date[]), public.drop_partitions(text[], date, integer)
    FROM PUBLIC;
