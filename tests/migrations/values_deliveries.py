"""What deliveries and lanes take and refuse, for `test_values.py`."""

from storage.tables.deliveries import DELIVERY_KINDS

_ID = "gen_random_uuid()"
_DEAD = "status = 'DEAD', body = '', last_error = 'why', sent_at = NULL, next_attempt_at = NULL"
_SENT = "status = 'SENT', body = NULL, sent_at = now(), next_attempt_at = NULL"
_PENDING = "status = 'PENDING', body = '', sent_at = NULL"
_LONG = "last_error = repeat('ä', {})"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_alert_delivery_kind": (
        [f"kind = '{kind}'" for kind in DELIVERY_KINDS],
        ["kind = 'DETECTED'", "kind = ''"],
    ),
    "ck_alert_delivery_status": (
        [_PENDING, _SENT, _DEAD],
        [_PENDING.replace("PENDING", word) for word in ("pending", "", "GONE")],
    ),
    "ck_alert_delivery_sequence": (["sequence = 1"], ["sequence = 0", "sequence = -1"]),
    "ck_alert_delivery_attempts": (["attempts = 0"], ["attempts = -1"]),
    "ck_alert_delivery_whose": (
        ["report_id = NULL, project_id = NULL", "report_id = NULL"],
        ["project_id = NULL"],
    ),
    "ck_alert_delivery_head": (
        [f"{_PENDING}, next_attempt_at = now()", f"{_PENDING}, next_attempt_at = NULL", _DEAD],
        [sets.replace("next_attempt_at = NULL", "next_attempt_at = now()") for sets in (_DEAD, _SENT)],
    ),
    "ck_alert_delivery_sent": (
        [_SENT, _PENDING, _DEAD],
        [
            _SENT.replace("sent_at = now()", "sent_at = NULL"),
            _PENDING.replace("sent_at = NULL", "sent_at = now()"),
            _DEAD.replace("sent_at = NULL", "sent_at = now()"),
        ],
    ),
    "ck_alert_delivery_dead": (
        [_DEAD, f"{_PENDING}, last_error = NULL"],
        [_DEAD.replace("last_error = 'why'", "last_error = NULL")],
    ),
    "ck_alert_delivery_body": (
        [_SENT, _PENDING, f"{_PENDING.replace(chr(39) * 2, 'NULL')}, kind = 'test'"],
        [_SENT.replace("body = NULL", "body = ''"), _PENDING.replace("body = ''", "body = NULL")],
    ),
    "ck_alert_delivery_last_error_length": (
        [_LONG.format(1), _LONG.format(500)],
        ["last_error = ''", _LONG.format(501)],
    ),
    "ck_alert_lane_leased": (
        [f"lease = {_ID}, leased_until = now()", "lease = NULL, leased_until = NULL"],
        [f"lease = {_ID}", "leased_until = now()"],
    ),
    "ck_alert_lane_failures": (["failures = 0"], ["failures = -1"]),
    "ck_alert_lane_tokens": (["tokens = 0", "tokens = 0.5"], ["tokens = -0.1"]),
}
