"""What the log takes and refuses, for `test_values.py`."""

from tests.migrations.values import words

CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_audit_log_actor_kind": (
        [f"actor_kind = '{kind}', actor_name = NULL" for kind in ("user", "key")]
        + ["actor_kind = 'role', actor_name = 'augentis'"],
        ["actor_kind = 'worker', actor_name = NULL", "actor_kind = 'USER', actor_name = NULL"],
    ),
    "ck_audit_log_actor_name": (
        ["actor_kind = 'user', actor_name = NULL", "actor_kind = 'role', actor_name = 'augentis'"],
        ["actor_kind = 'user', actor_name = 'augentis'", "actor_kind = 'role', actor_name = NULL"],
    ),
    "ck_audit_checkpoint_whole_months": (
        ["dropped_before = '2026-11-01Z'", "dropped_before = '2026-11-01 01:00+01'"],
        ["dropped_before = '2026-11-02Z'", "dropped_before = '2026-11-01 00:00:00.000001Z'"],
    ),
    "ck_audit_log_action": words("action", "CREATE UPDATE DELETE APPROVE OVERRIDE ESCALATE"),
    "ck_audit_log_resource_type": words(
        "resource_type",
        "Organization User OrganizationMember Invitation Workspace Project ProjectAccess Artifact Tag"
        " ArtifactDependency Assumption MachineKey OtlpMapping ExclusionWindow HolidayCalendar",
    ),
}
