-- Rules that the database holds. Those that look at rows of others run AFTER the row: by then the
-- policies have refused a foreign organisation, so that no error tells how things stand there.

CREATE FUNCTION public.next_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER next_version BEFORE UPDATE ON public.organization FOR EACH ROW EXECUTE FUNCTION public.next_version();
CREATE TRIGGER next_version BEFORE UPDATE ON public.workspace FOR EACH ROW EXECUTE FUNCTION public.next_version();
CREATE TRIGGER next_version BEFORE UPDATE ON public.project_access
FOR EACH ROW EXECUTE FUNCTION public.next_version();
CREATE TRIGGER next_version BEFORE UPDATE ON public.organization_members
FOR EACH ROW EXECUTE FUNCTION public.next_version();
-- A login or a use is no edit.
CREATE TRIGGER next_version BEFORE UPDATE OF full_name, email ON public.app_user
FOR EACH ROW EXECUTE FUNCTION public.next_version();
CREATE TRIGGER next_version BEFORE UPDATE OF name, revoked_at ON public.machine_key
FOR EACH ROW EXECUTE FUNCTION public.next_version();

CREATE FUNCTION public.next_project_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    NEW.last_updated_by := coalesce(auth.uid(), NEW.last_updated_by);
    RETURN NEW;
END
$$;
CREATE TRIGGER next_version BEFORE UPDATE ON public.project
FOR EACH ROW EXECUTE FUNCTION public.next_project_version();

-- DataModel.md 1: BASIC 3, PRO 20, ENTERPRISE unlimited; archived projects do not count.
CREATE FUNCTION public.limit_projects() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer;
    live bigint;
BEGIN
    IF NEW.is_archived OR (TG_OP = 'UPDATE' AND NOT OLD.is_archived) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('projects of ' || NEW.org_id::text, 0));
    SELECT o.max_projects INTO most FROM public.organization AS o WHERE o.id = NEW.org_id;
    SELECT count(*) INTO live FROM public.project AS p WHERE p.org_id = NEW.org_id AND NOT p.is_archived;
    IF live > most THEN
        RAISE EXCEPTION 'the organisation''s tier allows % projects', most USING ERRCODE = 'AG001';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER limit_projects AFTER INSERT OR UPDATE OF is_archived ON public.project
FOR EACH ROW EXECUTE FUNCTION public.limit_projects();

CREATE FUNCTION public.keep_an_admin() RETURNS trigger
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
CREATE TRIGGER keep_an_admin AFTER UPDATE OR DELETE ON public.organization_members
FOR EACH ROW EXECUTE FUNCTION public.keep_an_admin();

-- DataModel.md 5: what a version is never changes; its content not once it is approved; its status by
-- single steps, and who took them is who asks.
CREATE FUNCTION public.guard_artifact() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step text := OLD.status || ' -> ' || NEW.status;
    who uuid := auth.uid();
BEGIN
    IF (NEW.org_id, NEW.id, NEW.project_id, NEW.type, NEW.key, NEW.version, NEW.created_by, NEW.created_at)
        IS DISTINCT FROM
       (OLD.org_id, OLD.id, OLD.project_id, OLD.type, OLD.key, OLD.version, OLD.created_by, OLD.created_at)
    THEN
        RAISE EXCEPTION 'what a version is does not change' USING ERRCODE = 'AG004';
    END IF;
    IF OLD.status IN ('APPROVED', 'DEPLOYED')
        AND (NEW.content, NEW.evidence_tier) IS DISTINCT FROM (OLD.content, OLD.evidence_tier)
    THEN
        RAISE EXCEPTION 'the version is approved: a change is a new version' USING ERRCODE = 'AG004';
    END IF;
    NEW.revision := OLD.revision + 1;
    NEW.updated_at := now();
    IF NEW.status = OLD.status THEN
        IF (NEW.submitted_by, NEW.submitted_at, NEW.approved_by, NEW.approved_at, NEW.deployed_by, NEW.deployed_at)
            IS DISTINCT FROM
           (OLD.submitted_by, OLD.submitted_at, OLD.approved_by, OLD.approved_at, OLD.deployed_by, OLD.deployed_at)
        THEN
            RAISE EXCEPTION 'who took a step, and when, does not change' USING ERRCODE = 'AG004';
        END IF;
        RETURN NEW;
    END IF;
    CASE step
        WHEN 'DRAFT -> REVIEW' THEN
            NEW.submitted_by := coalesce(who, NEW.submitted_by);
            NEW.submitted_at := coalesce(NEW.submitted_at, now());
        WHEN 'REVIEW -> DRAFT' THEN
            NEW.submitted_by := NULL;
            NEW.submitted_at := NULL;
        WHEN 'REVIEW -> APPROVED' THEN
            NEW.approved_by := coalesce(who, NEW.approved_by);
            NEW.approved_at := coalesce(NEW.approved_at, now());
        WHEN 'APPROVED -> DEPLOYED' THEN
            NEW.deployed_by := coalesce(who, NEW.deployed_by);
            NEW.deployed_at := coalesce(NEW.deployed_at, now());
        ELSE
            RAISE EXCEPTION 'there is no step %', step USING ERRCODE = 'AG003';
    END CASE;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_artifact BEFORE UPDATE ON public.artifact
FOR EACH ROW EXECUTE FUNCTION public.guard_artifact();

CREATE FUNCTION public.refuse_circles() RETURNS trigger
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
CREATE TRIGGER refuse_circles AFTER INSERT ON public.artifact_dependency
FOR EACH ROW EXECUTE FUNCTION public.refuse_circles();

REVOKE ALL ON FUNCTION public.next_version(), public.next_project_version(), public.limit_projects(),
    public.keep_an_admin(), public.guard_artifact(), public.refuse_circles() FROM PUBLIC;
