"""What is taken out of detection: windows that stand, and the newest version of a project's holidays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from detectors.assumptions import Assumption
from detectors.exclusions import Exclusions, Window
from metrics.names import Metric
from storage.ledger import Connection

_APART = timedelta(days=2)
"""No two time zones have dates further apart at one moment."""


class Judged(Protocol):
    """An assumption of a project: watched, or not yet approved and only tried on what was."""

    @property
    def org_id(self) -> UUID:
        """The project's organisation."""

    @property
    def project_id(self) -> UUID:
        """The project whose telemetry it is about."""

    @property
    def assumption(self) -> Assumption:
        """What is assumed."""


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What a project takes out of some hours: windows, not cut to these, and holidays."""

    zone: ZoneInfo
    windows: Sequence[Window]
    holidays: Sequence[date]

    def of(self, assumption: Assumption) -> Exclusions:
        """Return what of it concerns an assumption."""
        return Exclusions.of(self.zone, assumption, self.windows, self.holidays)


async def excluded(connection: Connection, item: Judged, start: datetime, end: datetime) -> Exclusions:
    """Return what is taken out for `item` of the hours in [start, end); windows are not cut to these."""
    found = await taken_out(connection, (item.org_id, item.project_id), start, end)
    return found.of(item.assumption)


async def taken_out(
    connection: Connection, project: tuple[UUID, UUID], start: datetime, end: datetime
) -> TakenOut:
    """Return what a project (organisation, project) takes out of the hours in [start, end)."""
    windows = await connection.fetch(
        """SELECT starts_at, ends_at, metric_name, cohort, feature FROM exclusion_window
           WHERE org_id = $1 AND project_id = $2 AND removed_at IS NULL
             AND starts_at < $4 AND ends_at > $3""",
        *project,
        start,
        end,
    )
    row = await connection.fetchrow(
        """SELECT o.timezone, ARRAY(
               SELECT h.day FROM (
                   SELECT holidays FROM holiday_calendar WHERE org_id = $1 AND project_id = $2
                   ORDER BY version DESC LIMIT 1) AS c,
               LATERAL jsonb_to_recordset(c.holidays) AS h (day date)
               WHERE h.day BETWEEN $3 AND $4) AS days
           FROM organization AS o WHERE o.id = $1""",
        *project,
        (start - _APART).date(),
        (end + _APART).date(),
    )
    assert row is not None  # noqa: S101  # the organisation of what is watched
    return TakenOut(ZoneInfo(row["timezone"]), [_window(each) for each in windows], row["days"])


def _window(row: Any) -> Window:
    metric = row["metric_name"]
    return Window(
        row["starts_at"], row["ends_at"], Metric(metric) if metric else None, row["cohort"], row["feature"]
    )
