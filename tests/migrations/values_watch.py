"""What notices take and refuse, for `test_values.py`."""

from routing.matchers import NoticeKind

_OVER = "opened_at = now(), ended_at = now()"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_alert_notice_kind": (
        [f"kind = '{kind}', cohort = ''" for kind in NoticeKind],
        [f"kind = '{kind}', cohort = ''" for kind in ("project_silent", "NO_SUCH", "")],
    ),
    "ck_alert_notice_cohort": (
        ["kind = 'COHORT_SILENT', cohort = 'trial'", "kind = 'PROJECT_SILENT', cohort = ''"],
        [f"kind = '{kind}', cohort = 'trial'" for kind in NoticeKind if kind is not NoticeKind.COHORT_SILENT],
    ),
    "ck_alert_notice_ended": (
        [_OVER, f"{_OVER} + interval '1 day'", "ended_at = NULL"],
        [f"{_OVER} - interval '1 microsecond'"],
    ),
    "ck_alert_notice_detail": (
        ["detail = '{}'", """detail = '{"last": "2026-11-24T00:00:00+00:00"}'"""],
        ["detail = '[]'", "detail = 'null'"],
    ),
}
