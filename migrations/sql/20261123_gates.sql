-- Gate decisions (DataModel.md 7): a caller sends what was looked at; score, threshold and decision follow here.
-- Functions that read rows do so with the caller's own rights: what they may not see is not there for them.

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE phase_gate_decision (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    phase TEXT NOT NULL,
    score INTEGER NOT NULL,
    target_threshold INTEGER NOT NULL,
    decision TEXT GENERATED ALWAYS AS (CASE WHEN score >= target_threshold THEN 'PASS' WHEN score >= 50 THEN 'CONDITIONAL' ELSE 'FAIL' END) STORED NOT NULL,
    indicators JSONB NOT NULL,
    decided_by UUID NOT NULL,
    rationale TEXT NOT NULL,
    override_by UUID,
    override_reason TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    override_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_phase_gate_decision PRIMARY KEY (org_id, id),
    CONSTRAINT fk_phase_gate_decision_org_id_project_id
        FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_phase_gate_decision_decided_by FOREIGN KEY (decided_by) REFERENCES app_user (id),
    CONSTRAINT fk_phase_gate_decision_override_by FOREIGN KEY (override_by) REFERENCES app_user (id),
    CONSTRAINT uq_phase_gate_decision_org_id_project_id_id UNIQUE (org_id, project_id, id),
    CONSTRAINT uq_phase_gate_decision_org_id_project_id_decided_at UNIQUE (org_id, project_id, decided_at),
    CONSTRAINT ck_phase_gate_decision_phase CHECK (phase IN ('VRC', 'VCD', 'DSP', 'MDP')),
    CONSTRAINT ck_phase_gate_decision_score CHECK (score BETWEEN 0 AND 100),
    CONSTRAINT ck_phase_gate_decision_target_threshold CHECK (target_threshold BETWEEN 50 AND 100),
    CONSTRAINT ck_phase_gate_decision_indicators CHECK (jsonb_typeof(indicators) = 'array'),
    CONSTRAINT ck_phase_gate_decision_rationale_length CHECK (char_length(rationale) BETWEEN 3 AND 2000),
    CONSTRAINT ck_phase_gate_decision_override_reason_length CHECK (char_length(override_reason) BETWEEN 3 AND 2000),
    CONSTRAINT ck_phase_gate_decision_override CHECK (
        (override_at IS NULL) = (override_by IS NULL) AND (override_at IS NULL) = (override_reason IS NULL)
        AND (override_at IS NULL OR decision <> 'PASS'))
);

CREATE TABLE gate_artifact (
    org_id UUID NOT NULL,
    gate_decision_id UUID NOT NULL,
    artifact_id UUID NOT NULL,
    project_id UUID NOT NULL,
    evidence_tier TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_gate_artifact PRIMARY KEY (org_id, gate_decision_id, artifact_id),
    CONSTRAINT fk_gate_artifact_org_id_project_id_gate_decision_id
        FOREIGN KEY (org_id, project_id, gate_decision_id) REFERENCES phase_gate_decision (org_id, project_id, id),
    CONSTRAINT fk_gate_artifact_org_id_project_id_artifact_id
        FOREIGN KEY (org_id, project_id, artifact_id) REFERENCES artifact (org_id, project_id, id),
    CONSTRAINT ck_gate_artifact_evidence_tier CHECK (evidence_tier IN ('E2', 'E3', 'E4'))
);
CREATE INDEX ix_gate_artifact_artifact ON gate_artifact (org_id, artifact_id);

CREATE TABLE gate_evidence (
    org_id UUID NOT NULL,
    gate_decision_id UUID NOT NULL,
    evidence_id UUID NOT NULL,
    project_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_gate_evidence PRIMARY KEY (org_id, gate_decision_id, evidence_id),
    CONSTRAINT fk_gate_evidence_org_id_project_id_gate_decision_id
        FOREIGN KEY (org_id, project_id, gate_decision_id) REFERENCES phase_gate_decision (org_id, project_id, id),
    CONSTRAINT fk_gate_evidence_org_id_project_id_evidence_id
        FOREIGN KEY (org_id, project_id, evidence_id) REFERENCES evidence (org_id, project_id, id)
);
CREATE INDEX ix_gate_evidence_evidence ON gate_evidence (org_id, evidence_id);

-- The four gates: of which phase of a project each is, where it leads, and what it asks for.
CREATE FUNCTION public.gates()
RETURNS TABLE (phase text, project_phase text, next_phase text, target_threshold integer, indicators integer)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    VALUES ('VRC', 'DISCOVER', 'DEFINE', 76, 20),
           ('VCD', 'DEFINE', 'DESIGN', 75, 10),
           ('DSP', 'DESIGN', 'DEVELOP', 80, 8),
           ('MDP', 'DEVELOP', 'DEPLOY', 85, 6)
$$;

-- The mean of the scores, rounded half up, in whole numbers all the way: floor((2 * sum + n) / 2n).
CREATE FUNCTION public.gate_score(phase text, indicators jsonb) RETURNS integer
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    expected integer := (SELECT g.indicators FROM public.gates() AS g WHERE g.phase = gate_score.phase);
    twice integer;
BEGIN
    IF expected IS NULL THEN
        RAISE EXCEPTION 'phase: there is no gate %: VRC, VCD, DSP or MDP is meant', gate_score.phase
            USING ERRCODE = '23514';
    END IF;
    IF jsonb_typeof(gate_score.indicators) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'indicators: an array is meant' USING ERRCODE = '23514';
    END IF;
    IF jsonb_array_length(gate_score.indicators) <> expected THEN
        RAISE EXCEPTION 'indicators: % takes exactly %, not %', gate_score.phase, expected,
            jsonb_array_length(gate_score.indicators) USING ERRCODE = '23514';
    END IF;
    IF EXISTS (
        SELECT FROM jsonb_array_elements(gate_score.indicators) AS i (one)
        WHERE CASE WHEN jsonb_typeof(i.one) <> 'object' THEN true
              WHEN jsonb_typeof(i.one -> 'name') IS DISTINCT FROM 'string'
                OR jsonb_typeof(i.one -> 'score') IS DISTINCT FROM 'number' THEN true
              ELSE i.one - 'name' - 'score' <> '{}'
                OR char_length(i.one ->> 'name') NOT BETWEEN 1 AND 100
                OR i.one ->> 'score' !~ '^([1-9]?[0-9]|100)$' END
    ) THEN
        RAISE EXCEPTION 'indicators: each is a name of 1 to 100 characters and a whole score from 0 to 100'
            USING ERRCODE = '23514';
    END IF;
    IF (SELECT count(DISTINCT i.one ->> 'name') FROM jsonb_array_elements(gate_score.indicators) AS i (one))
        <> expected
    THEN
        RAISE EXCEPTION 'indicators: two of them have the same name' USING ERRCODE = '23514';
    END IF;
    SELECT 2 * sum((i.one ->> 'score')::integer) INTO twice
    FROM jsonb_array_elements(gate_score.indicators) AS i (one);
    RETURN (twice + expected) / (2 * expected);
END
$$;

-- One decision of a project after the other: whoever comes second waits for the project, and finds the phase that
-- the first one has led it to. Their moments differ, so that one of them is the latest.
CREATE FUNCTION public.decide_gate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stands record;
    gate record;
BEGIN
    SELECT p.phase, p.is_archived INTO stands FROM public.project AS p
    WHERE p.org_id = NEW.org_id AND p.id = NEW.project_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the project is not there, or not yours to decide on' USING ERRCODE = '42501';
    END IF;
    SELECT g.* INTO gate FROM public.gates() AS g WHERE g.phase = NEW.phase;
    IF stands.is_archived THEN
        RAISE EXCEPTION 'the project is archived: take it out of the archive first' USING ERRCODE = 'AG018';
    END IF;
    IF stands.phase <> gate.project_phase THEN
        RAISE EXCEPTION 'the project is in %, and % is the gate of %: %', stands.phase, NEW.phase, gate.project_phase,
            coalesce((SELECT 'decide on ' || g.phase FROM public.gates() AS g WHERE g.project_phase = stands.phase),
                     'no gate is ahead of it')
            USING ERRCODE = 'AG016';
    END IF;
    NEW.score := public.gate_score(NEW.phase, NEW.indicators);
    NEW.target_threshold := gate.target_threshold;
    NEW.decided_by := coalesce(auth.uid(), NEW.decided_by);
    NEW.created_at := now();
    NEW.decided_at := greatest(clock_timestamp(), now(), (
        SELECT max(d.decided_at) + interval '1 microsecond' FROM public.phase_gate_decision AS d
        WHERE d.org_id = NEW.org_id AND d.project_id = NEW.project_id));
    RETURN NEW;
END
$$;
CREATE TRIGGER decide_gate BEFORE INSERT ON public.phase_gate_decision
FOR EACH ROW EXECUTE FUNCTION public.decide_gate();

-- What was decided stays; an override stands beside it, once, as long as the project waits at this gate.
CREATE FUNCTION public.override_gate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stands record;
BEGIN
    IF (NEW.org_id, NEW.id, NEW.project_id, NEW.phase, NEW.score, NEW.target_threshold, NEW.indicators,
        NEW.decided_by, NEW.rationale, NEW.created_at, NEW.decided_at)
        IS DISTINCT FROM
       (OLD.org_id, OLD.id, OLD.project_id, OLD.phase, OLD.score, OLD.target_threshold, OLD.indicators,
        OLD.decided_by, OLD.rationale, OLD.created_at, OLD.decided_at)
    THEN
        RAISE EXCEPTION 'what was decided does not change' USING ERRCODE = 'AG004';
    END IF;
    SELECT p.phase, p.is_archived INTO stands FROM public.project AS p
    WHERE p.org_id = NEW.org_id AND p.id = NEW.project_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the project is not there, or not yours to decide on' USING ERRCODE = '42501';
    END IF;
    IF stands.is_archived THEN
        RAISE EXCEPTION 'the project is archived: take it out of the archive first' USING ERRCODE = 'AG018';
    END IF;
    IF OLD.override_at IS NOT NULL THEN
        RAISE EXCEPTION 'the decision was overridden before' USING ERRCODE = 'AG017';
    END IF;
    IF OLD.decision = 'PASS' THEN
        RAISE EXCEPTION 'the decision is PASS: there is nothing to override' USING ERRCODE = 'AG017';
    END IF;
    IF EXISTS (
        SELECT FROM public.phase_gate_decision AS d
        WHERE d.org_id = OLD.org_id AND d.project_id = OLD.project_id AND d.decided_at > OLD.decided_at
    ) THEN
        RAISE EXCEPTION 'the project has a later decision: only the latest one can be overridden'
            USING ERRCODE = 'AG017';
    END IF;
    IF stands.phase IS DISTINCT FROM
        (SELECT g.project_phase FROM public.gates() AS g WHERE g.phase = OLD.phase)
    THEN
        RAISE EXCEPTION 'the project is in %, no longer in the phase of %', stands.phase, OLD.phase
            USING ERRCODE = 'AG017';
    END IF;
    IF NEW.override_reason IS NULL THEN
        RAISE EXCEPTION 'an override has a reason: send override_reason' USING ERRCODE = 'AG017';
    END IF;
    NEW.override_by := coalesce(auth.uid(), NEW.override_by);
    NEW.override_at := greatest(clock_timestamp(), OLD.decided_at);
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER override_gate BEFORE UPDATE ON public.phase_gate_decision
FOR EACH ROW EXECUTE FUNCTION public.override_gate();

-- The project follows: this alone moves the phase and the status of one that has had a decision.
CREATE FUNCTION public.follow_gate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_through boolean := NEW.decision = 'PASS' OR NEW.override_at IS NOT NULL;
    reached text := CASE WHEN is_through THEN 'PASSED' WHEN NEW.decision = 'CONDITIONAL' THEN 'CONDITIONAL'
                         ELSE 'FAILED' END;
BEGIN
    UPDATE public.project AS p
    SET status = reached, phase = CASE WHEN is_through THEN g.next_phase ELSE p.phase END
    FROM public.gates() AS g
    WHERE p.org_id = NEW.org_id AND p.id = NEW.project_id AND g.phase = NEW.phase
      AND p.phase = g.project_phase AND (is_through OR p.status <> reached);
    RETURN NULL;
END
$$;
CREATE TRIGGER follow_gate AFTER INSERT OR UPDATE ON public.phase_gate_decision
FOR EACH ROW EXECUTE FUNCTION public.follow_gate();

-- At the end of the transaction, since the decision is there before what it rests on.
CREATE FUNCTION public.gate_rests_on_artifacts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.gate_artifact AS a WHERE a.org_id = NEW.org_id AND a.gate_decision_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'a decision rests on an artifact at least: name it in artifact_ids' USING ERRCODE = 'AG019';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER gate_rests_on_artifacts AFTER INSERT ON public.phase_gate_decision
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.gate_rests_on_artifacts();

-- An artifact that the caller does not see has no tier here: policies and keys then refuse the row.
CREATE FUNCTION public.keep_gate_tier() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named record;
BEGIN
    NEW.evidence_tier := NULL;
    SELECT a.type, a.key, a.version INTO named FROM public.artifact AS a
    WHERE a.org_id = NEW.org_id AND a.project_id = NEW.project_id AND a.id = NEW.artifact_id;
    IF FOUND THEN
        NEW.evidence_tier := public.evidence_tier_of(NEW.org_id, NEW.artifact_id);
        IF NEW.evidence_tier IN ('E0', 'E1') THEN
            RAISE EXCEPTION 'the evidence behind % is worth %, and a gate takes E2 or more: GET /v1/artifacts/{id}/evidence-tier says what is missing',
                concat_ws(' ', named.type, nullif(named.key, ''), 'version', named.version), NEW.evidence_tier
                USING ERRCODE = 'AG015';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_gate_tier BEFORE INSERT ON public.gate_artifact
FOR EACH ROW EXECUTE FUNCTION public.keep_gate_tier();

-- What a decision rests on is named as it is made: by the transaction (or savepoint) that has written its row.
CREATE FUNCTION public.gate_is_open() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrote xid;
BEGIN
    IF TG_TABLE_NAME = 'gate_artifact' THEN
        SELECT a.xmin INTO wrote FROM public.gate_artifact AS a
        WHERE a.org_id = NEW.org_id AND a.gate_decision_id = NEW.gate_decision_id AND a.artifact_id = NEW.artifact_id;
    ELSE
        SELECT e.xmin INTO wrote FROM public.gate_evidence AS e
        WHERE e.org_id = NEW.org_id AND e.gate_decision_id = NEW.gate_decision_id AND e.evidence_id = NEW.evidence_id;
    END IF;
    IF NOT EXISTS (
        -- The time as well: after four thousand million transactions their numbers come again.
        SELECT FROM public.phase_gate_decision AS d
        WHERE d.org_id = NEW.org_id AND d.id = NEW.gate_decision_id AND d.xmin = wrote
          AND d.override_at IS NULL AND d.decided_at >= now()
    ) THEN
        RAISE EXCEPTION 'what a decision rests on does not change' USING ERRCODE = 'AG004';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER gate_is_open AFTER INSERT ON public.gate_artifact
FOR EACH ROW EXECUTE FUNCTION public.gate_is_open();
CREATE TRIGGER gate_is_open AFTER INSERT ON public.gate_evidence
FOR EACH ROW EXECUTE FUNCTION public.gate_is_open();

-- Where a project stands that no gate has been decided on, as its maker might have said (ADR 0018); for an
-- ADMIN of all of the organisation. Tells whether it was taken.
CREATE FUNCTION public.declare_phase(project uuid, phase text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.my_role() IS DISTINCT FROM 'ADMIN' OR auth.workspace_id() IS NOT NULL THEN
        RAISE EXCEPTION 'an ADMIN of all of the organisation says where a project stands' USING ERRCODE = '42501';
    END IF;
    PERFORM FROM public.project AS p
    WHERE p.org_id = auth.org_id() AND p.id = declare_phase.project FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM public.phase_gate_decision AS d
        WHERE d.org_id = auth.org_id() AND d.project_id = declare_phase.project
    ) THEN
        RETURN false;
    END IF;
    UPDATE public.project AS p SET phase = declare_phase.phase
    WHERE p.org_id = auth.org_id() AND p.id = declare_phase.project;
    RETURN FOUND;
END
$$;

REVOKE ALL ON FUNCTION public.gates(), public.gate_score(text, jsonb), public.decide_gate(), public.override_gate(),
    public.follow_gate(), public.gate_rests_on_artifacts(), public.keep_gate_tier(), public.gate_is_open(),
    public.declare_phase(uuid, text) FROM PUBLIC;
SET LOCAL row_security = off;
