DROP TRIGGER tell_of_report ON divergence_report;
DROP TRIGGER tell_of_new_report ON divergence_report;
DROP TRIGGER guard_handling ON divergence_report;
DROP TRIGGER reopen_worse ON divergence_report;
DROP TABLE report_event;
DROP FUNCTION public.tell_of_report(), public.number_report_event(), public.guard_handling(), public.reopen_worse();
DROP POLICY may_update ON divergence_report;
ALTER TABLE divergence_report
    DROP COLUMN state,
    DROP COLUMN acknowledged_at,
    DROP COLUMN acknowledged_by,
    DROP COLUMN assignee_id,
    DROP COLUMN snoozed_until,
    DROP COLUMN closed_at,
    DROP COLUMN closed_by,
    DROP COLUMN close_reason,
    DROP COLUMN closed_as,
    DROP COLUMN reopen_reason,
    DROP COLUMN handling_version,
    DROP CONSTRAINT uq_divergence_report_org_id_project_id_id;
DROP FUNCTION auth.projects_commented();
REVOKE INSERT, UPDATE ON divergence_report FROM augentis_worker;
