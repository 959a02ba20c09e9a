DROP TRIGGER wake_lane ON alert_channel;
DROP FUNCTION public.wake_lane(), public.test_channel(uuid), public.replay_delivery(uuid),
    public.revive_deliveries(uuid, uuid[]), public.promote_heads(uuid, uuid, uuid[]),
    public.take_places(uuid, uuid, integer);
DROP TABLE alert_delivery;
DROP TABLE alert_lane;
DROP POLICY postmaster_select ON alert_channel;
REVOKE SELECT (org_id, id, disabled_at, removed_at) ON alert_channel FROM augentis_postmaster;
REVOKE EXECUTE ON FUNCTION auth.claims(), auth.org_id(), auth.my_role(), auth.workspace_id(), auth.confined_to()
FROM augentis_postmaster;
REVOKE USAGE ON SCHEMA auth, public FROM augentis_postmaster;
