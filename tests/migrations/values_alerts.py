"""What is due and what was told takes and refuses, for `test_values.py`."""

from storage.tables.alerts import SUBJECT_KINDS, THREAD_KINDS, TOLD_STATES

_ID = "gen_random_uuid()"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_alert_due_subject_kind": (
        [
            *(f"subject_kind = '{kind}', project_id = {_ID}" for kind in SUBJECT_KINDS),
            "subject_kind = 'organization', project_id = NULL",
        ],
        [f"subject_kind = 'REPORT', project_id = {_ID}", f"subject_kind = '', project_id = {_ID}"],
    ),
    "ck_alert_due_project": (
        [f"subject_kind = 'report', project_id = {_ID}"],
        ["subject_kind = 'report', project_id = NULL", f"subject_kind = 'organization', project_id = {_ID}"],
    ),
    "ck_alert_told_subject_kind": (
        [
            "subject_kind = 'notice', classification = NULL",
            "subject_kind = 'report', classification = 'MAJOR'",
        ],
        ["subject_kind = 'organization'", "subject_kind = ''"],
    ),
    "ck_alert_told_thread_kind": (
        [f"thread_kind = '{kind}'" for kind in THREAD_KINDS],
        ["thread_kind = 'STORM'", "thread_kind = ''"],
    ),
    "ck_alert_told_state": (
        [f"state = '{state}'" for state in TOLD_STATES],
        ["state = 'told'", "state = ''"],
    ),
    "ck_alert_told_classification": (
        [f"classification = '{each}'" for each in ("COSMETIC", "MINOR", "MAJOR")],
        ["classification = 'major'", "classification = ''"],
    ),
    "ck_alert_told_classified": (
        [
            "subject_kind = 'report', classification = 'MINOR'",
            "subject_kind = 'notice', classification = NULL",
        ],
        [
            "subject_kind = 'report', classification = NULL",
            "subject_kind = 'notice', classification = 'MINOR'",
        ],
    ),
}
