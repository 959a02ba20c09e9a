"""What reports, their events and cascades take and refuse, for `test_values.py`."""

from tests.migrations.values import DIVERGENCES, METRICS, SOMEBODY, TIERS, lengths, numbers, words

CLOSED = f"closed_at = now(), closed_by = {SOMEBODY}, closed_as = 'MINOR'"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_divergence_report_divergence_type": words("divergence_type", DIVERGENCES),
    "ck_divergence_report_metric_name": words("metric_name", METRICS),
    "ck_divergence_report_assumption_evidence_tier": words("assumption_evidence_tier", TIERS),
    "ck_divergence_report_telemetry_evidence_tier": words("telemetry_evidence_tier", TIERS),
    "ck_divergence_report_tier_delta": numbers("tier_delta", 0, 4),
    "ck_divergence_report_classification": words("classification", "COSMETIC MINOR MAJOR"),
    "ck_divergence_report_status": words("status", "OPEN RESOLVED SUPERSEDED"),
    "ck_divergence_report_lane": words("lane", "daily fast estimate"),
    "ck_divergence_report_close_reason_length": (
        [f"{CLOSED}, close_reason = repeat('ä', {length})" for length in (3, 2000)],
        [f"{CLOSED}, close_reason = repeat('ä', {length})" for length in (2, 2001)],
    ),
    "ck_divergence_report_reopen_reason_length": lengths("reopen_reason", 3, 2000),
    "ck_divergence_report_closed_as": (
        [f"{CLOSED.replace('MINOR', word)}, close_reason = 'why'" for word in ("COSMETIC", "MINOR", "MAJOR")],
        [f"{CLOSED.replace('MINOR', word)}, close_reason = 'why'" for word in ("", "minor")],
    ),
    "ck_divergence_report_acknowledged": (
        [f"acknowledged_at = now(), acknowledged_by = {SOMEBODY}"],
        ["acknowledged_at = now()", f"acknowledged_by = {SOMEBODY}"],
    ),
    "ck_divergence_report_closed": (
        [f"{CLOSED}, close_reason = 'why'"],
        [
            CLOSED,
            "close_reason = 'why'",
            "closed_at = now()",
            f"closed_by = {SOMEBODY}",
            "closed_as = 'MINOR'",
        ],
    ),
    "ck_divergence_report_reopened": (
        [f"{CLOSED}, close_reason = 'why'", "reopen_reason = 'why'"],
        [f"{CLOSED}, close_reason = 'why', reopen_reason = 'why'"],
    ),
    "ck_report_event_sequence": (
        ["sequence = 1", "sequence = 2147483647"],
        ["sequence = 0", "sequence = -1"],
    ),
    "ck_report_event_kind": words(
        "kind",
        "DETECTED RECLASSIFIED ACKNOWLEDGED UNACKNOWLEDGED ASSIGNED UNASSIGNED SNOOZED WOKEN RESOLVED"
        " REOPENED SUPERSEDED",
    ),
    "ck_report_event_actor_kind": (
        ["actor_kind = 'system'", f"actor_kind = 'user', actor_id = {SOMEBODY}"],
        ["actor_kind = ''", "actor_kind = 'key'", "actor_kind = 'SYSTEM'"],
    ),
    "ck_report_event_actor": (
        [f"actor_kind = 'user', actor_id = {SOMEBODY}"],
        ["actor_kind = 'user'", f"actor_id = {SOMEBODY}"],
    ),
    "ck_report_event_body": (["body = '{}'"], ["body = '[]'", "body = 'null'", "body = '1'"]),
    "ck_report_event_comment": (
        [f"kind = 'COMMENTED', body = jsonb_build_object('text', repeat('ä', {n}))" for n in (1, 5000)],
        [
            *(f"kind = 'COMMENTED', body = jsonb_build_object('text', repeat('ä', {n}))" for n in (0, 5001)),
            *(
                f"kind = 'COMMENTED', body = '{body}'"
                for body in ("{}", '{"text": null}', '{"text": 1}', '{"text": "x", "by": "person"}')
            ),
        ],
    ),
    "ck_cascade_analysis_reexecution_scope_days": numbers("reexecution_scope_days", 2, 7),
    "ck_cascade_analysis_full_redesign_days": numbers("full_redesign_days", 14, 21),
    "ck_cascade_analysis_recommendation": words("recommendation", "SKIP REEXECUTE FULL_REDESIGN"),
}
