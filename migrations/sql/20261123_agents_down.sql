DROP TABLE agent_execution;
DROP FUNCTION public.queue_execution(), public.guard_execution(), public.start_in_turn(), public.queue_retry(),
    public.claim_execution(uuid, uuid, uuid), public.price_at(text, timestamptz);
DROP FUNCTION auth.set_agent_active(integer, boolean), auth.set_model_price(text, numeric, numeric, timestamptz),
    auth.model_prices(), auth.agents();
DROP TABLE agent_tool, model_price, agent;
DROP FUNCTION public.guard_price(), auth.run_project();
