DROP TABLE cascade_analysis, divergence_report, detector_state, assumption, artifact_dependency, artifact,
    telemetry, ingest_key, project, workspace, organization_members, app_user, organization,
    batch_seen, partial, partition_ledger, project_clock, project_watermark, outbox;
DROP FUNCTION public.assign_artifact_version();
DROP SCHEMA auth CASCADE;
