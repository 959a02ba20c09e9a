-- Evidence behind an artifact: what a piece goes through, the ladder that pieces make, and the artifact's tier
-- that follows it (DataModel.md 12, ADR 0017).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE evidence (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    artifact_id UUID NOT NULL,
    evidence_tier TEXT GENERATED ALWAYS AS (
        CASE WHEN evidence_count = 0 THEN 'E0'
             WHEN source = 'interview' AND evidence_count >= 10 THEN 'E2'
             WHEN source = 'market_research' THEN 'E2'
             WHEN source = 'analyst_report' THEN 'E3'
             WHEN source = 'telemetry' AND evidence_count >= 1000 THEN 'E4'
             ELSE 'E1' END) STORED NOT NULL,
    source TEXT NOT NULL,
    confidence_score INTEGER NOT NULL,
    evidence_count INTEGER NOT NULL,
    url_or_reference TEXT,
    created_by UUID,
    reviewed_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    reviewed_at TIMESTAMP WITH TIME ZONE,
    escalation_status TEXT DEFAULT 'NONE' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_evidence PRIMARY KEY (org_id, id),
    CONSTRAINT uq_evidence_org_id_project_id_id UNIQUE (org_id, project_id, id),
    CONSTRAINT fk_evidence_org_id_project_id_artifact_id
        FOREIGN KEY (org_id, project_id, artifact_id) REFERENCES artifact (org_id, project_id, id),
    CONSTRAINT fk_evidence_created_by FOREIGN KEY (created_by) REFERENCES app_user (id),
    CONSTRAINT fk_evidence_reviewed_by FOREIGN KEY (reviewed_by) REFERENCES app_user (id),
    CONSTRAINT ck_evidence_source CHECK (source IN ('interview', 'survey', 'market_research', 'telemetry', 'analyst_report')),
    CONSTRAINT ck_evidence_escalation_status CHECK (escalation_status IN ('NONE', 'IN_REVIEW', 'ESCALATED')),
    CONSTRAINT ck_evidence_confidence_score CHECK (confidence_score BETWEEN 0 AND 100),
    CONSTRAINT ck_evidence_evidence_count CHECK (evidence_count >= 0),
    CONSTRAINT ck_evidence_url_or_reference_length CHECK (char_length(url_or_reference) BETWEEN 1 AND 2000),
    CONSTRAINT ck_evidence_referenced CHECK
        (source NOT IN ('market_research', 'analyst_report') OR url_or_reference IS NOT NULL),
    CONSTRAINT ck_evidence_counted CHECK
        ((source = 'telemetry') = (created_by IS NULL) AND (created_by IS NOT NULL OR escalation_status = 'ESCALATED')),
    CONSTRAINT ck_evidence_reviewed CHECK
        ((reviewed_by IS NULL) = (reviewed_at IS NULL)
         AND (reviewed_by IS NOT NULL) = (escalation_status = 'ESCALATED' AND created_by IS NOT NULL)),
    CONSTRAINT ck_evidence_reviewer CHECK (reviewed_by <> created_by)
);
CREATE INDEX ix_evidence_artifact ON evidence (org_id, artifact_id, created_at);
-- The hours of an artifact are counted once: two rows would count a user twice.
CREATE UNIQUE INDEX uq_evidence_telemetry ON evidence (org_id, artifact_id) WHERE source = 'telemetry';

-- What a team had declared when evidence raised the tier; NULL: it declares the tier as it stands.
ALTER TABLE artifact
    ADD COLUMN declared_tier TEXT,
    ADD CONSTRAINT ck_artifact_declared_tier CHECK (declared_tier IN ('E0', 'E1', 'E2', 'E3', 'E4'));

-- What is in review is what its reviewer reads, and what was reviewed stays. Only its author says it otherwise.
CREATE FUNCTION public.guard_evidence() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step text := OLD.escalation_status || ' -> ' || NEW.escalation_status;
    who uuid := auth.uid();
BEGIN
    IF (NEW.org_id, NEW.id, NEW.project_id, NEW.artifact_id, NEW.created_by, NEW.created_at)
        IS DISTINCT FROM (OLD.org_id, OLD.id, OLD.project_id, OLD.artifact_id, OLD.created_by, OLD.created_at)
    THEN
        RAISE EXCEPTION 'what a piece of evidence is about, and whose it is, does not change' USING ERRCODE = 'AG010';
    END IF;
    IF (NEW.source, NEW.confidence_score, NEW.evidence_count, NEW.url_or_reference)
        IS DISTINCT FROM (OLD.source, OLD.confidence_score, OLD.evidence_count, OLD.url_or_reference)
    THEN
        IF step <> 'NONE -> NONE' THEN
            RAISE EXCEPTION 'the evidence is % and stays as it is: have it returned, or add another piece',
                CASE OLD.escalation_status WHEN 'ESCALATED' THEN 'reviewed' ELSE 'in review' END
                USING ERRCODE = 'AG010';
        ELSIF who IS DISTINCT FROM OLD.created_by THEN
            RAISE EXCEPTION 'only its author changes a piece of evidence: add one of your own' USING ERRCODE = 'AG012';
        END IF;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    NEW.reviewed_by := OLD.reviewed_by;
    NEW.reviewed_at := OLD.reviewed_at;
    IF NEW.escalation_status = OLD.escalation_status OR step IN ('NONE -> IN_REVIEW', 'IN_REVIEW -> NONE') THEN
        RETURN NEW;
    ELSIF step <> 'IN_REVIEW -> ESCALATED' THEN
        RAISE EXCEPTION 'there is no step %: evidence is submitted, then escalated or returned', step
            USING ERRCODE = 'AG013';
    ELSIF who IS NULL OR who = OLD.created_by THEN
        RAISE EXCEPTION 'evidence is reviewed by somebody else than its author' USING ERRCODE = 'AG011';
    END IF;
    NEW.reviewed_by := who;
    NEW.reviewed_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_evidence BEFORE UPDATE ON public.evidence
FOR EACH ROW EXECUTE FUNCTION public.guard_evidence();

-- The ladder, rung by rung: whether an artifact stands on it (and so on all below), which pieces count towards
-- it, which would if somebody reviewed them, and what is missing of it. It sees what its caller sees.
CREATE FUNCTION public.evidence_rungs_of(org uuid, artifact uuid)
RETURNS TABLE (tier text, held boolean, evidence uuid[], waiting uuid[], missing text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Each of a rung's ways leads up to it. The first asks for no review: whatever was collected counts.
    WITH way (tier, source, least, what) AS (VALUES
        ('E1', NULL, 1, 'data points'),
        ('E2', 'interview', 10, 'interviews'),
        ('E2', 'market_research', 1, 'market research papers'),
        ('E3', 'analyst_report', 1, 'confirmations by an industry analyst'),
        ('E4', 'telemetry', 1000, 'users of production telemetry')
    ), piece AS (
        SELECT w.tier, w.what, e.id, e.created_at, e.evidence_count,
               w.source IS NULL OR e.escalation_status = 'ESCALATED' AS counts
        FROM way AS w JOIN public.evidence AS e ON e.source = coalesce(w.source, e.source)
        WHERE e.org_id = evidence_rungs_of.org AND e.artifact_id = evidence_rungs_of.artifact AND e.evidence_count > 0
    ), rung AS (
        SELECT w.tier, bool_or(counted.points >= w.least) AS met,
               string_agg(format('%s of %s %s', counted.points, w.least, w.what), ' or ' ORDER BY w.what) AS so_far
        FROM way AS w CROSS JOIN LATERAL (
            SELECT coalesce(sum(p.evidence_count), 0) AS points FROM piece AS p WHERE p.what = w.what AND p.counts
        ) AS counted
        GROUP BY w.tier
    )
    SELECT r.tier, bool_and(r.met) OVER (ORDER BY r.tier),
           ARRAY(SELECT p.id FROM piece AS p WHERE p.tier = r.tier AND p.counts ORDER BY p.created_at, p.id),
           ARRAY(SELECT p.id FROM piece AS p WHERE p.tier = r.tier AND NOT p.counts ORDER BY p.created_at, p.id),
           CASE WHEN NOT r.met THEN r.so_far END
    FROM rung AS r ORDER BY r.tier
$$;

-- The tier that evidence supports, whatever a team has declared.
CREATE FUNCTION public.evidence_tier_of(org uuid, artifact uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(r.tier) FILTER (WHERE r.held), 'E0')
    FROM public.evidence_rungs_of(evidence_tier_of.org, evidence_tier_of.artifact) AS r
$$;

-- Evidence raises the tier of its artifact, approved ones too, and never lowers it. Whoever adds a piece at the
-- same time waits for the artifact's row and counts after that; the key's own lock on it (KEY SHARE) is no
-- hindrance, or two who add would wait for each other.
CREATE FUNCTION public.raise_evidence_tier() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    touched record;
    reached text;
    behind jsonb;
BEGIN
    FOR touched IN SELECT DISTINCT n.org_id, n.artifact_id FROM new_rows AS n ORDER BY 1, 2 LOOP
        PERFORM FROM public.artifact AS a WHERE a.org_id = touched.org_id AND a.id = touched.artifact_id
        FOR NO KEY UPDATE;
        reached := public.evidence_tier_of(touched.org_id, touched.artifact_id);
        -- Above the first rung what was not reviewed is no reason.
        SELECT coalesce(jsonb_agg(DISTINCT e.id), '[]') INTO behind
        FROM public.evidence_rungs_of(touched.org_id, touched.artifact_id) AS r CROSS JOIN unnest(r.evidence) AS e (id)
        WHERE r.held AND (r.tier > 'E1' OR reached = 'E1');
        -- For auth.audit(), which tells it.
        PERFORM set_config('augentis.evidence', behind::text, true);
        UPDATE public.artifact AS a
        SET evidence_tier = reached, declared_tier = coalesce(a.declared_tier, a.evidence_tier)
        WHERE a.org_id = touched.org_id AND a.id = touched.artifact_id AND a.evidence_tier < reached;
    END LOOP;
    RETURN NULL;
END
$$;
-- By their names after the audit's own: a piece is told before what it led to.
CREATE TRIGGER raise_tier_on_insert AFTER INSERT ON public.evidence REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION public.raise_evidence_tier();
CREATE TRIGGER raise_tier_on_update AFTER UPDATE ON public.evidence REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION public.raise_evidence_tier();

-- As it was, but for the tier of an approved version: raise_evidence_tier()'s role may raise it, nobody else.
CREATE OR REPLACE FUNCTION public.guard_artifact() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step text := OLD.status || ' -> ' || NEW.status;
    who uuid := auth.uid();
    raised boolean := current_user = 'augentis_assessor' AND NEW.evidence_tier > OLD.evidence_tier;
BEGIN
    IF (NEW.org_id, NEW.id, NEW.project_id, NEW.type, NEW.key, NEW.version, NEW.created_by, NEW.created_at)
        IS DISTINCT FROM
       (OLD.org_id, OLD.id, OLD.project_id, OLD.type, OLD.key, OLD.version, OLD.created_by, OLD.created_at)
    THEN
        RAISE EXCEPTION 'what a version is does not change' USING ERRCODE = 'AG004';
    END IF;
    IF OLD.status IN ('APPROVED', 'DEPLOYED')
        AND (NEW.content IS DISTINCT FROM OLD.content OR (NEW.evidence_tier <> OLD.evidence_tier AND NOT raised))
    THEN
        RAISE EXCEPTION 'the version is approved: a change is a new version' USING ERRCODE = 'AG004';
    END IF;
    IF NEW.evidence_tier <> OLD.evidence_tier AND NOT raised THEN
        NEW.declared_tier := NULL;
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

-- After a statement, for all of its rows. Arguments: what a row is called, the column of its id, and one more
-- of its key where two rows may share that. A row that only says when it was used, or by whom, has not changed.
-- Evidence that was reviewed is an ESCALATE, and so is the artifact's tier that evidence has raised: that entry's
-- changes_after names the `evidence` behind it. A tier changes inside a trigger by raise_evidence_tier() alone,
-- which has just set augentis.evidence, so that nobody's own setting is believed.
CREATE OR REPLACE FUNCTION auth.audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET row_security = on SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    happened timestamptz := clock_timestamp();
    claims jsonb := auth.claims();
    kind text := CASE WHEN claims ? 'key_id' THEN 'key'
                      WHEN claims ? 'sub' OR claims ? 'identity' THEN 'user' ELSE 'role' END;
    olds jsonb[];
    news jsonb[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(NULL::jsonb), array_agg(to_jsonb(n)) INTO olds, news FROM new_rows AS n;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(to_jsonb(o)), array_agg(NULL::jsonb) INTO olds, news FROM old_rows AS o;
    ELSE
        SELECT array_agg(o.part), array_agg(n.part) INTO olds, news
        FROM (SELECT to_jsonb(o) AS part FROM old_rows AS o) AS o
        FULL JOIN (SELECT to_jsonb(n) AS part FROM new_rows AS n) AS n
        ON concat_ws('/', o.part ->> 'org_id', o.part ->> TG_ARGV[1], o.part ->> TG_ARGV[2])
         = concat_ws('/', n.part ->> 'org_id', n.part ->> TG_ARGV[1], n.part ->> TG_ARGV[2]);
    END IF;
    IF olds IS NULL THEN
        RETURN NULL;
    END IF;
    -- Made ahead as long as a worker runs; but nobody's edit may fail for want of a month.
    IF to_regclass('public.audit_log_' || to_char(happened AT TIME ZONE 'UTC', 'YYYY_MM')) IS NULL THEN
        PERFORM public.ensure_partitions('{audit_log}', ARRAY[(happened AT TIME ZONE 'UTC')::date]);
    END IF;
    INSERT INTO public.audit_log (org_id, timestamp, id, project_id, actor_kind, actor_id, actor_name, action,
                                  resource_type, resource_id, changes_before, changes_after)
    SELECT whose.org_id, happened, gen_random_uuid(),
           CASE TG_ARGV[0] WHEN 'Project' THEN r.part ->> 'id' ELSE r.part ->> 'project_id' END::uuid,
           kind,
           -- Who signs in acts on what is theirs alone: their membership, their invitation.
           CASE WHEN claims ? 'identity' THEN coalesce(r.part ->> 'accepted_by', r.part ->> 'user_id')::uuid
                WHEN kind = 'role' THEN auth.role_id(session_user)
                ELSE coalesce(claims ->> 'key_id', claims ->> 'sub')::uuid END,
           CASE kind WHEN 'role' THEN session_user END,
           CASE WHEN c.old IS NULL THEN 'CREATE'
                WHEN c.new IS NULL THEN 'DELETE'
                WHEN TG_ARGV[0] = 'Artifact' AND changed.after ->> 'status' = 'APPROVED' THEN 'APPROVE'
                WHEN TG_ARGV[0] = 'Evidence' AND changed.after ->> 'escalation_status' = 'ESCALATED' THEN 'ESCALATE'
                WHEN TG_ARGV[0] = 'PhaseGateDecision' AND changed.after ? 'override_at' THEN 'OVERRIDE'
                WHEN escalated.raised THEN 'ESCALATE'
                ELSE 'UPDATE' END,
           TG_ARGV[0], (r.part ->> TG_ARGV[1])::uuid, changed.before,
           CASE WHEN escalated.raised
                THEN changed.after || jsonb_build_object('evidence', current_setting('augentis.evidence')::jsonb)
                ELSE changed.after END
    FROM unnest(olds, news) AS c (old, new)
    CROSS JOIN LATERAL (SELECT coalesce(c.new, c.old) AS part) AS r
    CROSS JOIN LATERAL (
        -- A person has no organisation of their own: theirs is the one that the token is for.
        SELECT CASE TG_ARGV[0] WHEN 'Organization' THEN r.part ->> 'id' WHEN 'User' THEN claims ->> 'org_id'
               ELSE r.part ->> 'org_id' END::uuid AS org_id
    ) AS whose
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.old IS NOT NULL THEN jsonb_object_agg(k.key, c.old -> k.key) END AS before,
               CASE WHEN c.new IS NOT NULL THEN jsonb_object_agg(k.key, c.new -> k.key) END AS after
        FROM jsonb_object_keys(r.part) AS k (key)
        WHERE nullif(c.old -> k.key, 'null') IS DISTINCT FROM nullif(c.new -> k.key, 'null')
          AND k.key <> ALL ('{secret_sha256, updated_at, last_updated_by, last_login_at, last_used_at, revision}')
          AND (k.key <> 'version' OR c.old IS NULL OR c.new IS NULL)
    ) AS changed
    CROSS JOIN LATERAL (
        SELECT TG_OP = 'UPDATE' AND TG_ARGV[0] = 'Artifact' AND pg_trigger_depth() > 1
               AND changed.after ? 'evidence_tier' AS raised
    ) AS escalated
    WHERE whose.org_id IS NOT NULL AND coalesce(changed.before, changed.after) IS NOT NULL;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION public.guard_evidence(), public.evidence_rungs_of(uuid, uuid),
    public.evidence_tier_of(uuid, uuid), public.raise_evidence_tier() FROM PUBLIC;
SET LOCAL row_security = off;
