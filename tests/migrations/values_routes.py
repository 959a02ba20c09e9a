"""What routes of alerts take and refuse, for `test_values.py`."""

from uuid import UUID

_SOMEBODY = "(SELECT min(id::text)::uuid FROM app_user)"
_DEFAULT = "is_default = true, created_by = NULL, position = 1000000, continues = false, matchers = '{}'"
_OURS = f"is_default = false, created_by = {_SOMEBODY}, position = 5"
_ID = str(UUID(int=7))
_MANY = "(SELECT jsonb_build_object('tag', jsonb_agg('a'::text)) FROM generate_series(1, {}))"
_LONG = "jsonb_build_object('tag', jsonb_build_array(repeat('ä', {})))"
_TAKEN = [
    "'{}'",
    """'{"tag": [], "cohort": [""], "feature": ["F12"]}'""",
    f"""'{{"project_id": ["{_ID}"]}}'""",
    """'{"classification": ["COSMETIC", "MAJOR"]}'""",
    """'{"divergence_type": ["LATENCY_MISS"]}'""",
    """'{"metric_name": ["latency_p50"]}'""",
    """'{"notice": ["DEAD_LETTERS"]}'""",
    _MANY.format(50),
    _LONG.format(100),
]
_REFUSED = [
    "'[]'",
    "'null'",
    """'{"colour": []}'""",
    """'{"tag": "a"}'""",
    """'{"tag": [1]}'""",
    """'{"tag": [null]}'""",
    """'{"project_id": ["no id"]}'""",
    f"""'{{"project_id": ["{{{_ID}}}"]}}'""",
    """'{"classification": ["major"]}'""",
    """'{"divergence_type": [""]}'""",
    """'{"metric_name": ["latency_p99"]}'""",
    """'{"notice": ["dead_letters"]}'""",
    _MANY.format(51),
    _LONG.format(101),
]


def _changed(base: str, **changes: str) -> str:
    """Return assignments like those of `base`, but for `changes`."""
    said = dict(part.split(" = ", 1) for part in base.split(", "))
    return ", ".join(f"{column} = {value}" for column, value in {**said, **changes}.items())


def _spans(column: str, least: str, most: str) -> tuple[list[str], list[str]]:
    good = [f"{column} = interval '{least}'", f"{column} = interval '{most}'"]
    beyond = [
        f"interval '{least}' - interval '1 microsecond'",
        f"interval '{most}' + interval '1 microsecond'",
    ]
    return good, [f"{column} = {span}" for span in beyond]


CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_alert_route_name_length": (
        ["name = 'ä'", "name = repeat('ä', 100)"],
        ["name = ''", "name = repeat('ä', 101)"],
    ),
    "ck_alert_route_name": (
        ["name = '<checkout> & ''sons'''"],
        ["name = E'a\\nb'", "name = E'\\x1b[31m'", "name = E'a\\u2028b'"],
    ),
    "ck_alert_route_position": (
        [_DEFAULT, _OURS, _changed(_OURS, position="0"), _changed(_OURS, position="999999")],
        [
            _changed(_DEFAULT, position="999999"),
            _changed(_OURS, position="1000000"),
            _changed(_OURS, position="-1"),
        ],
    ),
    "ck_alert_route_default": (
        [_DEFAULT, _OURS],
        [
            _changed(_DEFAULT, matchers="""'{"tag": []}'"""),
            _changed(_DEFAULT, continues="true"),
            _changed(_DEFAULT, created_by=_SOMEBODY),
            _changed(_OURS, created_by="NULL"),
        ],
    ),
    "ck_alert_route_matchers": (
        [_changed(_OURS, matchers=value) for value in _TAKEN],
        [_changed(_OURS, matchers=value) for value in _REFUSED],
    ),
    "ck_alert_route_group_by": (
        ["group_by = 'incident'", "group_by = 'report'"],
        ["group_by = 'project'", "group_by = 'INCIDENT'", "group_by = ''"],
    ),
    "ck_alert_route_group_wait": _spans("group_wait", "0", "1 hour"),
    "ck_alert_route_repeat_every": _spans("repeat_every", "1 hour", "365 days"),
    "ck_alert_route_cosmetic": (
        ["cosmetic = 'digest'", "cosmetic = 'at_once'", "cosmetic = 'never'"],
        ["cosmetic = 'weekly'", "cosmetic = 'DIGEST'", "cosmetic = ''"],
    ),
    "ck_alert_route_storm_at": (
        ["storm_at = 2", "storm_at = 100000"],
        ["storm_at = 1", "storm_at = 100001"],
    ),
    "ck_alert_route_escalate_after": _spans("escalate_after", "1 minute", "30 days"),
    "ck_alert_route_channel_role": (
        ["role = 'notify'", "role = 'escalate'"],
        ["role = 'tell'", "role = 'NOTIFY'", "role = ''"],
    ),
}
