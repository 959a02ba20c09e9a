"""What silences and windows take and refuse, for `test_values.py`."""

DAY = "date '2026-11-30'"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_alert_silence_matchers": (
        ["matchers = '{}'", """matchers = '{"cohort": ["", "mainstream"]}'"""],
        [
            "matchers = '[]'",
            """matchers = '{"cohort": "mainstream"}'""",
            """matchers = '{"colour": ["red"]}'""",
        ],
    ),
    "ck_alert_silence_span": (
        [
            "ends_at = starts_at + interval '1 second'",
            "starts_at = '2026-03-01Z', ends_at = '2027-03-02Z'",
        ],
        [
            "ends_at = starts_at",
            "starts_at = '2026-03-01Z', ends_at = '2027-03-02 00:00:01Z'",
            "ends_at = 'infinity'",
            "starts_at = '-infinity'",
        ],
    ),
    "ck_alert_silence_reason_length": (
        ["reason = repeat('ä', 3)", "reason = repeat('ä', 2000)"],
        ["reason = repeat('ä', 2)", "reason = repeat('ä', 2001)"],
    ),
    "ck_alert_silence_ended": (
        ["ended_at = ends_at, ended_by = created_by", "ended_at = NULL, ended_by = NULL"],
        [
            "ended_at = ends_at, ended_by = NULL",
            "ended_at = NULL, ended_by = created_by",
            "ended_at = ends_at + interval '1 second', ended_by = created_by",
        ],
    ),
    "ck_alert_window_matchers": (
        ["matchers = '{}'", """matchers = '{"notice": ["PROJECT_SILENT"]}'"""],
        ["matchers = 'null'", """matchers = '{"notice": ["ELSE"]}'"""],
    ),
    "ck_alert_window_kind": (
        ["kind = 'QUIET_HOURS'", "kind = 'MAINTENANCE'"],
        ["kind = 'quiet_hours'", "kind = ''"],
    ),
    "ck_alert_window_lets_through": (
        [f"lets_through = {word}" for word in ("NULL", "'critical'", "'error'", "'warning'")],
        ["lets_through = 'info'", "lets_through = 'CRITICAL'", "lets_through = ''"],
    ),
    "ck_alert_window_name_length": (
        ["name = 'ä'", "name = repeat('ä', 100)"],
        ["name = ''", "name = repeat('ä', 101)"],
    ),
    "ck_alert_window_timezone_length": (
        ["timezone = 'UTC'", "timezone = repeat('x', 100)"],
        ["timezone = ''", "timezone = repeat('x', 101)"],
    ),
    "ck_alert_window_weekdays": (
        ["weekdays = '{1}'", "weekdays = '{1,2,3,4,5,6,7}'"],
        [
            "weekdays = '{}'",
            "weekdays = '{0}'",
            "weekdays = '{8}'",
            "weekdays = '{1,NULL}'",
            "weekdays = '{{1},{2}}'",
            "weekdays = '{1,1,1,1,1,1,1,1}'",
        ],
    ),
    "ck_alert_window_from_time": (
        ["from_time = '00:00'", "from_time = '23:59'"],
        ["from_time = '24:00'", "from_time = '22:00:01'", "from_time = '22:00:00.000001'"],
    ),
    "ck_alert_window_to_time": (
        ["to_time = '00:00'", "to_time = '23:59'"],
        ["to_time = '24:00'", "to_time = '22:00:01'"],
    ),
    "ck_alert_window_days": (
        [
            f"first_day = {DAY}, last_day = {DAY}",
            f"first_day = NULL, last_day = {DAY}",
            f"first_day = {DAY}, last_day = NULL",
        ],
        [
            f"first_day = {DAY}, last_day = {DAY} - 1",
            "first_day = '1899-12-31', last_day = NULL",
            "first_day = NULL, last_day = 'infinity'",
            "first_day = '-infinity', last_day = NULL",
            "first_day = '9000-01-02', last_day = NULL",
            "first_day = NULL, last_day = '1899-12-31'",
        ],
    ),
}
