-- Batches seen, by the week (UTC) of their first sight: a week is dropped whole, and nothing is ever deleted.

ALTER TABLE batch_seen RENAME TO batch_seen_old;
ALTER TABLE batch_seen_old NO FORCE ROW LEVEL SECURITY;
ALTER TABLE batch_seen_old DROP CONSTRAINT pk_batch_seen;
DROP INDEX ix_batch_seen_seen_at;

CREATE TABLE batch_seen (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    batch_id UUID NOT NULL,
    week DATE NOT NULL,
    CONSTRAINT pk_batch_seen PRIMARY KEY (org_id, project_id, batch_id, week)
) PARTITION BY RANGE (week);

-- Partitions of the weeks that these days lie in; what is there is left alone. LIKE and ATTACH, as with months.
CREATE FUNCTION public.ensure_batch_weeks(days date[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    starts date;
    part text;
    made integer := 0;
BEGIN
    -- 'Augw': who waits for another that makes a week finds it made.
    PERFORM pg_advisory_xact_lock(x'41756777'::bigint);
    FOR starts IN SELECT DISTINCT date_trunc('week', d::timestamp)::date FROM unnest(days) AS d ORDER BY 1 LOOP
        part := format('batch_seen_%s', to_char(starts, 'YYYY_MM_DD'));
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = part
        );
        EXECUTE format('CREATE TABLE public.%I (LIKE public.batch_seen INCLUDING ALL)', part);
        EXECUTE format('REVOKE ALL ON TABLE public.%I FROM PUBLIC, augentis_api, augentis_worker', part);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE public.batch_seen ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            part, starts, starts + 7);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Weeks that ended at `before` or earlier; returns the names of their partitions. Gives up at once where it would
-- wait: everybody who counts would wait behind it.
CREATE FUNCTION public.drop_batch_weeks(before date) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    part text;
BEGIN
    IF before > (now() AT TIME ZONE 'UTC')::date - 1 THEN
        RAISE EXCEPTION 'batches of today and yesterday are kept' USING ERRCODE = '22023';
    END IF;
    PERFORM pg_advisory_xact_lock(x'41756777'::bigint);
    FOR part IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.batch_seen'::regclass AND to_date(right(c.relname, 10), 'YYYY_MM_DD') + 7 <= before
        ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE public.%I', part);
        RETURN NEXT part;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION public.ensure_batch_weeks(date[]), public.drop_batch_weeks(date) FROM PUBLIC;

-- What an operator did to the ledger, and why.
ALTER TABLE partition_ledger ADD reset_at TIMESTAMP WITH TIME ZONE, ADD reset_from BIGINT, ADD reset_reason TEXT;
