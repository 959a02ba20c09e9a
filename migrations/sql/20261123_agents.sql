-- The catalogue of agents, what models cost since when, and what agents did (DataModel.md 11 and 15; ADR 0019).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE agent (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    phase TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    description TEXT NOT NULL,
    system_prompt TEXT NOT NULL,
    model_preference TEXT NOT NULL,
    avg_tokens_input INTEGER NOT NULL,
    avg_tokens_output INTEGER NOT NULL,
    cost_per_execution_usd NUMERIC(24, 12) NOT NULL,
    is_active BOOLEAN DEFAULT true NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_agent PRIMARY KEY (id),
    CONSTRAINT uq_agent_name UNIQUE (name),
    CONSTRAINT ck_agent_id CHECK (id BETWEEN 1 AND 26),
    CONSTRAINT ck_agent_name_length CHECK (char_length(name) BETWEEN 3 AND 100),
    CONSTRAINT ck_agent_phase CHECK (phase IN ('DISCOVER', 'DEFINE', 'DESIGN', 'DEVELOP', 'DEPLOY')),
    CONSTRAINT ck_agent_agent_type CHECK (agent_type IN ('VALIDATOR', 'ANALYZER', 'GENERATOR', 'ASSEMBLER')),
    CONSTRAINT ck_agent_model_preference_length CHECK (char_length(model_preference) BETWEEN 1 AND 100),
    CONSTRAINT ck_agent_averages CHECK (
        avg_tokens_input >= 0 AND avg_tokens_output >= 0 AND cost_per_execution_usd >= 0)
);

CREATE TABLE agent_tool (
    agent_id INTEGER NOT NULL,
    tool_name TEXT NOT NULL,
    tool_config JSONB NOT NULL,
    CONSTRAINT pk_agent_tool PRIMARY KEY (agent_id, tool_name),
    CONSTRAINT fk_agent_tool_agent_id FOREIGN KEY (agent_id) REFERENCES agent (id),
    CONSTRAINT ck_agent_tool_tool_name CHECK (tool_name ~ '^[a-z][a-z0-9_]{1,49}$'),
    CONSTRAINT ck_agent_tool_tool_config CHECK (jsonb_typeof(tool_config) = 'object')
);

CREATE TABLE model_price (
    model TEXT NOT NULL,
    effective_from TIMESTAMP WITH TIME ZONE NOT NULL,
    input_per_million NUMERIC(12, 6) NOT NULL,
    output_per_million NUMERIC(12, 6) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_model_price PRIMARY KEY (model, effective_from),
    CONSTRAINT ck_model_price_model_length CHECK (char_length(model) BETWEEN 1 AND 100),
    CONSTRAINT ck_model_price_prices CHECK (
        input_per_million >= 0 AND output_per_million >= 0
        AND input_per_million <> 'NaN' AND output_per_million <> 'NaN')
);

CREATE TABLE agent_execution (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    agent_id INTEGER NOT NULL,
    phase TEXT NOT NULL,
    status TEXT DEFAULT 'QUEUED' NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    tokens_input INTEGER,
    tokens_output INTEGER,
    cost_usd NUMERIC(24, 12),
    model_used TEXT,
    output_artifact_id UUID,
    error_message TEXT,
    retry_count INTEGER DEFAULT 0 NOT NULL,
    max_retries INTEGER DEFAULT 3 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    retry_of UUID,
    input_per_million NUMERIC(12, 6),
    output_per_million NUMERIC(12, 6),
    seen_at TIMESTAMP WITH TIME ZONE,
    claim_id UUID,
    queued_by UUID NOT NULL,
    claimed_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_agent_execution PRIMARY KEY (org_id, id),
    CONSTRAINT uq_agent_execution_org_id_project_id_id UNIQUE (org_id, project_id, id),
    CONSTRAINT uq_agent_execution_org_id_project_id_claim_id UNIQUE (org_id, project_id, claim_id),
    CONSTRAINT uq_agent_execution_org_id_retry_of UNIQUE (org_id, retry_of),
    CONSTRAINT fk_agent_execution_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_agent_execution_agent_id FOREIGN KEY (agent_id) REFERENCES agent (id),
    CONSTRAINT fk_agent_execution_org_id_project_id_output_artifact_id FOREIGN KEY (org_id, project_id, output_artifact_id)
        REFERENCES artifact (org_id, project_id, id),
    CONSTRAINT fk_agent_execution_org_id_project_id_retry_of FOREIGN KEY (org_id, project_id, retry_of)
        REFERENCES agent_execution (org_id, project_id, id),
    CONSTRAINT fk_agent_execution_queued_by FOREIGN KEY (queued_by) REFERENCES app_user (id),
    CONSTRAINT ck_agent_execution_phase CHECK (phase IN ('DISCOVER', 'DEFINE', 'DESIGN', 'DEVELOP', 'DEPLOY')),
    CONSTRAINT ck_agent_execution_status CHECK (status IN ('QUEUED', 'RUNNING', 'SUCCESS', 'FAILED', 'RETRIED')),
    CONSTRAINT ck_agent_execution_started CHECK (
        num_nonnulls(started_at, seen_at, claimed_by) = CASE status WHEN 'QUEUED' THEN 0 ELSE 3 END),
    CONSTRAINT ck_agent_execution_ended CHECK (
        num_nonnulls(completed_at, tokens_input, tokens_output, model_used, cost_usd, input_per_million, output_per_million)
        = CASE WHEN status IN ('QUEUED', 'RUNNING') THEN 0 ELSE 7 END),
    CONSTRAINT ck_agent_execution_failed CHECK ((status IN ('FAILED', 'RETRIED')) = (error_message IS NOT NULL)),
    CONSTRAINT ck_agent_execution_output CHECK (output_artifact_id IS NULL OR status = 'SUCCESS'),
    CONSTRAINT ck_agent_execution_error_message_length CHECK (char_length(error_message) BETWEEN 1 AND 10000),
    CONSTRAINT ck_agent_execution_tokens CHECK (tokens_input >= 0 AND tokens_output >= 0),
    CONSTRAINT ck_agent_execution_cost CHECK (
        cost_usd = (tokens_input * input_per_million + tokens_output * output_per_million) * 0.000001),
    CONSTRAINT ck_agent_execution_retries CHECK (
        max_retries BETWEEN 0 AND 10 AND retry_count BETWEEN 0 AND max_retries
        AND (retry_count = 0) = (retry_of IS NULL))
);
CREATE INDEX ix_agent_execution_project ON agent_execution (org_id, project_id, created_at DESC);
CREATE INDEX ix_agent_execution_queue ON agent_execution (org_id, project_id, created_at, id) WHERE status = 'QUEUED';
CREATE INDEX ix_agent_execution_running ON agent_execution (org_id, project_id) WHERE status = 'RUNNING';
CREATE INDEX ix_agent_execution_silent ON agent_execution (seen_at) WHERE status = 'RUNNING';

-- The project of the key that asks, as long as the key is good for running.
CREATE FUNCTION auth.run_project() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.project_id FROM public.machine_key AS k
    WHERE k.org_id = auth.org_id() AND k.id = auth.key_id()
      AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND 'run' = ANY (k.scopes)
$$;

-- An execution begins in the queue, at its end: the time is ours, and taken under a lock that is held until
-- it can be seen, so that nobody comes to stand before those who wait already.
CREATE FUNCTION public.queue_execution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted public.agent;
BEGIN
    IF NEW.status <> 'QUEUED' THEN
        RAISE EXCEPTION 'an execution begins QUEUED, not %', NEW.status USING ERRCODE = 'AG020';
    END IF;
    SELECT a.* INTO wanted FROM public.agent AS a WHERE a.id = NEW.agent_id;
    IF wanted.id IS NULL THEN
        RAISE EXCEPTION 'there is no agent %', NEW.agent_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'fk_agent_execution_agent_id';
    END IF;
    IF NOT wanted.is_active THEN
        RAISE EXCEPTION 'agent % (%) is switched off: the operator can switch it on with `augentis agent enable %`',
            wanted.id, wanted.name, wanted.id USING ERRCODE = 'AG024';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('executions of ' || NEW.project_id::text, 0));
    NEW.phase := wanted.phase;
    NEW.created_at := clock_timestamp();
    NEW.updated_at := NEW.created_at;
    RETURN NEW;
END
$$;
CREATE TRIGGER queue_execution BEFORE INSERT ON public.agent_execution
FOR EACH ROW EXECUTE FUNCTION public.queue_execution();

-- The price of a model at a moment: the newest that had come into force.
CREATE FUNCTION public.price_at(wanted text, moment timestamptz) RETURNS public.model_price
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_price public.model_price;
BEGIN
    SELECT p.* INTO found_price FROM public.model_price AS p
    WHERE p.model = wanted AND p.effective_from <= moment ORDER BY p.effective_from DESC LIMIT 1;
    IF found_price.model IS NULL THEN
        RAISE EXCEPTION 'model "%" had no price when this started; models that had: %', wanted,
            (SELECT string_agg(DISTINCT p.model, ', ' ORDER BY p.model) FROM public.model_price AS p
             WHERE p.effective_from <= moment)
            USING ERRCODE = 'AG023';
    END IF;
    RETURN found_price;
END
$$;

-- What an execution is never changes; its status by single steps, and each step writes what belongs to it.
CREATE FUNCTION public.guard_execution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step text := OLD.status || ' -> ' || NEW.status;
    price public.model_price;
BEGIN
    IF (NEW.org_id, NEW.id, NEW.project_id, NEW.agent_id, NEW.phase, NEW.created_at, NEW.queued_by, NEW.retry_of,
        NEW.retry_count, NEW.max_retries, NEW.started_at, NEW.completed_at, NEW.cost_usd, NEW.input_per_million,
        NEW.output_per_million, NEW.claimed_by)
        IS DISTINCT FROM
       (OLD.org_id, OLD.id, OLD.project_id, OLD.agent_id, OLD.phase, OLD.created_at, OLD.queued_by, OLD.retry_of,
        OLD.retry_count, OLD.max_retries, OLD.started_at, OLD.completed_at, OLD.cost_usd, OLD.input_per_million,
        OLD.output_per_million, OLD.claimed_by)
    THEN
        RAISE EXCEPTION 'what an execution is, when its steps were taken and what it cost are not for editing'
            USING ERRCODE = 'AG020';
    END IF;
    IF NEW.status <> OLD.status
        AND step NOT IN ('QUEUED -> RUNNING', 'RUNNING -> SUCCESS', 'RUNNING -> FAILED', 'FAILED -> RETRIED')
    THEN
        RAISE EXCEPTION 'there is no step %', step USING ERRCODE = 'AG020';
    END IF;
    IF step NOT IN ('RUNNING -> SUCCESS', 'RUNNING -> FAILED')
        AND (NEW.tokens_input, NEW.tokens_output, NEW.model_used, NEW.output_artifact_id, NEW.error_message)
            IS DISTINCT FROM
            (OLD.tokens_input, OLD.tokens_output, OLD.model_used, OLD.output_artifact_id, OLD.error_message)
    THEN
        RAISE EXCEPTION 'what came of an execution is said once, as it ends (it is %)', OLD.status
            USING ERRCODE = 'AG020';
    END IF;
    IF step <> 'QUEUED -> RUNNING' AND NEW.claim_id IS DISTINCT FROM OLD.claim_id THEN
        RAISE EXCEPTION 'a claim is named as an execution starts' USING ERRCODE = 'AG020';
    END IF;
    NEW.version := OLD.version;
    NEW.updated_at := OLD.updated_at;
    -- A word of whoever runs it: not a worker's, who gives it up.
    IF OLD.status = 'RUNNING' AND coalesce(auth.uid(), auth.key_id()) IS NOT NULL THEN
        NEW.seen_at := clock_timestamp();
    ELSE
        NEW.seen_at := OLD.seen_at;
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    CASE step
        WHEN 'QUEUED -> RUNNING' THEN
            NEW.started_at := clock_timestamp();
            NEW.seen_at := NEW.started_at;
            NEW.claimed_by := coalesce(auth.uid(), auth.key_id(), auth.role_id(session_user));
        WHEN 'RUNNING -> SUCCESS', 'RUNNING -> FAILED' THEN
            NEW.completed_at := clock_timestamp();
            NEW.tokens_input := coalesce(NEW.tokens_input, 0);
            NEW.tokens_output := coalesce(NEW.tokens_output, 0);
            NEW.model_used := coalesce(
                NEW.model_used, (SELECT a.model_preference FROM public.agent AS a WHERE a.id = NEW.agent_id));
            price := public.price_at(NEW.model_used, NEW.started_at);
            NEW.input_per_million := price.input_per_million;
            NEW.output_per_million := price.output_per_million;
            -- A product, not a quotient: numeric division keeps 16 digits, and this keeps all.
            NEW.cost_usd := (NEW.tokens_input * price.input_per_million
                             + NEW.tokens_output * price.output_per_million) * 0.000001;
        WHEN 'FAILED -> RETRIED' THEN
            IF OLD.retry_count >= OLD.max_retries THEN
                RAISE EXCEPTION 'it was tried again % times, as often as its max_retries allows: queue a new one',
                    OLD.retry_count USING ERRCODE = 'AG021';
            END IF;
    END CASE;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_execution BEFORE UPDATE ON public.agent_execution
FOR EACH ROW EXECUTE FUNCTION public.guard_execution();

-- DataModel.md 1: at most max_agents_per_project at once, and in turn. The lock makes starts in a project wait
-- for each other; statements after it see what others wrote, which a transaction with one snapshot would not.
CREATE FUNCTION public.start_in_turn() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer;
    running bigint;
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'an execution starts in a READ COMMITTED transaction alone' USING ERRCODE = 'AG022';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('executions of ' || NEW.project_id::text, 0));
    SELECT o.max_agents_per_project INTO most FROM public.organization AS o WHERE o.id = NEW.org_id;
    SELECT count(*) INTO running FROM public.agent_execution AS e
    WHERE e.org_id = NEW.org_id AND e.project_id = NEW.project_id AND e.status = 'RUNNING';
    IF running > most THEN
        RAISE EXCEPTION 'the organisation''s tier lets % run at once in a project', most USING ERRCODE = 'AG022';
    END IF;
    IF EXISTS (
        SELECT FROM public.agent_execution AS e
        WHERE e.org_id = NEW.org_id AND e.project_id = NEW.project_id AND e.status = 'QUEUED'
          AND (e.created_at, e.id) < (NEW.created_at, NEW.id)
    ) THEN
        RAISE EXCEPTION 'others were queued before it: they start first' USING ERRCODE = 'AG022';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER start_in_turn AFTER UPDATE ON public.agent_execution
FOR EACH ROW WHEN (OLD.status = 'QUEUED' AND NEW.status = 'RUNNING') EXECUTE FUNCTION public.start_in_turn();

-- A RETRIED execution is never without its retry.
CREATE FUNCTION public.queue_retry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.agent_execution (org_id, id, project_id, agent_id, retry_of, retry_count, max_retries, queued_by)
    VALUES (NEW.org_id, gen_random_uuid(), NEW.project_id, NEW.agent_id, NEW.id, NEW.retry_count + 1,
            NEW.max_retries, NEW.queued_by);
    RETURN NULL;
END
$$;
CREATE TRIGGER queue_retry AFTER UPDATE ON public.agent_execution
FOR EACH ROW WHEN (OLD.status = 'FAILED' AND NEW.status = 'RETRIED') EXECUTE FUNCTION public.queue_retry();

-- Start the oldest that waits, as the caller may; NULL where none waits or all places are taken. A claim that is
-- sent again, under the same id, finds what it started.
CREATE FUNCTION public.claim_execution(org uuid, project uuid, claim uuid) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('executions of ' || claim_execution.project::text, 0));
    SELECT e.id INTO found_id FROM public.agent_execution AS e
    WHERE e.org_id = claim_execution.org AND e.project_id = claim_execution.project
      AND e.claim_id = claim_execution.claim;
    IF found_id IS NOT NULL THEN
        RETURN found_id;
    END IF;
    BEGIN
        UPDATE public.agent_execution AS e SET status = 'RUNNING', claim_id = claim_execution.claim
        WHERE e.org_id = claim_execution.org AND e.status = 'QUEUED' AND e.id = (
            SELECT w.id FROM public.agent_execution AS w
            WHERE w.org_id = claim_execution.org AND w.project_id = claim_execution.project AND w.status = 'QUEUED'
            ORDER BY w.created_at, w.id LIMIT 1)
        RETURNING e.id INTO found_id;
    EXCEPTION WHEN SQLSTATE 'AG022' THEN
        RETURN NULL;
    END;
    IF found_id IS NULL AND EXISTS (
        SELECT FROM public.agent_execution AS w
        WHERE w.org_id = claim_execution.org AND w.project_id = claim_execution.project AND w.status = 'QUEUED'
    ) THEN
        RAISE EXCEPTION 'the executions of this project may be seen and not run' USING ERRCODE = '42501';
    END IF;
    RETURN found_id;
END
$$;

-- A price that somebody may have been charged does not change, nor does one come before it.
CREATE FUNCTION public.guard_price() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.effective_from <= now() THEN
        RAISE EXCEPTION 'the price of % since % is in force: set another one, from now or later',
            OLD.model, OLD.effective_from USING ERRCODE = 'AG004';
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.effective_from < now() AND EXISTS (
        SELECT FROM public.model_price AS p
        WHERE p.model = NEW.model AND p.effective_from <= NEW.effective_from
    ) THEN
        RAISE EXCEPTION 'a price of % was in force at %: set the new one from now or later',
            NEW.model, NEW.effective_from USING ERRCODE = 'AG004';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER guard_price BEFORE INSERT OR UPDATE OR DELETE ON public.model_price
FOR EACH ROW EXECUTE FUNCTION public.guard_price();

-- For the operator alone: what is of everybody is nobody's to change.
CREATE FUNCTION auth.set_agent_active(agent integer, active boolean) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.agent AS a SET is_active = set_agent_active.active, updated_at = now()
    WHERE a.id = set_agent_active.agent RETURNING a.name
$$;

CREATE FUNCTION auth.set_model_price(model text, input numeric, output numeric, since timestamptz) RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.model_price AS p (model, effective_from, input_per_million, output_per_million)
    VALUES (set_model_price.model, coalesce(set_model_price.since, now()), set_model_price.input, set_model_price.output)
    ON CONFLICT ON CONSTRAINT pk_model_price DO UPDATE
    SET input_per_million = excluded.input_per_million, output_per_million = excluded.output_per_million
    RETURNING p.effective_from
$$;

CREATE FUNCTION auth.agents() RETURNS SETOF public.agent
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.* FROM public.agent AS a ORDER BY a.id
$$;

CREATE FUNCTION auth.model_prices() RETURNS SETOF public.model_price
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.* FROM public.model_price AS p ORDER BY p.model, p.effective_from
$$;

REVOKE ALL ON FUNCTION auth.run_project(), auth.set_agent_active(integer, boolean),
    auth.set_model_price(text, numeric, numeric, timestamptz), auth.model_prices(), auth.agents(),
    public.queue_execution(), public.price_at(text, timestamptz), public.guard_execution(), public.start_in_turn(),
    public.queue_retry(), public.claim_execution(uuid, uuid, uuid), public.guard_price() FROM PUBLIC;
SET LOCAL row_security = off;
