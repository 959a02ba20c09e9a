-- What agents cost, by project, agent, phase and model, in days, weeks and months (DataModel.md 14).

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE TABLE cost_tracking (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    agent_id INTEGER NOT NULL,
    phase TEXT NOT NULL,
    model_used TEXT NOT NULL,
    aggregated_at TEXT NOT NULL,
    period_start DATE NOT NULL,
    tokens_used BIGINT NOT NULL,
    cost_usd NUMERIC(38, 12) NOT NULL,
    executions BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_cost_tracking PRIMARY KEY (org_id, id),
    CONSTRAINT fk_cost_tracking_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_cost_tracking_agent_id FOREIGN KEY (agent_id) REFERENCES agent (id),
    CONSTRAINT uq_cost_tracking_period UNIQUE (
        org_id, aggregated_at, period_start, project_id, agent_id, phase, model_used),
    CONSTRAINT ck_cost_tracking_phase CHECK (phase IN ('DISCOVER', 'DEFINE', 'DESIGN', 'DEVELOP', 'DEPLOY')),
    CONSTRAINT ck_cost_tracking_aggregated_at CHECK (aggregated_at IN ('daily', 'weekly', 'monthly')),
    CONSTRAINT ck_cost_tracking_period_start CHECK (
        CASE aggregated_at WHEN 'weekly' THEN extract(isodow FROM period_start) = 1
                           WHEN 'monthly' THEN extract(day FROM period_start) = 1
                           ELSE true END),
    CONSTRAINT ck_cost_tracking_tokens_used CHECK (tokens_used >= 0),
    CONSTRAINT ck_cost_tracking_cost_usd CHECK (cost_usd >= 0 AND cost_usd <> 'NaN'),
    CONSTRAINT ck_cost_tracking_executions CHECK (executions > 0)
);

-- What ended within some days, for the roll-up.
CREATE INDEX ix_agent_execution_ended ON agent_execution (org_id, completed_at) WHERE completed_at IS NOT NULL;

-- Days (UTC) of which an execution was made, changed or deleted since they were rolled up; NULL: all days.
-- Rows are only ever added and taken away: two who end executions at once never wait for each other, and a
-- mark that is seen says that its execution is seen.
CREATE TABLE cost_pending (
    org_id UUID NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    project_id UUID,
    day DATE,
    marked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_cost_pending PRIMARY KEY (org_id, id)
);

-- In the transaction of the change itself. Which executions count is the roll-up's to say (storage/costs.py).
CREATE FUNCTION public.mark_costs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO public.cost_pending (org_id, project_id, day)
        SELECT DISTINCT n.org_id, n.project_id, (n.completed_at AT TIME ZONE 'UTC')::date
        FROM new_rows AS n WHERE n.completed_at IS NOT NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO public.cost_pending (org_id, project_id, day)
        SELECT DISTINCT o.org_id, o.project_id, (o.completed_at AT TIME ZONE 'UTC')::date
        FROM old_rows AS o WHERE o.completed_at IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER mark_costs_insert AFTER INSERT ON public.agent_execution
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.mark_costs();
CREATE TRIGGER mark_costs_update AFTER UPDATE ON public.agent_execution
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.mark_costs();
CREATE TRIGGER mark_costs_delete AFTER DELETE ON public.agent_execution
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.mark_costs();

-- In another time zone every day is another one.
CREATE FUNCTION public.mark_all_costs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.cost_pending (org_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER mark_all_costs AFTER UPDATE OF timezone ON public.organization
FOR EACH ROW WHEN (OLD.timezone IS DISTINCT FROM NEW.timezone) EXECUTE FUNCTION public.mark_all_costs();

REVOKE ALL ON FUNCTION public.mark_costs(), public.mark_all_costs() FROM PUBLIC;
SET LOCAL row_security = off;
