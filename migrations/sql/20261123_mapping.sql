-- What a project's OTLP metrics are for us: versions of its rules, the newest of which holds.

-- The body is checked as it is made, and touches no row.
SET LOCAL row_security = on;

CREATE TABLE otlp_mapping (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    rules JSONB NOT NULL,
    created_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_otlp_mapping PRIMARY KEY (org_id, id),
    CONSTRAINT fk_otlp_mapping_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_otlp_mapping_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT uq_otlp_mapping_org_id_project_id_version UNIQUE (org_id, project_id, version),
    CONSTRAINT ck_otlp_mapping_version CHECK (version >= 1)
);

CREATE FUNCTION public.assign_mapping_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('OTLP mapping of ' || NEW.project_id::text, 0));
    SELECT coalesce(max(m.version), 0) + 1 INTO NEW.version FROM public.otlp_mapping AS m
    WHERE m.org_id = NEW.org_id AND m.project_id = NEW.project_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER assign_mapping_version BEFORE INSERT ON public.otlp_mapping
FOR EACH ROW EXECUTE FUNCTION public.assign_mapping_version();
REVOKE ALL ON FUNCTION public.assign_mapping_version() FROM PUBLIC;

SET LOCAL row_security = off;
