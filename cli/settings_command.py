import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

import settings as product


def settings(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """List each setting: its variable, what it means, its default and its value (of secrets: set or not)."""
    current = product.load()
    rows = [
        _row(name, field, getattr(current, name)) for name, field in product.Settings.model_fields.items()
    ]
    if as_json:
        print(json.dumps(rows))
    else:
        _print_text(rows)


def _row(name: str, field: FieldInfo, value: Any) -> dict[str, Any]:
    default = field.get_default(call_default_factory=True, validated_data={})
    return {
        "name": field.alias or name.upper(),
        "meaning": field.description,
        "default": _shown(default, secret=False),
        "value": _shown(value, secret=isinstance(value, SecretStr) or "SecretStr" in str(field.annotation)),
    }


def _shown(value: Any, *, secret: bool) -> str | int | None:
    if secret:
        return "set" if value is not None else "not set"
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, Mapping):
        return json.dumps({name: entry.model_dump() for name, entry in value.items()}) if value else None
    return value if value is None or isinstance(value, int) else str(value)


def _duration(value: timedelta) -> str:
    """Return it as it is written in the environment, in the largest unit that divides it."""
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if value and value.total_seconds() % seconds == 0:
            return f"{value.total_seconds() / seconds:.0f}{unit}"
    return f"{value.total_seconds():g}s"


def _print_text(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        default = "" if row["default"] in (None, row["value"]) else f"  (default {row['default']})"
        print(f"{row['name']} = {'-' if row['value'] is None else row['value']}{default}")
        print(f"    {row['meaning']}")
