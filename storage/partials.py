"""Partials: what each source partition contributed to each hour, as absolute state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import Metric
from metrics.users import UserSet
from storage.ledger import Connection, Place

_KEY = "org_id, project_id, hour, metric_name, cohort, feature"
_STATE = "value_micro, of_micro, sample_count, users, positive_users, latency"


class SeriesHour(NamedTuple):
    """What a cell is about; `hour` is epoch seconds."""

    org_id: UUID
    project_id: UUID
    hour: int
    metric: Metric
    cohort: str
    feature: str


@dataclass(frozen=True, slots=True)
class Held:
    """A partial as it stands: the cell and its revision."""

    cell: Cell
    revision: int


async def load(connection: Connection, place: Place, wanted: Iterable[SeriesHour]) -> dict[SeriesHour, Held]:
    """Return those of `wanted` (not empty) that this source partition has contributed to before."""
    series = list(wanted)
    hours = [datetime.fromtimestamp(each.hour, UTC) for each in series]
    rows = await connection.fetch(
        # OFFSET 0: a look-up a series, whatever the planner believes of a table that grows fast. The span
        # of the hours tells it which months it need not open.
        f"""SELECT p.*
            FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
                 AS w ({_KEY}),
            LATERAL (SELECT * FROM partial
                     WHERE ({_KEY}) = (w.org_id, w.project_id, w.hour, w.metric_name, w.cohort, w.feature)
                       AND topic = $7 AND partition = $8 AND hour BETWEEN $9 AND $10 OFFSET 0) AS p""",
        *_key_columns(series),
        place.topic,
        place.partition,
        min(hours),
        max(hours),
    )
    return {_series(row): Held(cell_of(row), row["revision"]) for row in rows}


async def save(connection: Connection, place: Place, states: dict[SeriesHour, Held]) -> None:
    """Write absolute states; one that is not newer than the row it meets changes nothing.

    In the order of the key, as a closer that marks them clean: else the two would deadlock.
    """
    states = {series: states[series] for series in sorted(states)}
    cells = [held.cell for held in states.values()]
    await connection.execute(
        f"""INSERT INTO partial AS p ({_KEY}, {_STATE}, revision, topic, partition, dirty)
            SELECT s.*, $14, $15, true
            FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                        $7::numeric[], $8::numeric[], $9::bigint[], $10::bytea[], $11::bytea[], $12::bytea[],
                        $13::bigint[]) AS s
            ON CONFLICT ({_KEY}, topic, partition) DO UPDATE SET
                ({_STATE}, revision, dirty) = (EXCLUDED.value_micro, EXCLUDED.of_micro, EXCLUDED.sample_count,
                 EXCLUDED.users, EXCLUDED.positive_users, EXCLUDED.latency, EXCLUDED.revision, true)
            WHERE p.revision < EXCLUDED.revision""",
        *_key_columns(list(states)),
        [cell.value_micro for cell in cells],
        [cell.of_micro for cell in cells],
        [cell.samples for cell in cells],
        [cell.users.to_bytes() for cell in cells],
        [cell.positive.to_bytes() for cell in cells],
        [cell.latency.to_bytes() for cell in cells],
        [held.revision for held in states.values()],
        place.topic,
        place.partition,
    )


def cell_of(row: Any) -> Cell:
    """Return the cell in a row of `partial`."""
    return Cell(
        int(row["value_micro"]),
        int(row["of_micro"]),
        row["sample_count"],
        UserSet.from_bytes(row["users"]),
        UserSet.from_bytes(row["positive_users"]),
        LatencyBuckets.from_bytes(row["latency"]),
    )


def _series(row: Any) -> SeriesHour:
    hour = int(row["hour"].timestamp())
    metric = Metric(row["metric_name"])
    return SeriesHour(row["org_id"], row["project_id"], hour, metric, row["cohort"], row["feature"])


def _key_columns(series: Sequence[SeriesHour]) -> tuple[list[Any], ...]:
    return (
        [each.org_id for each in series],
        [each.project_id for each in series],
        [datetime.fromtimestamp(each.hour, UTC) for each in series],
        [str(each.metric) for each in series],
        [each.cohort for each in series],
        [each.feature for each in series],
    )
