DROP TRIGGER wake_lane ON alert_channel;
DROP FUNCTION public.wake_lane();
DROP TABLE alert_delivery;
DROP TABLE alert_lane;
DROP FUNCTION public.promote_heads(uuid, uuid, uuid[]);
DROP FUNCTION public.take_places(uuid, uuid, integer);
REVOKE USAGE ON SCHEMA auth, public FROM augentis_postmaster;
