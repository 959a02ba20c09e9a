-- What was refused: where it lies and why. No payload: the bytes are in <topic>.dlq alone.

CREATE TABLE dead_letter (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    record_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT NOT NULL,
    indices JSONB NOT NULL,
    sample_count INTEGER NOT NULL,
    key_id UUID,
    refused_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    replayed_at TIMESTAMP WITH TIME ZONE,
    replayed_as UUID,
    CONSTRAINT pk_dead_letter PRIMARY KEY (org_id, id),
    CONSTRAINT ck_dead_letter_reason CHECK (reason IN ('not_json', 'bad_schema', 'unknown_org', 'unknown_project', 'unknown_metric', 'bad_value', 'bad_unit', 'bad_timestamp', 'future', 'too_late', 'too_large', 'too_many_series', 'tenant_mismatch', 'bad_key', 'over_quota', 'unmapped')),
    CONSTRAINT ck_dead_letter_whose CHECK ((org_id = '00000000-0000-0000-0000-000000000000') = (project_id IS NULL)),
    CONSTRAINT ck_dead_letter_replayed CHECK ((replayed_at IS NULL) = (replayed_as IS NULL))
);
CREATE INDEX ix_dead_letter_refused_at ON dead_letter (org_id, refused_at DESC, id DESC);
-- What is too old goes in order of age, of all organisations at once: a block range index is enough for it.
CREATE INDEX ix_dead_letter_age ON dead_letter USING brin (refused_at);
