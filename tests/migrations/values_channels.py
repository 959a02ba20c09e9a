"""What alert channels take and refuse, for `test_values.py`."""

_EMAIL = "kind = 'email', sealed = NULL"
_PLAIN = "kind = 'kafka', sealed = NULL, settings = '{}'"


def _mailed(*addresses: str) -> str:
    """Return assignments of a channel that mails these, each as JSON has it."""
    return f"{_EMAIL}, settings = '{{\"to\": [{', '.join(addresses)}]}}'"


def _lengths(column: str, most: str, kind: str, *others: str) -> tuple[list[str], list[str]]:
    also = "".join(f", {other}" for other in others)
    good = [f"{column} = repeat('x', {length})::{kind}{also}" for length in (1, most)]
    return good, [f"{column} = repeat('x', {length})::{kind}{also}" for length in (0, f"{most} + 1")]


CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_alert_channel_name_length": (
        ["name = 'ä'", "name = repeat('ä', 100)"],
        ["name = ''", "name = repeat('ä', 101)"],
    ),
    "ck_alert_channel_name": (
        ["name = 'a b'", "name = '<!channel> *x* é 漢'"],
        [rf"name = E'a{code}b'" for code in (r"\n", r"\r", r"\x1b", r"\u0085", r"\u2028", r"\x7f")],
    ),
    "ck_alert_channel_kind": (
        [
            _PLAIN,
            _mailed('"a@b.c"'),
            *(f"kind = '{kind}'" for kind in ["webhook", "slack", "teams", "pagerduty", "alertmanager"]),
        ],
        [f"kind = '{kind}'" for kind in ("KAFKA", "sms", "")],
    ),
    "ck_alert_channel_settings": (
        ["settings = '{}'", "settings = jsonb_build_object('url', repeat('x', 19000))"],
        ["settings = '[]'", "settings = 'null'", "settings = jsonb_build_object('url', repeat('x', 20000))"],
    ),
    "ck_alert_channel_recipients": (
        [
            _mailed('"a@b.c"'),
            _mailed(*['"a@b.c"'] * 50),
            f"{_mailed()}, disabled_at = now(), disabled_reason = 'x'",
            f"{_mailed()}, removed_at = now()",
        ],
        [
            _mailed(),
            _mailed(*['"a@b.c"'] * 51),
            f"{_EMAIL}, settings = '{{}}'",
            f'{_EMAIL}, settings = \'{{"to": "a@b.c"}}\'',
            f"{_EMAIL}, settings = '{{\"to\": null}}'",
        ],
    ),
    "ck_alert_channel_addresses": (
        [_mailed('"first.last+tag@sub.acme.example"', "\"o''neill@acme.example\"", '"a=b?c@d.e"')],
        [
            _mailed(address)
            for address in (
                "1",
                '["a@b.c"]',
                '"a"',
                r'"a@b.c\r\nBcc: x@y.z"',
                r'"a@b.c\n"',
                r'"\na@b.c"',
                '"a@b.c, x@y.z"',
                '"A <a@b.c>"',
                '"a b@c.d"',
                '"a@b@c.d"',
                '"ä@b.c"',
                '"=?x?=@b.c"',
            )
        ],
    ),
    "ck_alert_channel_sealed": (
        [
            _PLAIN,
            "kind = 'alertmanager', sealed = NULL",
            "kind = 'alertmanager'",
            "removed_at = now(), sealed = NULL",
        ],
        ["sealed = NULL", "kind = 'kafka'", "removed_at = now()"],
    ),
    "ck_alert_channel_sealed_length": _lengths("sealed", "20000", "bytea"),
    "ck_alert_channel_rotated": (
        ["secret_rotated_at = now()", "secret_rotated_at = NULL, kind = 'slack'"],
        ["secret_rotated_at = now(), kind = 'slack'"],
    ),
    "ck_alert_channel_rate_per_minute": (
        ["rate_per_minute = 1", "rate_per_minute = 6000"],
        ["rate_per_minute = 0", "rate_per_minute = 6001"],
    ),
    "ck_alert_channel_heartbeat_every": (
        ["heartbeat_every = '1 minute'", "heartbeat_every = '31 days'", "heartbeat_every = NULL"],
        ["heartbeat_every = '59.999999 seconds'", "heartbeat_every = '31 days 0.000001 seconds'"],
    ),
    "ck_alert_channel_disabled": (
        ["disabled_at = now(), disabled_reason = 'x'"],
        ["disabled_at = now()", "disabled_reason = 'x'"],
    ),
    "ck_alert_channel_disabled_reason_length": _lengths(
        "disabled_reason", "500", "text", "disabled_at = now()"
    ),
}
