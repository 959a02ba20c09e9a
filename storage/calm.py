"""What holds an organisation's alerts: silences and windows, as `routing.calm` reads them."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from routing.calm import Silence, Window, WindowKind
from routing.matchers import Matchers
from routing.severity import Severity
from storage.ledger import Connection

log = logging.getLogger(__name__)

APART = timedelta(days=2)
"""A window that began on its last day has ended by then, wherever that is."""


async def calm(connection: Connection, org_id: UUID, at: datetime) -> tuple[list[Silence], list[Window]]:
    """Return the organisation's silences and windows that hold at `at`, or may later."""
    silences = await connection.fetch(
        """SELECT id, matchers, starts_at, ends_at, ended_at FROM alert_silence
           WHERE org_id = $1 AND coalesce(ended_at, ends_at) > $2 ORDER BY id""",
        org_id,
        at,
    )
    windows = await connection.fetch(
        """SELECT id, name, kind, matchers, timezone, weekdays, from_time, to_time, first_day, last_day,
                  lets_through
           FROM alert_window
           WHERE org_id = $1 AND removed_at IS NULL AND (last_day IS NULL OR last_day >= $2) ORDER BY id""",
        org_id,
        (at - APART).date(),
    )
    return [silence(dict(row)) for row in silences], list(usable([dict(row) for row in windows]))


def silence(row: Mapping[str, Any]) -> Silence:
    """Return the silence in a row of `alert_silence`."""
    return Silence(row["id"], _matchers(row["matchers"]), row["starts_at"], row["ends_at"], row["ended_at"])


def usable(rows: Sequence[Mapping[str, Any]]) -> Iterator[Window]:
    """Yield the windows in rows of `alert_window`; in a time zone that is not known here nothing waits."""
    for row in rows:
        try:
            zone = ZoneInfo(row["timezone"])
        except (ZoneInfoNotFoundError, ValueError, OSError):
            log.warning("window %s holds nothing: no time zone is called %r", row["id"], row["timezone"])
            continue
        yield _window(row, zone)


def _window(row: Mapping[str, Any], zone: ZoneInfo) -> Window:
    return Window(
        row["id"],
        row["name"],
        WindowKind(row["kind"]),
        _matchers(row["matchers"]),
        zone,
        frozenset(row["weekdays"]),
        row["from_time"],
        row["to_time"],
        row["first_day"],
        row["last_day"],
        Severity(row["lets_through"]) if row["lets_through"] else None,
    )


def _matchers(value: Any) -> Matchers:
    return Matchers.model_validate(json.loads(value) if isinstance(value, str) else value)
