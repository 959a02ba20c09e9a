-- How people handle a report, beside what the data say of it, and the timeline of both (ADR 0025).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

ALTER TABLE divergence_report
    ADD COLUMN acknowledged_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN acknowledged_by UUID,
    ADD COLUMN assignee_id UUID,
    ADD COLUMN snoozed_until TIMESTAMP WITH TIME ZONE,
    ADD COLUMN closed_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN closed_by UUID,
    ADD COLUMN close_reason TEXT,
    ADD COLUMN closed_as TEXT,
    ADD COLUMN reopen_reason TEXT,
    ADD COLUMN handling_version INTEGER DEFAULT 1 NOT NULL,
    ADD COLUMN state TEXT GENERATED ALWAYS AS (
        CASE WHEN status <> 'OPEN' THEN status
             WHEN closed_at IS NOT NULL THEN 'RESOLVED'
             WHEN acknowledged_at IS NOT NULL THEN 'ACKNOWLEDGED'
             ELSE 'OPEN' END) STORED NOT NULL,
    ADD CONSTRAINT uq_divergence_report_org_id_project_id_id UNIQUE (org_id, project_id, id),
    ADD CONSTRAINT fk_divergence_report_acknowledged_by FOREIGN KEY (acknowledged_by) REFERENCES app_user (id),
    ADD CONSTRAINT fk_divergence_report_closed_by FOREIGN KEY (closed_by) REFERENCES app_user (id),
    ADD CONSTRAINT fk_divergence_report_org_id_assignee_id
        FOREIGN KEY (org_id, assignee_id) REFERENCES organization_members (org_id, user_id),
    ADD CONSTRAINT ck_divergence_report_close_reason_length CHECK (char_length(close_reason) BETWEEN 3 AND 2000),
    ADD CONSTRAINT ck_divergence_report_reopen_reason_length CHECK (char_length(reopen_reason) BETWEEN 3 AND 2000),
    ADD CONSTRAINT ck_divergence_report_closed_as CHECK (closed_as IN ('COSMETIC', 'MINOR', 'MAJOR')),
    ADD CONSTRAINT ck_divergence_report_acknowledged CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    ADD CONSTRAINT ck_divergence_report_closed CHECK
        (num_nulls(closed_at, closed_by, close_reason, closed_as) IN (0, 4)),
    ADD CONSTRAINT ck_divergence_report_reopened CHECK (close_reason IS NULL OR reopen_reason IS NULL);

CREATE TABLE report_event (
    org_id UUID NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    project_id UUID NOT NULL,
    report_id UUID NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT DEFAULT 'COMMENTED' NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id UUID,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    body JSONB NOT NULL,
    CONSTRAINT pk_report_event PRIMARY KEY (org_id, id),
    CONSTRAINT uq_report_event_org_id_report_id_sequence UNIQUE (org_id, report_id, sequence),
    CONSTRAINT fk_report_event_org_id_project_id_report_id
        FOREIGN KEY (org_id, project_id, report_id) REFERENCES divergence_report (org_id, project_id, id),
    CONSTRAINT fk_report_event_actor_id FOREIGN KEY (actor_id) REFERENCES app_user (id),
    CONSTRAINT ck_report_event_sequence CHECK (sequence > 0),
    CONSTRAINT ck_report_event_kind CHECK (kind IN ('DETECTED', 'RECLASSIFIED', 'ACKNOWLEDGED', 'UNACKNOWLEDGED', 'ASSIGNED', 'UNASSIGNED', 'COMMENTED', 'SNOOZED', 'WOKEN', 'RESOLVED', 'REOPENED', 'SUPERSEDED')),
    CONSTRAINT ck_report_event_actor_kind CHECK (actor_kind IN ('user', 'system')),
    CONSTRAINT ck_report_event_actor CHECK ((actor_kind = 'user') = (actor_id IS NOT NULL)),
    CONSTRAINT ck_report_event_body CHECK (jsonb_typeof(body) = 'object'),
    CONSTRAINT ck_report_event_comment CHECK
        (kind <> 'COMMENTED'
         OR coalesce(char_length(body ->> 'text') BETWEEN 1 AND 5000 AND jsonb_typeof(body -> 'text') = 'string'
                     AND body - 'text' = '{}', false))
);

-- Projects of which the caller is a COMMENTER.
CREATE FUNCTION auth.projects_commented() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(a.project_id), '{}') FROM public.project_access AS a
    WHERE a.org_id = auth.org_id() AND a.user_id = auth.uid() AND a.role = 'COMMENTER'
$$;

-- What people say of a report: who may, from which state, by whom and when. It runs as whoever asks, behind
-- the policies; the role has no grant for what is the data's, nor for what is said here.
CREATE FUNCTION public.guard_handling() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid := auth.uid();
    moment timestamptz := clock_timestamp();
    edits boolean;
BEGIN
    NEW.acknowledged_by := OLD.acknowledged_by;
    NEW.closed_at := OLD.closed_at;
    NEW.closed_by := OLD.closed_by;
    NEW.closed_as := OLD.closed_as;
    NEW.handling_version := OLD.handling_version;
    IF (NEW.acknowledged_at, NEW.assignee_id, NEW.snoozed_until, NEW.close_reason, NEW.reopen_reason)
        IS NOT DISTINCT FROM
       (OLD.acknowledged_at, OLD.assignee_id, OLD.snoozed_until, OLD.close_reason, OLD.reopen_reason)
    THEN
        RETURN NEW;
    END IF;
    edits := CASE auth.my_role()
        WHEN 'ADMIN' THEN true
        WHEN 'MEMBER' THEN NEW.project_id <> ALL (auth.projects_as(false))
        WHEN 'VIEWER' THEN NEW.project_id = ANY (auth.projects_as(true))
        ELSE false END;
    IF who IS NULL OR (NOT edits AND (
        (NEW.assignee_id, NEW.snoozed_until, NEW.close_reason, NEW.reopen_reason)
            IS DISTINCT FROM (OLD.assignee_id, OLD.snoozed_until, OLD.close_reason, OLD.reopen_reason)
        OR (NEW.acknowledged_at IS NULL AND OLD.acknowledged_by <> who)))
    THEN
        RAISE EXCEPTION 'a commenter acknowledges, takes that back, and comments' USING ERRCODE = '42501';
    END IF;
    IF OLD.status = 'SUPERSEDED' THEN
        RAISE EXCEPTION 'the report is superseded: telemetry gives no ground for it any more' USING ERRCODE = 'AG030';
    ELSIF OLD.status = 'RESOLVED' THEN
        RAISE EXCEPTION 'the data resolved the report, or a newer version of its artifact: no person changes that'
            USING ERRCODE = 'AG031';
    END IF;
    IF NEW.assignee_id IS NOT NULL AND NEW.assignee_id IS DISTINCT FROM OLD.assignee_id AND NOT EXISTS (
        SELECT FROM public.organization_members AS m
        WHERE m.org_id = NEW.org_id AND m.user_id = NEW.assignee_id AND m.removed_at IS NULL)
    THEN
        RAISE EXCEPTION 'there is no such member' USING ERRCODE = 'AG032';
    END IF;
    IF NEW.snoozed_until IS DISTINCT FROM OLD.snoozed_until
        AND (NEW.snoozed_until <= moment OR NEW.snoozed_until > moment + interval '90 days')
    THEN
        RAISE EXCEPTION 'send a time from now on, at most 90 days ahead' USING ERRCODE = 'AG033';
    END IF;
    NEW.updated_at := moment;
    IF OLD.closed_at IS NOT NULL THEN
        IF NEW.close_reason IS NOT NULL THEN
            RAISE EXCEPTION 'the report is resolved already: reopen it first' USING ERRCODE = 'AG030';
        ELSIF NEW.reopen_reason IS NULL THEN
            RAISE EXCEPTION 'say why it is reopened' USING ERRCODE = 'AG034';
        END IF;
        -- As on its first day, but for who sees to it.
        NEW.acknowledged_at := NULL;
        NEW.acknowledged_by := NULL;
        NEW.snoozed_until := NULL;
        NEW.closed_at := NULL;
        NEW.closed_by := NULL;
        NEW.closed_as := NULL;
        NEW.handling_version := OLD.handling_version + 1;
        RETURN NEW;
    END IF;
    IF NEW.reopen_reason IS DISTINCT FROM OLD.reopen_reason THEN
        RAISE EXCEPTION 'the report is not resolved: there is nothing to reopen' USING ERRCODE = 'AG030';
    END IF;
    IF NEW.acknowledged_at IS NULL THEN
        NEW.acknowledged_by := NULL;
    ELSIF OLD.acknowledged_at IS NULL THEN
        NEW.acknowledged_at := moment;
        NEW.acknowledged_by := who;
    ELSE
        -- The first who did so stands.
        NEW.acknowledged_at := OLD.acknowledged_at;
    END IF;
    IF NEW.close_reason IS NOT NULL THEN
        NEW.closed_at := moment;
        NEW.closed_by := who;
        NEW.closed_as := NEW.classification;
        NEW.snoozed_until := NULL;
        NEW.reopen_reason := NULL;
    END IF;
    IF (NEW.acknowledged_at, NEW.assignee_id, NEW.snoozed_until, NEW.close_reason)
        IS DISTINCT FROM (OLD.acknowledged_at, OLD.assignee_id, OLD.snoozed_until, OLD.close_reason)
    THEN
        NEW.handling_version := OLD.handling_version + 1;
    ELSE
        NEW.updated_at := OLD.updated_at;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_handling BEFORE UPDATE OF acknowledged_at, acknowledged_by, assignee_id, snoozed_until, closed_at,
    closed_by, close_reason, closed_as, reopen_reason, handling_version
ON public.divergence_report FOR EACH ROW EXECUTE FUNCTION public.guard_handling();

-- Whoever closed it, or put it off, did so on what it said: where it has become worse than that, it is open again.
CREATE FUNCTION public.reopen_worse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    severity constant text[] := '{COSMETIC,MINOR,MAJOR}';
    now_is integer := array_position(severity, NEW.classification);
BEGIN
    IF now_is > array_position(severity, OLD.closed_as) THEN
        NEW.reopen_reason := format('closed as %s, it is %s now', OLD.closed_as, NEW.classification);
        NEW.acknowledged_at := NULL;
        NEW.acknowledged_by := NULL;
        NEW.closed_at := NULL;
        NEW.closed_by := NULL;
        NEW.close_reason := NULL;
        NEW.closed_as := NULL;
        NEW.handling_version := OLD.handling_version + 1;
    ELSIF OLD.snoozed_until IS NOT NULL AND now_is > array_position(severity, OLD.classification) THEN
        NEW.snoozed_until := NULL;
        NEW.handling_version := OLD.handling_version + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER reopen_worse BEFORE UPDATE OF classification ON public.divergence_report
FOR EACH ROW WHEN (NEW.classification IS DISTINCT FROM OLD.classification)
EXECUTE FUNCTION public.reopen_worse();

-- An event's place, time and, of a comment, author are the database's. Whoever comments waits for the report's
-- row, so that places follow each other; whoever tells of a change holds it.
CREATE FUNCTION public.number_report_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> 'augentis_chronicler' THEN
        PERFORM FROM public.divergence_report AS r
        WHERE r.org_id = NEW.org_id AND r.id = NEW.report_id FOR NO KEY UPDATE;
        NEW.actor_kind := 'user';
        NEW.actor_id := auth.uid();
    END IF;
    SELECT coalesce(max(e.sequence), 0) + 1 INTO NEW.sequence FROM public.report_event AS e
    WHERE e.org_id = NEW.org_id AND e.report_id = NEW.report_id;
    NEW.at := clock_timestamp();
    RETURN NEW;
END
$$;

-- What has become of a report, in the order in which it did: what the data say first, then what people do.
CREATE FUNCTION public.tell_of_report() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid := auth.uid();
    was public.divergence_report := coalesce(OLD, NEW);
    told jsonb := '[]';
    event jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        told := jsonb_build_array(jsonb_build_object('kind', 'DETECTED', 'classification', NEW.classification));
        was.status := 'OPEN';
        was.resolution := NULL;
        was.resolved_at := NULL;
    END IF;
    IF NEW.classification <> was.classification THEN
        told := told || jsonb_build_object('kind', 'RECLASSIFIED', 'from', was.classification, 'to', NEW.classification);
    END IF;
    IF NEW.status = 'OPEN' AND was.status <> 'OPEN' THEN
        told := told || jsonb_build_object('kind', 'REOPENED', 'by', 'data', 'status', NEW.state);
    ELSIF NEW.status = 'RESOLVED'
        AND (NEW.status, NEW.resolution, NEW.resolved_at) IS DISTINCT FROM (was.status, was.resolution, was.resolved_at)
    THEN
        told := told || jsonb_build_object('kind', 'RESOLVED', 'by', CASE NEW.resolution WHEN 'superseded'
            THEN 'artifact_version' ELSE 'data' END, 'resolution', NEW.resolution, 'resolved_at', NEW.resolved_at);
    ELSIF NEW.status = 'SUPERSEDED' AND was.status <> 'SUPERSEDED' THEN
        told := told || jsonb_build_object('kind', 'SUPERSEDED', 'resolution', NEW.resolution);
    END IF;
    IF NEW.closed_at IS NULL AND was.closed_at IS NOT NULL THEN
        told := told || jsonb_build_object('kind', 'REOPENED', 'by', CASE WHEN who IS NULL THEN 'reclassification'
            ELSE 'person' END, 'reason', NEW.reopen_reason, 'status', NEW.state);
    ELSIF NEW.acknowledged_at IS NOT NULL AND was.acknowledged_at IS NULL THEN
        told := told || jsonb_build_object('kind', 'ACKNOWLEDGED');
    ELSIF NEW.acknowledged_at IS NULL AND was.acknowledged_at IS NOT NULL THEN
        told := told || jsonb_build_object('kind', 'UNACKNOWLEDGED');
    END IF;
    IF NEW.assignee_id IS DISTINCT FROM was.assignee_id THEN
        told := told || jsonb_strip_nulls(jsonb_build_object('kind', CASE WHEN NEW.assignee_id IS NULL
            THEN 'UNASSIGNED' ELSE 'ASSIGNED' END, 'from', was.assignee_id, 'to', NEW.assignee_id));
    END IF;
    IF NEW.closed_at IS NOT NULL AND was.closed_at IS NULL THEN
        told := told || jsonb_build_object('kind', 'RESOLVED', 'by', 'person', 'reason', NEW.close_reason);
    ELSIF NEW.snoozed_until IS NOT NULL AND NEW.snoozed_until IS DISTINCT FROM was.snoozed_until THEN
        told := told || jsonb_build_object('kind', 'SNOOZED', 'until', NEW.snoozed_until);
    ELSIF NEW.snoozed_until IS NULL AND was.snoozed_until IS NOT NULL AND (NEW.closed_at IS NULL) = (was.closed_at IS NULL) THEN
        told := told || jsonb_build_object('kind', 'WOKEN', 'by', CASE WHEN who IS NULL THEN 'reclassification'
            ELSE 'person' END);
    END IF;
    FOR event IN SELECT e.value FROM jsonb_array_elements(told) WITH ORDINALITY AS e (value, place) ORDER BY e.place LOOP
        INSERT INTO public.report_event (org_id, project_id, report_id, kind, actor_kind, actor_id, body)
        VALUES (NEW.org_id, NEW.project_id, NEW.id, event ->> 'kind', CASE WHEN who IS NULL THEN 'system' ELSE 'user' END,
                who, event - 'kind');
    END LOOP;
    RETURN NULL;
END
$$;

-- What was found so far, as far as it is known: the table's owner sees rows for this statement alone.
ALTER TABLE divergence_report NO FORCE ROW LEVEL SECURITY;
INSERT INTO report_event (org_id, project_id, report_id, sequence, kind, actor_kind, at, body)
SELECT r.org_id, r.project_id, r.id, 1, 'DETECTED', 'system', r.created_at,
       jsonb_build_object('classification', r.classification)
FROM divergence_report AS r
UNION ALL
SELECT r.org_id, r.project_id, r.id, 2, r.status, 'system', r.updated_at,
       CASE r.status WHEN 'SUPERSEDED' THEN jsonb_build_object('resolution', r.resolution)
           ELSE jsonb_build_object('by', CASE r.resolution WHEN 'superseded' THEN 'artifact_version' ELSE 'data' END,
                                   'resolution', r.resolution, 'resolved_at', r.resolved_at) END
FROM divergence_report AS r WHERE r.status <> 'OPEN';
ALTER TABLE divergence_report FORCE ROW LEVEL SECURITY;

CREATE TRIGGER number_report_event BEFORE INSERT ON public.report_event
FOR EACH ROW EXECUTE FUNCTION public.number_report_event();
CREATE TRIGGER tell_of_new_report AFTER INSERT ON public.divergence_report
FOR EACH ROW EXECUTE FUNCTION public.tell_of_report();
CREATE TRIGGER tell_of_report AFTER UPDATE ON public.divergence_report
FOR EACH ROW WHEN (
    (NEW.classification, NEW.status, NEW.resolution, NEW.resolved_at, NEW.handling_version)
    IS DISTINCT FROM (OLD.classification, OLD.status, OLD.resolution, OLD.resolved_at, OLD.handling_version))
EXECUTE FUNCTION public.tell_of_report();

SET LOCAL row_security = off;
