"""What telemetry, and what says how it is taken in, takes and refuses, for `test_values.py`."""

from tests.migrations.values import METRICS, lengths, words

OPERATORS = "org_id = '00000000-0000-0000-0000-000000000000'"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_machine_key_name_length": lengths("name", 1, 100),
    "ck_machine_key_scopes": (
        ["scopes = '{publish}'", "scopes = '{read}'", "scopes = '{run,read,publish}'"],
        ["scopes = '{}'", "scopes = '{write}'", "scopes = '{read,read,publish,run}'"],
    ),
    "ck_machine_key_secret_sha256": (
        ["secret_sha256 = sha256('x')"],
        ["secret_sha256 = '\\x00'", "secret_sha256 = sha512('x')"],
    ),
    "ck_machine_key_quota": (
        ["quota = NULL", "quota = '1/second'", "quota = '1000000/hour'", "quota = '999999999999/day'"],
        [
            f"quota = '{quota}'"
            for quota in ("", "0/hour", "1000000", "1/week", "-1/hour", "1/hour ", "1.5/hour")
        ],
    ),
    "ck_otlp_mapping_version": (["version = 1"], ["version = 0", "version = -1"]),
    "ck_exclusion_window_kind": words("kind", "INCIDENT MIGRATION LOAD_TEST OTHER"),
    "ck_exclusion_window_metric_name": words("metric_name", METRICS),
    "ck_exclusion_window_reason_length": lengths("reason", 3, 500),
    "ck_exclusion_window_span": (
        [
            "ends_at = starts_at + interval '1 second'",
            "starts_at = '2026-03-01Z', ends_at = '2026-05-30Z'",
        ],
        [
            "ends_at = starts_at",
            "ends_at = starts_at - interval '1 second'",
            "starts_at = '2026-03-01Z', ends_at = '2026-05-30 00:00:01Z'",
            "ends_at = 'infinity'",
        ],
    ),
    "ck_exclusion_window_removed": (
        ["removed_at = now(), removed_by = created_by", "removed_at = NULL, removed_by = NULL"],
        ["removed_at = now(), removed_by = NULL", "removed_at = NULL, removed_by = created_by"],
    ),
    "ck_holiday_calendar_version": (["version = 1"], ["version = 0", "version = -1"]),
    "ck_holiday_calendar_holidays": (
        ["holidays = '[]'"],
        ["holidays = '{}'", "holidays = 'null'", "holidays = '\"2026-12-25\"'"],
    ),
    "ck_holiday_calendar_country": (
        [
            "country = NULL, subdivision = NULL, first_year = NULL, last_year = NULL",
            "country = 'DE', subdivision = NULL, first_year = 2026, last_year = 2027",
            "country = 'DE', subdivision = 'BY', first_year = 2026, last_year = 2026",
        ],
        [
            "country = 'DE', first_year = NULL, last_year = NULL",
            "country = 'DE', first_year = 2026, last_year = NULL",
            "country = NULL, subdivision = NULL, first_year = 2026, last_year = 2026",
            "country = NULL, subdivision = 'BY', first_year = NULL, last_year = NULL",
        ],
    ),
    "ck_telemetry_metric_name": words("metric_name", METRICS),
    "ck_telemetry_unit": words("unit", "% count ms rate"),
    "ck_telemetry_whole_hour": (
        ["timestamp = '2026-11-01 11:00+00'", "timestamp = '2026-11-01 11:00+01'"],
        ["timestamp = '2026-11-01 11:30+00'", "timestamp = '2026-11-01 11:00:01+00'"],
    ),
    "ck_dead_letter_reason": words(
        "reason",
        "not_json bad_schema unknown_org unknown_project unknown_metric bad_value bad_unit bad_timestamp"
        " future too_late too_large too_many_series tenant_mismatch bad_key over_quota unmapped",
    ),
    "ck_dead_letter_whose": (
        ["project_id = gen_random_uuid()", f"{OPERATORS}, project_id = NULL"],
        ["project_id = NULL", f"{OPERATORS}, project_id = gen_random_uuid()"],
    ),
    "ck_dead_letter_replayed": (
        ["replayed_at = now(), replayed_as = gen_random_uuid()", "replayed_at = NULL, replayed_as = NULL"],
        ["replayed_at = now(), replayed_as = NULL", "replayed_at = NULL, replayed_as = gen_random_uuid()"],
    ),
    "ck_outbox_destination": words("destination", "kafka webhook"),
    "ck_series_metric_name": words("metric_name", METRICS),
    "ck_topic_binding_topic": (
        ["topic = 'raw_metrics.acme'", "topic = 'otlp_metrics.a.b'", "topic = 'backfill_metrics.x_1-2'"],
        [
            f"topic = '{topic}'"
            for topic in (
                *("raw_metrics", "raw_metrics.", "raw_metrics.dlq", "otlp_metrics.parked", "other.acme"),
                *("raw_metrics.acme.dlq", "raw_metrics.a b", "raw_metrics." + "x" * 230),
            )
        ],
    ),
}
