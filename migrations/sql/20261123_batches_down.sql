ALTER TABLE batch_seen RENAME TO batch_seen_new;
ALTER TABLE batch_seen_new NO FORCE ROW LEVEL SECURITY;
ALTER TABLE batch_seen_new RENAME CONSTRAINT pk_batch_seen TO pk_batch_seen_new;

CREATE TABLE batch_seen (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    batch_id UUID NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_batch_seen PRIMARY KEY (org_id, project_id, batch_id)
);
CREATE INDEX ix_batch_seen_seen_at ON batch_seen (seen_at);
INSERT INTO batch_seen
    SELECT org_id, project_id, batch_id, min(week)::timestamp AT TIME ZONE 'UTC' FROM batch_seen_new GROUP BY 1, 2, 3;
DROP TABLE batch_seen_new;
ALTER TABLE batch_seen ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

DROP FUNCTION public.ensure_batch_weeks(date[]), public.drop_batch_weeks(date);
ALTER TABLE partition_ledger DROP reset_at, DROP reset_from, DROP reset_reason;
