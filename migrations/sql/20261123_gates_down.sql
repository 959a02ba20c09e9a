DROP TABLE gate_evidence, gate_artifact, phase_gate_decision;
DROP FUNCTION public.decide_gate(), public.override_gate(), public.follow_gate(), public.gate_rests_on_artifacts(),
    public.keep_gate_tier(), public.gate_is_open(), public.declare_phase(uuid, text), public.gate_score(text, jsonb),
    public.gates();
